"""Adjustment of a scene given as arrays: what moves, what stays, and what priors do."""

import dataclasses

import numpy as np
import pytest

from mapped_worlds import center_errors, mapping_task, random_points
from pictures import camera
from predicted_worlds import ARC, noisy, poses_of, prediction
from scenesort.colmap import AdjustmentSettings, adjust
from scenesort.geometry import center_in_world
from scenesort.mapping.refinement import RefinementSettings, refine

POINTS = random_points(120)


def scene(poses=None, known=None, group="one"):
    of = mapping_task(ARC, POINTS, noise_px=0.3, group=group, known=known)
    poses = noisy(rotation_deg=0.5, center=0.05) if poses is None else poses
    cameras = [photo.camera for photo in of.photos]
    found = refine(of, prediction(poses, cameras), RefinementSettings(variant="none")).scene
    # `none` gives each photo a camera of its own.
    return found if group is None else with_one_camera(found)


def with_one_camera(of):
    return dataclasses.replace(of, photos=tuple(dataclasses.replace(photo, camera_id=1) for photo in of.photos))


def test_poses_and_points_get_better_and_order_stays():
    given = scene()
    found = adjust(given, AdjustmentSettings())
    assert center_errors(given, ARC).mean() > 0.02
    assert center_errors(found, ARC).max() < 0.015
    assert found.points_error_px.mean() < 0.5 < given.points_error_px.mean()
    for before, after in zip(given.photos, found.photos, strict=True):
        assert before.name == after.name
        np.testing.assert_array_equal(before.point_index, after.point_index)
        np.testing.assert_array_equal(before.keypoints_px, after.keypoints_px)


def test_fixed_and_held_cameras_are_not_touched():
    for known, held in ((camera(focal=590.0, fixed=True), frozenset()), (camera(focal=590.0), frozenset({1}))):
        found = adjust(scene(known=known), AdjustmentSettings(constant_cameras=held))
        assert {photo.camera for photo in found.photos} == {known}
    free = adjust(scene(known=camera(focal=590.0)), AdjustmentSettings())
    assert len({photo.camera for photo in free.photos}) == 1
    assert free.photos[0].camera.params[0] == pytest.approx(600, abs=4)


def test_distortion_is_refined_only_when_asked_for():
    known = dataclasses.replace(camera(), model="SIMPLE_RADIAL", params=(600.0, 320.0, 240.0, 0.05))
    assert adjust(scene(known=known), AdjustmentSettings()).photos[0].camera.params[3] == pytest.approx(0, abs=0.02)
    held = adjust(scene(known=known), AdjustmentSettings(refine_distortion=False)).photos[0].camera
    assert held.params[3] == 0.05
    assert held.params[0] != 600.0


def test_photos_that_are_left_out_do_not_move():
    given = scene()
    found = adjust(given, AdjustmentSettings(left_out=frozenset({"02.jpg"})))
    np.testing.assert_allclose(found.photos[2].cam_from_world, given.photos[2].cam_from_world, atol=1e-12)
    assert not np.allclose(found.photos[3].cam_from_world, given.photos[3].cam_from_world, atol=1e-4)


def test_priors_hold_the_frame_and_tight_ones_the_centres():
    given = scene()
    before = center_in_world(poses_of(given))

    def shift(stddev):
        after = center_in_world(poses_of(adjust(given, AdjustmentSettings(), np.asarray(stddev))))
        return np.linalg.norm(after - before, axis=1)

    loose, tight = shift(np.full(7, 0.05)), shift(np.full(7, 1e-5))
    assert loose.max() < 0.2
    assert tight.max() < 0.2 * loose.max()
    sure = shift([1e-5, np.nan, 1e-5, np.nan, 1e-5, np.nan, 0.5])
    assert sure[[0, 2, 4]].max() < 0.25 * sure[[1, 3, 5, 6]].max()


def test_a_robust_loss_keeps_wrong_matches_from_pulling():
    given = scene(poses=ARC)
    photos = list(given.photos)
    pixels = photos[3].keypoints_px.copy()
    pixels[:12] += [60.0, 10.0]
    photos[3] = dataclasses.replace(photos[3], keypoints_px=pixels)
    wrong = dataclasses.replace(given, photos=tuple(photos))
    robust, plain = (adjust(wrong, AdjustmentSettings(loss_scale_px=scale)) for scale in (0.5, 0.0))
    assert center_errors(robust, ARC).max() < 0.02
    assert center_errors(plain, ARC).max() > 5 * center_errors(robust, ARC).max()


def test_the_same_input_gives_the_same_numbers():
    stddev = np.full(7, 0.05)
    first, again = (adjust(scene(), AdjustmentSettings(seed=3), stddev) for _ in range(2))
    np.testing.assert_array_equal(poses_of(first), poses_of(again))
    np.testing.assert_array_equal(first.points_xyz, again.points_xyz)


def test_nothing_to_adjust_is_none():
    given = scene()
    everyone = frozenset(photo.name for photo in given.photos[1:])
    assert adjust(given, AdjustmentSettings(left_out=everyone)) is None
    bare = dataclasses.replace(
        given,
        photos=tuple(
            dataclasses.replace(photo, keypoints_px=np.zeros((0, 2)), point_index=np.zeros(0, np.int64))
            for photo in given.photos
        ),
        points_xyz=np.zeros((0, 3)),
        points_rgb=np.zeros((0, 3), np.uint8),
        points_error_px=np.zeros(0),
    )
    assert adjust(bare, AdjustmentSettings()) is None
