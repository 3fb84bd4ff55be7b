import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesort.scenes import build_view_graph, edge_confidence, trusted, with_confidence, with_doubts
from scenesort.types import TwoViewGeometry


def geometry(first, second, rows):
    rows = np.asarray(rows, np.uint32)
    return TwoViewGeometry((first, second), np.stack([rows, rows], axis=1), "CALIBRATED")


@pytest.fixture
def keypoints():
    """Keypoint i of each photo shows the same thing; the first 100 are common to two places, spread over the photo."""
    places = np.random.default_rng(0).uniform(0, 600, (300, 2))
    places[:4] = [(0, 0), (600, 0), (0, 600), (600, 600)]
    return {name: places for name in "abcd"}


def test_pairs_across_two_places_are_doubted(keypoints):
    # a and b show one place, c and d the other; of their 300 keypoints 100 look the same in both.
    everything, common = range(300), range(100)
    geometries = [geometry("a", "b", everything), geometry("c", "d", everything)]
    geometries += [geometry(first, second, common) for first in "ab" for second in "cd"]
    found = edge_confidence(geometries, keypoints)
    assert found["a", "b"] == found["c", "d"] == 1.0
    assert all(found[first, second] == pytest.approx(1 / 3) for first in "ab" for second in "cd")


def test_keypoints_outside_the_common_area_do_not_count(keypoints):
    # c sees a third of what a and b see, and matches all of that.
    strip = np.flatnonzero(keypoints["a"][:, 0] < 200)
    geometries = [geometry("a", "b", range(300)), geometry("a", "c", strip), geometry("b", "c", strip)]
    assert edge_confidence(geometries, keypoints)["a", "c"] > 0.95


def test_a_pair_of_which_third_photos_know_nothing_has_no_confidence(keypoints):
    assert edge_confidence([geometry("a", "b", range(300))], keypoints) == {}


@given(st.lists(st.sets(st.integers(0, 299), min_size=8), min_size=3, max_size=3))
def test_confidence_is_a_share(rows):
    places = np.random.default_rng(1).uniform(0, 600, (300, 2))
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    geometries = [geometry(*pair, sorted(chosen)) for pair, chosen in zip(pairs, rows, strict=True)]
    found = edge_confidence(geometries, dict.fromkeys("abc", places))
    assert all(0 <= value <= 1 for value in found.values())


def test_doubted_and_weak_edges_are_left_out_and_unknown_ones_stay():
    graph = build_view_graph("abcd", {("a", "b"): 90, ("a", "c"): 80, ("b", "c"): 70, ("c", "d"): 60})
    graph = with_confidence(graph, {("a", "b"): 0.9, ("a", "c"): 0.3, ("a", "d"): 0.5})
    assert graph.confidence == {("a", "b"): 0.9, ("a", "c"): 0.3}
    assert set(trusted(graph).edges) == set(graph.edges)
    assert set(trusted(graph, 0.5).edges) == {("a", "b"), ("b", "c"), ("c", "d")}
    doubted = with_doubts(graph, [(("a", "b"), ("c",))])
    assert doubted.confidence == {("a", "b"): 0.9, ("a", "c"): 0.0, ("b", "c"): 0.0}
    assert set(trusted(doubted).edges) == {("a", "b"), ("c", "d")}
