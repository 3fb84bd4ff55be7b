import numpy as np
import pytest

from scenesort.scenes import View, correlations, surface_normals
from wall_world import facing, is_inside, photo_of, pixels_of, pose_at, texture


def points_on_wall(count=150, seed=1):
    chance = np.random.default_rng(seed)
    return np.column_stack([chance.uniform(-2, 2, count), chance.uniform(-1.5, 1.5, count), np.zeros(count)])


def compared(first_wall, second_wall, first_pose, second_pose, points):
    points = points[is_inside(points, first_pose) & is_inside(points, second_pose)]
    first, second = (
        View(photo_of(wall, pose), 300.0, pose) for wall, pose in ((first_wall, first_pose), (second_wall, second_pose))
    )
    normals = surface_normals(points, np.arange(len(points)), first.center_in_world)
    return correlations(first, second, points, normals, pixels_of(points, first_pose))


@pytest.mark.parametrize("x", [0.3, 1.5, 3.0])
def test_the_same_wall_correlates_from_other_places(x):
    values = compared(texture(1), texture(1), facing(0.0), facing(x), points_on_wall())
    assert len(values) > 100
    assert np.nanmean(values > 0.9) > 0.95


def test_another_wall_does_not():
    values = compared(texture(1), texture(2), facing(0.0), facing(0.5), points_on_wall())
    assert np.nanmean(values < 0.4) > 0.85
    assert np.nanmean(values > 0.7) < 0.02


def test_brightness_and_contrast_do_not_matter():
    values = compared(texture(1), 60 + 0.5 * texture(1), facing(0.0), facing(0.5), points_on_wall())
    assert np.nanmean(values > 0.9) > 0.95


def test_a_farther_photo_is_compared_at_its_own_scale():
    values = compared(texture(1), texture(1), pose_at(0.0, z=-6.0), pose_at(0.0, z=-9.0), points_on_wall())
    assert np.nanmean(values > 0.8) > 0.9


def test_blank_patches_and_those_outside_tell_nothing():
    blank = compared(texture(1), texture(1, blank=True), facing(0.0), facing(0.5), points_on_wall())
    assert np.isnan(blank).all()
    pose = facing(0.0)
    view = View(photo_of(texture(1), pose), 300.0, pose)
    edge = np.array([[4.2, 0.0, 0.0], [0.0, 3.15, 0.0]])  # pixels at the frame's border
    assert np.isnan(correlations(view, view, edge, np.zeros((2, 3)), pixels_of(edge, pose))).all()


def test_normals_face_the_camera_and_are_zero_without_neighbours():
    points = points_on_wall(60)
    normals = surface_normals(points, np.arange(10), np.array([1.0, 0.0, -8.0]))
    np.testing.assert_allclose(normals, np.tile([0.0, 0.0, -1.0], (10, 1)), atol=1e-6)
    assert not surface_normals(points[:5], np.arange(5), np.zeros(3)).any()
