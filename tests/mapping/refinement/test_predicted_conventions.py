"""Poses of another convention, or of other photos, are told apart from cam_from_world by the matches."""

import dataclasses

import numpy as np
import pytest

from predicted_worlds import ARC, noisy, task, turned, views
from scenesort.geometry import center_in_world, invert
from scenesort.mapping.refinement.pose_conventions import find_fault, pair_tracks, support

OPENGL = np.diag([1.0, -1.0, -1.0])
TASK = task(noise_px=0.5)
MATCHES = pair_tracks(TASK.photos, TASK.geometries, seed=0, most=600)

WRONG = {
    "world_from_cam": invert,
    "cam_from_world with OpenGL axes": lambda poses: OPENGL @ poses,
    "world_from_cam with OpenGL axes": lambda poses: invert(OPENGL @ poses),
}


@pytest.mark.parametrize("rotation_deg", [0.0, 2.0, 5.0])
def test_right_poses_are_believed_however_coarse(rotation_deg):
    for seed in range(2):
        poses = noisy(rotation_deg=rotation_deg, center=0.1 * rotation_deg, seed=seed)
        assert find_fault(views(poses), MATCHES) is None


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("rotation_deg", [0.0, 2.0])
def test_wrong_conventions_are_named(name, rotation_deg):
    fault = find_fault(views(WRONG[name](noisy(rotation_deg=rotation_deg, center=0.1))), MATCHES)
    assert f"look like {name}:" in fault


def test_centres_in_the_place_of_translations_are_found():
    poses = np.concatenate([ARC[:, :, :3], center_in_world(ARC)[:, :, None]], axis=2)
    assert "look like" in find_fault(views(poses), MATCHES)


def test_poses_of_something_else_are_found():
    rng = np.random.default_rng(3)
    poses = np.array([np.column_stack([turned(rng.normal(0, 2, 3)), rng.normal(0, 5, 3)]) for _ in ARC])
    assert "may be old or belong to other photos" in find_fault(views(poses), MATCHES)


def test_no_matches_are_no_ground():
    assert "no verified matches" in find_fault(views(), pair_tracks(TASK.photos, (), 0))
    assert support(views(), pair_tracks(TASK.photos, (), 0)) == 0


def test_support_is_full_with_right_poses_and_falls_with_errors():
    values = [support(views(noisy(rotation_deg=deg, center=0)), MATCHES) for deg in (0, 1, 5, 20)]
    assert values[0] > 0.99
    assert values == sorted(values, reverse=True)
    behind = ARC.copy()
    behind[:, :, 3] *= -1
    assert support(views(behind), MATCHES) < 0.35


def test_matches_are_drawn_from_all_pairs_alike():
    large = dataclasses.replace(TASK.geometries[0], inlier_matches=TASK.geometries[0].inlier_matches[:50])
    tracks = pair_tracks(TASK.photos, (large, *TASK.geometries[1:]), seed=1, most=21 * 20)
    assert len(tracks) == 21 * 20
    pairs, counts = np.unique(tracks.photo.reshape(-1, 2), axis=0, return_counts=True)
    assert (counts == 20).all()
    assert len(pairs) == 21
    again = pair_tracks(TASK.photos, (large, *TASK.geometries[1:]), seed=1, most=21 * 20)
    np.testing.assert_array_equal(tracks.keypoint, again.keypoint)
    for row, photo in enumerate(TASK.photos):
        own = tracks.photo == row
        np.testing.assert_array_equal(tracks.points_px[own], photo.keypoints_px[tracks.keypoint[own]])
