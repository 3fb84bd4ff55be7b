"""Matches that a pair's known geometry lets through."""

import numpy as np
import pytest

from mapped_worlds import fundamental, poses_on_an_arc, projected, random_points
from pictures import camera, mapped
from scenesort.matching import guided_matches, with_guided
from scenesort.types import TwoViewGeometry

BOUNDS = {"max_error_px": 3.0, "max_ratio": 0.8, "max_angle_deg": 40.0}
COUNT = 300


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def scene():
    """Points seen by two cameras whose descriptors come in look-alike pairs: geometry alone tells which is which."""
    rng = np.random.default_rng(3)
    first, second = poses_on_an_arc(2, span_deg=20.0)
    points = random_points(COUNT, seed=1)
    pixels = [projected(pose, points, camera()) for pose in (first, second)]
    looks = np.repeat(unit(rng.normal(size=(COUNT // 2, 32))), 2, axis=0)
    descriptors = [unit(looks + rng.normal(0, 0.02, looks.shape)) for _ in range(2)]
    geometry = TwoViewGeometry(("a", "b"), np.zeros((0, 2), np.uint32), "CALIBRATED", F=fundamental(first, second))
    return geometry, pixels, descriptors


def test_look_alike_keypoints_are_told_apart_by_the_geometry(scene):
    geometry, (a, b), (of_a, of_b) = scene
    found = guided_matches(geometry, a, of_a, b, of_b, **BOUNDS)
    assert found.dtype == np.uint32
    assert len(found) > 0.8 * COUNT
    assert np.mean(found[:, 0] == found[:, 1]) > 0.98
    for side in (0, 1):
        assert len(np.unique(found[:, side])) == len(found)
    everywhere = guided_matches(geometry, a, of_a, b, of_b, **(BOUNDS | {"max_error_px": 1e6}))
    assert len(everywhere) < 0.3 * COUNT  # the ratio test finds a look-alike for each


def test_an_order_of_the_keypoints_is_the_order_of_the_indices(scene):
    geometry, (a, b), (of_a, of_b) = scene
    order = np.random.default_rng(0).permutation(COUNT)
    plain = guided_matches(geometry, a, of_a, b, of_b, **BOUNDS)
    moved = guided_matches(geometry, a, of_a, b[order], of_b[order], **BOUNDS)
    assert {(int(one), int(order[other])) for one, other in moved} == {tuple(row) for row in plain.tolist()}


def test_a_point_with_two_look_alikes_matches_neither_whichever_photo_comes_first(scene):
    geometry, (a, b), (of_a, of_b) = scene
    H = np.eye(3)
    planar = TwoViewGeometry(("a", "b"), np.zeros((0, 2), np.uint32), "PLANAR", H=H)
    one, two = np.array([[10.0, 10.0]]), np.array([[10.0, 10.5], [10.5, 10.0]])
    of_one, of_two = of_a[:1], np.repeat(of_a[:1], 2, axis=0)
    assert len(guided_matches(planar, one, of_one, two, of_two, **BOUNDS)) == 0
    assert len(guided_matches(planar, two, of_two, one, of_one, **BOUNDS)) == 0
    swapped = TwoViewGeometry(("b", "a"), geometry.inlier_matches, "CALIBRATED", F=geometry.F.T)
    forth = guided_matches(geometry, a, of_a, b, of_b, **BOUNDS)
    back = guided_matches(swapped, b, of_b, a, of_a, **BOUNDS)
    assert {tuple(row) for row in forth.tolist()} == {tuple(row[::-1]) for row in back.tolist()}


def test_a_homography_leads_to_a_point(scene):
    _, (a, _), (of_a, of_b) = scene
    H = np.array([[0.96, -0.09, 18.0], [0.07, 0.98, -6.0], [8e-5, -6e-5, 1.0]])
    planar = TwoViewGeometry(("a", "b"), np.zeros((0, 2), np.uint32), "PLANAR", H=H)
    found = guided_matches(planar, a, of_a, mapped(H, a), of_b, **BOUNDS)
    assert len(found) > 0.9 * COUNT
    assert (found[:, 0] == found[:, 1]).mean() > 0.98


def test_nothing_comes_of_nothing(scene):
    geometry, (a, b), (of_a, of_b) = scene
    assert guided_matches(geometry, a[:0], of_a[:0], b, of_b, **BOUNDS).shape == (0, 2)
    assert guided_matches(geometry, a, of_a, b[:0], of_b[:0], **BOUNDS).shape == (0, 2)
    unknown = TwoViewGeometry(("a", "b"), np.zeros((0, 2), np.uint32), "CALIBRATED")
    assert guided_matches(unknown, a, of_a, b, of_b, **BOUNDS).shape == (0, 2)


def test_inliers_keep_their_keypoints():
    inliers = np.array([[0, 1], [2, 3]], np.uint32)
    geometry = TwoViewGeometry(("a", "b"), inliers, "CALIBRATED", F=np.eye(3))
    joined = with_guided(geometry, np.array([[0, 7], [9, 3], [4, 4]], np.uint32))
    assert joined.inlier_matches.tolist() == [[0, 1], [2, 3], [4, 4]]
    assert joined.F is geometry.F
