"""Points of several looks at a photo become keypoints."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scenesort.keypoints import join_looks, merge_points, nearest_rows, one_to_one
from scenesort.types import Features


def test_the_best_of_near_points_stays_and_takes_the_others():
    points = np.array([[10, 10], [11, 10], [30, 10], [10.5, 10.5], [12.5, 10]], np.float32)
    kept, becomes = merge_points(points, np.array([1, 3, 2, 0, 0.5], np.float32), 2.0)
    assert kept.tolist() == [1, 2]
    assert becomes.tolist() == [0, 0, 1, 0, 0]


def test_a_point_goes_to_the_nearest_of_those_that_stay():
    points = np.array([[0, 0], [3, 0], [1.9, 0]], np.float32)
    kept, becomes = merge_points(points, np.array([3, 2, 1], np.float32), 2.0)
    assert kept.tolist() == [0, 1]
    assert becomes.tolist() == [0, 1, 1]


def test_no_points_and_no_radius():
    kept, becomes = merge_points(np.zeros((0, 2), np.float32), np.zeros(0, np.float32), 2.0)
    assert len(kept) == len(becomes) == 0
    points = np.array([[5, 5], [5, 5], [5.5, 5]], np.float32)
    assert merge_points(points, np.ones(3, np.float32), 0.0)[1].tolist() == [0, 0, 1]


@given(
    st.lists(st.tuples(st.floats(-20, 20, width=32), st.floats(-20, 20, width=32), st.floats(0, 1, width=32))),
    st.floats(0.5, 8),
)
def test_those_that_stay_are_apart_and_all_others_are_near_a_better_one(rows, radius):
    table = np.array(rows, np.float32).reshape(-1, 3)
    points, scores = table[:, :2].copy(), table[:, 2].copy()
    kept, becomes = merge_points(points, scores, radius)
    stay = points[kept].astype(np.float64)
    gaps = np.linalg.norm(stay[:, None] - stay[None], axis=2) + np.eye(len(stay)) * 99
    assert (gaps > radius).all()
    assert (np.linalg.norm(points.astype(np.float64) - stay[becomes], axis=1) <= radius).all() if len(points) else True
    assert (scores[kept][becomes] >= scores).all() if len(points) else True
    assert becomes[kept].tolist() == list(range(len(kept)))


def test_of_several_matches_of_a_keypoint_the_best_stays():
    matches = np.array([[0, 5], [0, 6], [1, 6], [2, 7]], np.uint32)
    found = one_to_one(matches, np.array([0.5, 0.9, 0.7, 0.1], np.float32))
    assert found.tolist() == [[0, 6], [2, 7]]
    assert one_to_one(np.zeros((0, 2), np.uint32), np.zeros(0, np.float32)).shape == (0, 2)


def test_the_nearest_of_others_is_found_within_the_radius():
    among = np.array([[0, 0], [3, 0], [3.5, 0]], np.float32)
    points = np.array([[2.9, 0], [3.4, 0], [1.5, 0], [9, 9]], np.float32)
    assert nearest_rows(points, among, 1.0).tolist() == [1, 2, -1, -1]
    assert nearest_rows(points, among[:0], 1.0).tolist() == [-1] * 4
    assert nearest_rows(points[:0], among, 1.0).shape == (0,)


def look(points, descriptors, scores):
    return Features(
        np.array(points, np.float32), np.array(descriptors, np.float16), np.array(scores, np.float32), (100, 100)
    )


def test_what_two_looks_see_alike_in_one_place_counts_once():
    first = look([[10, 10], [10, 10], [50, 50]], [[1, 0], [0, 1], [1, 0]], [0.9, 0.8, 0.1])
    second = look([[10.5, 10], [50, 50], [90, 90]], [[1, 0.05], [0, 1], [1, 0]], [0.95, 0.5, 0.4])
    joined = join_looks([first, second], 1.0)
    # Two orientations in one place stay, and another descriptor does; the repeated one is the first look's.
    assert joined.keypoints_px.tolist() == [[10, 10], [10, 10], [50, 50], [90, 90], [50, 50]]
    assert joined.descriptors.tolist() == [[1, 0], [0, 1], [0, 1], [1, 0], [1, 0]]
    np.testing.assert_allclose(joined.scores, [0.9, 0.8, 0.5, 0.4, 0.1])


def test_looks_that_found_nothing():
    nothing = look(np.zeros((0, 2)), np.zeros((0, 2)), [])
    some = look([[10, 10]], [[1, 0]], [0.9])
    for looks in ([nothing, some], [some, nothing]):
        assert join_looks(looks, 1.0).keypoints_px.tolist() == [[10, 10]]
    assert len(join_looks([nothing, nothing], 1.0)) == 0
