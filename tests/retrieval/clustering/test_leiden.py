"""Leiden's graph and confidence against plain sums; the seed; photos that nothing leads to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planted import at_unit_length, neighbours_of, partition, planted
from scenesort.retrieval.clustering import ClusteringOptions, leiden
from scenesort.retrieval.clustering.leiden import Leiden, edge_weights, mean_similarity


@given(st.integers(2, 40), st.integers(0, 10**6))
@settings(deadline=None)
def test_the_mean_similarity_is_that_of_all_pairs(count, seed):
    photos = at_unit_length(np.random.default_rng(seed).normal(size=(count, 5)))
    exact = photos.astype(float)
    assert mean_similarity(photos) == pytest.approx((exact @ exact.T)[np.triu_indices(count, 1)].mean(), abs=1e-9)


def test_the_mean_similarity_is_summed_in_blocks(monkeypatch):
    photos, _ = planted((20, 7))
    whole = mean_similarity(photos)
    monkeypatch.setattr(leiden, "BLOCK_ROWS", 5)
    assert mean_similarity(photos) == pytest.approx(whole, abs=1e-12)


def test_edges_weigh_by_what_exceeds_chance():
    similarity = np.array([0.9, 0.5, 0.4], np.float32)
    np.testing.assert_allclose(edge_weights(similarity, 0.5), [0.4, 0, 0], atol=1e-6)
    assert edge_weights(similarity, 1).tolist() == [1, 1, 1]


def test_confidence_is_the_share_of_weight_inside():
    photos, _ = planted((10, 8, 6), num_strays=4, spread=1.0, seed=2)
    near = neighbours_of(photos, 8)
    found = Leiden(ClusteringOptions()).cluster(photos, near, 0)
    exact = photos.astype(float) @ photos.astype(float).T
    chance = exact[np.triu_indices(len(photos), 1)].mean()
    whole, inside = np.zeros(len(photos)), np.zeros(len(photos))
    for photo in range(len(photos)):
        partners = {int(row) for row in near.rows[photo]} | set(np.flatnonzero((near.rows == photo).any(axis=1)))
        for row in partners:
            weight = max(exact[photo, row] - chance, 0)
            whole[photo] += weight
            inside[photo] += weight if found.labels[row] == found.labels[photo] else 0
    for photo, label in enumerate(found.labels):
        usual = np.median(whole[found.labels == label])
        share = inside[photo] / max(whole[photo], usual) if label >= 0 else 0
        assert found.confidence[photo] == pytest.approx(share, abs=1e-3)
    assert len({round(float(share), 3) for share in inside / whole}) > 5


def test_a_photo_unlike_all_others_is_in_no_cluster():
    photos, truth = planted((8, 8), spread=0.2)
    opposite = at_unit_length(-photos.astype(float).mean(axis=0, keepdims=True))
    found = Leiden(ClusteringOptions()).cluster(
        np.concatenate([photos, opposite]), neighbours_of(np.concatenate([photos, opposite]), 5), 0
    )
    assert found.labels[-1] == -1
    assert partition(found.labels[:-1]) == partition(truth)


def test_more_resolution_gives_more_clusters():
    photos, _ = planted((30, 30), spread=1.2)
    near = neighbours_of(photos, 10)
    counts = [len(Leiden(ClusteringOptions(resolution=each)).cluster(photos, near, 0)) for each in (0.01, 0.2, 3)]
    assert counts[0] < counts[2]
    assert counts == sorted(counts)


def test_a_graph_without_edges_has_no_clusters():
    photos, _ = planted((5,))
    found = Leiden(ClusteringOptions()).cluster(photos, neighbours_of(photos, 0), 0)
    assert found.labels.tolist() == [-1] * 5


def test_an_undecided_graph_is_parted_alike_twice_and_in_any_order():
    photos, _ = planted((), num_strays=150, seed=1)
    member = Leiden(ClusteringOptions(resolution=1.5))
    found = member.cluster(photos, neighbours_of(photos, 8), 3)
    assert partition(member.cluster(photos, neighbours_of(photos, 8), 4).labels) != partition(found.labels)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(photos))
        shuffled = member.cluster(photos[order], neighbours_of(photos[order], 8), 3)
        assert {frozenset(order[list(rows)].tolist()) for rows in partition(shuffled.labels)} == partition(found.labels)
