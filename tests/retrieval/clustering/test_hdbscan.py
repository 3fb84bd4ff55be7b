"""HDBSCAN: scikit-learn's probabilities; a single scene where there are no two; ties not settled by row."""

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN

from planted import neighbours_of, partition, planted
from scenesort.retrieval.clustering import ClusteringOptions, hdbscan
from scenesort.retrieval.clustering.base import canonical_order
from scenesort.retrieval.clustering.hdbscan import Hdbscan, distances


def clusters(photos, **options):
    return Hdbscan(ClusteringOptions(**options)).cluster(photos, neighbours_of(photos, 1), 0)


def test_labels_and_confidence_are_scikit_learns():
    photos, _ = planted((12, 9, 7), num_strays=5, spread=0.8, seed=4)
    order = canonical_order(photos)
    model = HDBSCAN(min_cluster_size=4, copy=True).fit(photos[order].astype(float))
    found = clusters(photos, least_photos=4)
    assert partition(found.labels[order]) == partition(model.labels_)
    np.testing.assert_allclose(found.confidence[order], model.probabilities_, atol=1e-3)


def test_photos_without_two_clusters_are_one():
    photos, _ = planted((5,), spread=0.1)
    plain = HDBSCAN(min_cluster_size=3, copy=True).fit(photos.astype(float))
    assert (plain.labels_ == -1).all()
    assert len(clusters(photos)) == 1


@pytest.mark.parametrize("seed", range(20))
def test_a_photo_between_two_clusters_goes_to_the_same_one_in_any_order(seed):
    photos, _ = planted((9, 9, 8), num_strays=6, spread=1.1, seed=seed)
    found = clusters(photos)
    order = np.random.default_rng(seed).permutation(len(photos))
    shuffled = clusters(photos[order])
    assert {frozenset(order[list(rows)].tolist()) for rows in partition(shuffled.labels)} == partition(found.labels)


def test_large_collections_are_clustered_alike_without_all_distances(monkeypatch):
    photos, _ = planted((12, 9, 7), num_strays=5, spread=0.6, seed=4)
    small = clusters(photos)
    monkeypatch.setattr(hdbscan, "MOST_PAIRWISE", 10)
    monkeypatch.setattr(hdbscan, "distances", None)
    large = clusters(photos)
    assert partition(large.labels) == partition(small.labels)
    np.testing.assert_allclose(large.confidence, small.confidence, atol=1e-3)
    assert clusters(np.repeat(photos[:1], 12, axis=0)).labels.tolist() == [0] * 12


def test_distances_are_those_of_the_rows():
    photos, _ = planted((5, 4), spread=0.3)
    rows = photos[[0, 0, *range(9)]].astype(float)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    exact = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.testing.assert_allclose(distances(rows), exact, atol=1e-4)
    assert (distances(rows)[:3, :3] == 0).all()
