"""The cut spanning tree: clusters of single linkage, one scene left whole, margins by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage

from planted import at_unit_length, neighbours_of, partition, planted
from scenesort.retrieval.clustering import ClusteringOptions
from scenesort.retrieval.clustering.mst import Mst, edge_lengths, longest_kept
from scenesort.retrieval.proposals import mst


@given(st.integers(3, 40), st.integers(0, 10**6), st.floats(0, 3))
@settings(max_examples=40, deadline=None)
def test_clusters_are_those_of_single_linkage(count, seed, deviations):
    photos = at_unit_length(np.random.default_rng(seed).normal(size=(count, 4)))
    near = neighbours_of(photos, count)
    lengths = edge_lengths(mst(photos, near).scores)
    longest = longest_kept(lengths, deviations)
    if np.abs(lengths - longest).min() < 1e-3 and deviations > 0:
        return  # on the edge, where rounding decides
    exact = photos.astype(float)
    distance = np.sqrt(np.maximum(2 - 2 * exact @ exact.T, 0))[np.triu_indices(count, 1)]
    # Half way to the next longer edge, so that an edge as long as the cut is kept.
    cut = (longest + min(lengths[lengths > longest], default=longest + 1)) / 2
    wanted = {rows for rows in partition(fcluster(linkage(distance), cut, "distance")) if len(rows) >= 3}
    found = Mst(ClusteringOptions(cut_deviations=deviations)).cluster(photos, near, 0)
    assert partition(found.labels) == wanted


@pytest.mark.parametrize("seed", range(5))
def test_one_scene_stays_whole(seed):
    photos, _ = planted((40,), spread=0.8, seed=seed)
    assert len(Mst(ClusteringOptions()).cluster(photos, neighbours_of(photos, 10), 0)) == 1


def test_the_cut_and_the_margins_are_those_computed_by_hand():
    # On a circle: steps of 4 and 6 degrees, then a step of 60 to the other three.
    angles = np.deg2rad([0, 4, 10, 14, 74, 78, 84])
    photos = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float16)
    found = Mst(ClusteringOptions()).cluster(photos, neighbours_of(photos, 6), 0)
    assert found.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    short, middle, long = (2 * np.sin(np.deg2rad(angle) / 2) for angle in (4, 6, 60))
    # Edges: 4, 6, 4, 60, 4, 6 degrees. Their median is 5 degrees, and all but one are off by 1.
    longest = (short + middle) / 2 + 2.5 * 1.4826 * (middle - short) / 2
    assert middle < longest < long
    np.testing.assert_allclose(found.confidence[:6], 1 - short / longest, atol=0.02)
    assert found.confidence[6] == pytest.approx(1 - middle / longest, abs=0.02)


def test_where_most_edges_are_equal_the_mean_deviation_stands_in():
    assert longest_kept(np.array([1.0, 1, 1, 1, 2]), 2) == pytest.approx(1 + 2 * 1.2533 * 0.2)
    assert longest_kept(np.array([0.0, 0, 0]), 2) == 0
    assert longest_kept(np.array([1.0, 2, 3]), 2) == pytest.approx(2 + 2 * 1.4826)


def test_lengths_of_alike_pairs_do_not_differ_by_rounding():
    lengths = edge_lengths(np.array([1, 1 - 2e-7, 1 + 2e-7, 0.5, -1], np.float32))
    np.testing.assert_allclose(lengths, [0, 0, 0, 1, 2])
