"""From the grid of a picture to the frame of its photo."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pose_model_scenes import frame_points, photo_inputs, shown, true_camera, true_poses
from scenesort.errors import WeightsError
from scenesort.mapping.pose_models.conversion import (
    frame_camera,
    grid_intrinsics,
    intrinsics_of_points,
    pose_prediction,
    unproject,
)
from scenesort.mapping.pose_models.pictures import cropped, padded, resized, whole
from scenesort.types import Camera


def odd_picture(photo):
    """Resized by different shares, cropped off the middle, padded."""
    picture = resized(whole(photo.image), 70, 56, Image.Resampling.BILINEAR)
    return padded(cropped(picture, 3, 5, 60, 40), 70, 56, 255)


@pytest.fixture
def seen():
    (photo,) = photo_inputs([(101, 67)])
    return photo, odd_picture(photo), Camera("PINHOLE", 101, 67, (90.0, 95.0, 52.0, 30.0)), true_poses(3)[2]


def test_intrinsics_go_to_the_frame_and_back(seen):
    photo, picture, camera, pose = seen
    intrinsics, *_ = shown(picture, camera, pose)
    assert frame_camera(intrinsics, picture, photo.camera).params == pytest.approx(camera.params, rel=1e-12)
    np.testing.assert_allclose(grid_intrinsics(camera, picture), intrinsics, rtol=1e-12)


def test_a_single_focal_length_counts_for_both_axes(seen):
    _, picture, _, _ = seen
    radial = Camera("SIMPLE_RADIAL", 101, 67, (80.0, 50.0, 33.0, -0.1))
    pinhole = Camera("PINHOLE", 101, 67, (80.0, 80.0, 50.0, 33.0))
    np.testing.assert_array_equal(grid_intrinsics(radial, picture), grid_intrinsics(pinhole, picture))


def test_depth_lands_where_the_photo_shows_it(seen):
    _, picture, camera, pose = seen
    intrinsics, depth, _, world = shown(picture, camera, pose)
    np.testing.assert_allclose(unproject(depth, intrinsics, pose), world, atol=1e-5)


def test_a_focal_length_is_found_from_points(seen):
    _, picture, _, pose = seen
    left, top = np.array([picture.columns.start, picture.rows.start, 1]) @ picture.frame_from_grid.T
    right, bottom = np.array([picture.columns.stop, picture.rows.stop, 1]) @ picture.frame_from_grid.T
    camera = Camera("PINHOLE", 101, 67, (77.0, 77.0, (left + right) / 2, (top + bottom) / 2))
    intrinsics, _, local, _ = shown(picture, camera, pose)
    confidence = np.ones(local.shape[:2])
    np.testing.assert_allclose(intrinsics_of_points(local, confidence, picture), intrinsics, rtol=1e-9)
    # A tenth of the points are far off: distances, not their squares, are minimised.
    rng = np.random.default_rng(0)
    wrong = rng.random(local.shape[:2]) < 0.1
    local[wrong] += rng.normal(0, 1, (int(wrong.sum()), 3))
    found = intrinsics_of_points(local, confidence, picture)
    assert found[0, 0] == pytest.approx(intrinsics[0, 0], rel=0.02)
    # Points of no confidence say nothing, however many they are.
    local[:, 30:] = 1.0
    confidence[:, 30:] = 0
    assert intrinsics_of_points(local, confidence, picture)[0, 0] == pytest.approx(intrinsics[0, 0], rel=0.02)


def test_points_without_a_point(seen):
    photo, picture, camera, pose = seen
    intrinsics, _, _, world = shown(picture, camera, pose)
    confidence = np.ones(world.shape[:2])
    world[20, 20] = np.nan
    confidence[21, 21] = np.inf
    confidence[22, 22] = -1
    found = pose_prediction(photo, picture, pose, intrinsics, world, confidence, "tester")
    rows, columns = picture.rows, picture.columns
    cells = found.point_map
    assert cells.confidence.shape == (rows.stop - rows.start, columns.stop - columns.start)
    off = [(row - rows.start, column - columns.start) for row, column in ((20, 20), (21, 21), (22, 22))]
    assert all(cells.confidence[place] == 0 for place in off)
    assert np.isfinite(cells.points_xyz).all()
    assert found.confidence == pytest.approx(1 - 3 / cells.confidence.size)
    inside = frame_points(cells)
    assert inside.min() > 0
    assert (inside.max(axis=(0, 1)) < (101, 67)).all()


def test_no_camera_has_such_a_focal_length(seen):
    photo, picture, camera, pose = seen
    intrinsics, _, _, world = shown(picture, camera, pose)
    intrinsics[0, 0] = np.inf
    found = pose_prediction(photo, picture, pose, intrinsics, world, np.ones(world.shape[:2]), "tester")
    assert found.camera == photo.camera
    assert found.confidence == 0


def test_poses_are_made_rotations_and_must_be_finite(seen):
    photo, picture, _, pose = seen
    camera = true_camera(101, 67)
    intrinsics, _, _, world = shown(picture, camera, pose)
    scaled = np.vstack([pose * [[1.001], [1.0], [0.999]], [0, 0, 0, 1]])
    found = pose_prediction(photo, picture, scaled, intrinsics, world, np.ones(world.shape[:2]), "tester")
    np.testing.assert_allclose(found.cam_from_world[:, :3] @ found.cam_from_world[:, :3].T, np.eye(3), atol=1e-12)
    with pytest.raises(WeightsError, match=r"tester: the pose of photo0\.jpg is not finite; set precision to float32"):
        pose_prediction(photo, picture, pose * np.nan, intrinsics, world, np.ones(world.shape[:2]), "tester")
