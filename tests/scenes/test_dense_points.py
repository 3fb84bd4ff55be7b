"""Points of textured walls of which everything is known."""

import numpy as np
import pytest

from scenesort.scenes import View, dense_points, overlapping
from wall_world import CAMERA, facing, model_of, photo_of, pose_at, texture

POSES = [facing(x) for x in np.linspace(-1.2, 1.2, 7)]
ANGLES_DEG = np.array([2.8, 5.7, 8.5, 11.4, 14.2, 17.1])


def views_of(walls):
    return [View(photo_of(wall, pose), CAMERA.params[0], pose) for wall, pose in zip(walls, POSES, strict=True)]


def on_wall(count=80):
    chance = np.random.default_rng(3)
    return np.column_stack([chance.uniform(-2, 2, count), chance.uniform(-1.5, 1.5, count), np.zeros(count)])


def points_of(walls):
    views = views_of(walls)
    return dense_points(views[0], on_wall(), views[1:], ANGLES_DEG)


def test_points_lie_on_the_wall_all_over_the_photo():
    found = points_of([texture(1)] * 7)
    assert len(found.points_xyz) > 500
    assert np.percentile(np.abs(found.points_xyz[:, 2]), 95) < 0.15  # of 8 units
    columns = np.histogram(found.points_xyz[:, 0], bins=4, range=(-3, 3))[0]
    assert columns.min() > 50
    assert found.sees.mean() > 0.9


def test_only_photos_that_show_the_same_see_a_point():
    first, second = texture(1), texture(2)
    second[:, 360:] = first[:, 360:]  # the right half is the same
    found = points_of([first, second, first, second, first, second, first])
    is_left = found.points_xyz[:, 0] < -0.3
    assert is_left.sum() > 100
    same, other = found.sees[:, 1::2], found.sees[:, 0::2]
    assert same[is_left].mean() > 0.9
    assert other[is_left].mean() < 0.02
    assert other[found.points_xyz[:, 0] > 0.3].mean() > 0.9


def test_a_blank_wall_has_none():
    assert len(points_of([texture(1, blank=True)] * 7).points_xyz) == 0


@pytest.mark.parametrize("angles_deg", [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [2.8, 50, 50, 50, 50, 50]])
def test_views_that_tell_no_depth_give_none(angles_deg):
    views = views_of([texture(1)] * 7)
    found = dense_points(views[0], on_wall(), views[1:], np.array(angles_deg, float))
    assert found.points_xyz.shape == (0, 3)
    assert found.sees.shape == (0, 6)


def test_a_photo_without_points_gives_none():
    views = views_of([texture(1)] * 7)
    assert len(dense_points(views[0], np.zeros((0, 3)), views[1:], ANGLES_DEG).points_xyz) == 0


def test_overlapping_photos_come_nearest_view_first():
    poses = [facing(0.0), facing(3.0), facing(1.0), pose_at(0.0, yaw_deg=180.0)]
    scene = model_of(on_wall(), poses, np.array([[True], [True], [True], [False]]) & np.ones((4, 80), bool))
    rows, angles_deg = overlapping(scene)[0]
    assert rows.tolist() == [2, 1]
    np.testing.assert_allclose(angles_deg, np.degrees(np.arctan([1 / 8, 3 / 8])), atol=0.5)
    assert len(overlapping(scene)[3][0]) == 0
