"""Two-view geometry: inliers found, the same for the same seed, None where there is none."""

import numpy as np
import pytest

from mapped_worlds import poses_on_an_arc, projected, random_points
from pictures import camera
from scenesort.colmap import verify_pair
from scenesort.types import PairMatches

PAIR = ("a.jpg", "b.jpg")
SETTINGS = {"min_inliers": 15, "max_error_px": 4.0, "confidence": 0.999, "max_trials": 2000}


def two_views(good=120, wrong=60, seed=0, flat=False):
    """Return keypoints of two photos, and matches of which the last `wrong` are random."""
    rng = np.random.default_rng(seed)
    poses, points = poses_on_an_arc(5)[[0, 2]], random_points(good, seed)
    if flat:
        points[:, 2] = 0.3 * points[:, 0]
    sides = [projected(pose, points, camera()) + rng.normal(0, 0.3, (good, 2)) for pose in poses]
    sides = [np.concatenate([side, rng.uniform(0, [640, 480], (wrong, 2))]) for side in sides]
    shuffled = rng.permutation(good + wrong)
    matches = np.stack([np.arange(good + wrong), np.argsort(shuffled)], axis=1).astype(np.uint32)
    return sides[0], sides[1][shuffled], matches, poses


def verified(a, b, matches, seed=0, of=None, **settings):
    of = of or camera(has_focal_prior=True)
    return verify_pair(of, a, of, b, PairMatches(PAIR, matches), **(SETTINGS | settings), seed=seed)


@pytest.mark.parametrize("prior", [True, False])
def test_right_matches_are_inliers_and_wrong_ones_are_not(prior):
    a, b, matches, _ = two_views()
    found = verified(a, b, matches, of=camera(has_focal_prior=prior))
    assert found.pair == PAIR
    assert found.kind == ("CALIBRATED" if prior else "UNCALIBRATED")
    assert found.inlier_matches.dtype == np.uint32
    assert {tuple(row) for row in found.inlier_matches.tolist()} <= {tuple(row) for row in matches.tolist()}
    is_right = found.inlier_matches[:, 0] < 120
    assert is_right.sum() > 110
    assert (~is_right).sum() < 10


def test_the_fundamental_matrix_joins_the_inliers():
    a, b, matches, poses = two_views(wrong=0)
    found = verified(a, b, matches)
    ones = np.ones((len(found.inlier_matches), 1))
    first = np.hstack([a[found.inlier_matches[:, 0]], ones])
    second = np.hstack([b[found.inlier_matches[:, 1]], ones])
    lines = first @ found.F.T
    distance = np.abs(np.sum(second * lines, axis=1)) / np.linalg.norm(lines[:, :2], axis=1)
    assert np.median(distance) < 1
    relative = poses[1][:, :3] @ poses[0][:, :3].T
    move = poses[1][:, 3] - relative @ poses[0][:, 3]
    cross = np.array([[0, -move[2], move[1]], [move[2], 0, -move[0]], [-move[1], move[0], 0]])
    truth = cross @ relative / np.linalg.norm(cross @ relative)
    scaled = found.E / np.linalg.norm(found.E)
    assert min(np.abs(scaled - truth).max(), np.abs(scaled + truth).max()) < 0.05


def test_a_flat_scene_is_called_planar():
    a, b, matches, _ = two_views(flat=True)
    found = verified(a, b, matches)
    assert found.kind in ("PLANAR", "PLANAR_OR_PANORAMIC")
    assert found.H is not None


def test_the_same_seed_gives_the_same_geometry_whatever_came_before():
    a, b, matches, _ = two_views(wrong=150)
    first = verified(a, b, matches, seed=3)
    verified(*two_views(seed=5)[:3], seed=8)
    again = verified(a, b, matches, seed=3)
    np.testing.assert_array_equal(first.inlier_matches, again.inlier_matches)
    for name in ("E", "F", "H"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    others = [verified(a, b, matches, seed=seed) for seed in range(4, 10)]
    assert any(other is None or not np.array_equal(other.F, first.F) for other in others)


def test_too_few_matches_or_inliers_give_none():
    a, b, matches, _ = two_views()
    right = matches[:120]
    assert verified(a, b, right[:14]) is None
    assert verified(a, b, right[:20]).num_inliers >= 15
    assert verified(a, b, right, min_inliers=121) is None
    assert verified(a, b, matches[:0]) is None
    assert verified(a, b, matches[120:145]) is None
