"""Refinement as a whole: better poses, the prediction's frame, never worse, and each check at work."""

import dataclasses

import numpy as np
import pytest

from mapped_worlds import center_errors, mapping_task, poses_on_an_arc, random_points
from pictures import camera
from predicted_worlds import ARC, map_of_points, noisy, poses_of, prediction, task, turned
from scenesort.geometry import center_in_world, invert, rotation_angle_deg
from scenesort.mapping.refinement import RefinementSettings, attempts, refine

POINTS = random_points(120)
TASK = task(points=POINTS, group="one", noise_px=0.5)
COARSE = noisy(rotation_deg=1.0, center=0.2)
ADJUSTING = ("ba", "ba_points", "ba_retriangulate")


def refined(poses=COARSE, of=TASK, cameras=None, point_maps=None, confidence=None, **settings):
    return refine(of, prediction(poses, cameras, confidence, point_maps=point_maps), RefinementSettings(**settings))


def with_wrong_matches(of, share, seed=0):
    rng = np.random.default_rng(seed)
    geometries = []
    for geometry in of.geometries:
        matches = geometry.inlier_matches.copy()
        wrong = np.flatnonzero(rng.random(len(matches)) < share)
        matches[wrong, 1] = matches[rng.permutation(wrong), 1]
        geometries.append(dataclasses.replace(geometry, inlier_matches=matches))
    return dataclasses.replace(of, geometries=tuple(geometries))


def test_none_keeps_poses_and_makes_points():
    result = refined(ARC, variant="none")
    assert result.accepted
    assert result.reason == "not adjusted"
    np.testing.assert_array_equal(poses_of(result.scene), ARC)
    assert len(result.scene.points_xyz) == len(POINTS)
    assert np.linalg.norm(result.scene.points_xyz - POINTS, axis=1).max() < 0.1
    for photo in result.scene.photos:
        seen = result.scene.points_xyz[photo.point_index] @ photo.cam_from_world[:, :3].T + photo.cam_from_world[:, 3]
        pixels = 600 * seen[:, :2] / seen[:, 2:] + [320, 240]
        assert np.abs(pixels - photo.keypoints_px).max() < 4


@pytest.mark.parametrize("variant", ADJUSTING)
def test_adjusting_mends_poses_in_spite_of_wrong_matches(variant):
    maps = [map_of_points(pose, POINTS) for pose in COARSE]
    result = refined(of=with_wrong_matches(TASK, 0.08), point_maps=maps, variant=variant)
    assert result.accepted
    assert result.variant == variant
    assert center_errors(result.scene, COARSE).mean() > 0.05
    assert center_errors(result.scene, ARC).max() < 0.03
    assert result.error_after_px < 1.0 < 3 < result.error_before_px
    assert result.left_out == ()
    assert len(result.scene.points_xyz) > 0.9 * len(POINTS)


@pytest.mark.parametrize("variant", ADJUSTING)
def test_the_frame_and_scale_are_the_predictions(variant):
    result = refined(poses=noisy(rotation_deg=1.0, center=0.05, seed=4), variant=variant)
    assert result.accepted
    # The prediction is wrong by 1 degree and 0.05 units a photo; its frame is the true one up to a part of that.
    centers = center_in_world(poses_of(result.scene))
    assert np.linalg.norm(centers - center_in_world(ARC), axis=1).max() < 0.2
    spread = np.linalg.norm(centers[0] - centers[-1]) / np.linalg.norm(np.subtract(*center_in_world(ARC)[[0, -1]]))
    assert spread == pytest.approx(1.0, abs=0.02)
    assert rotation_angle_deg(poses_of(result.scene)[:, :, :3], ARC[:, :, :3]).max() < 1.5


@pytest.mark.parametrize("variant", ADJUSTING)
def test_the_same_input_gives_the_same_result(variant):
    of = with_wrong_matches(mapping_task(ARC[:5], POINTS, noise_px=0.5), 0.05)
    first, again = (refined(COARSE[:5], of, variant=variant) for _ in range(2))
    np.testing.assert_array_equal(poses_of(first.scene), poses_of(again.scene))
    np.testing.assert_array_equal(first.scene.points_xyz, again.scene.points_xyz)
    assert first.error_after_px == again.error_after_px


@pytest.mark.parametrize("intrinsics", ["scene", "group", "free"])
def test_fixed_cameras_are_not_touched(intrinsics):
    given = camera(focal=606.0, fixed=True)
    of = task(points=POINTS, group="one", known=given, noise_px=0.5)
    result = refined(of=of, cameras=[camera(focal=500.0)] * 7, intrinsics=intrinsics)
    assert result.accepted
    assert {photo.camera for photo in result.scene.photos} == {given}
    assert len({photo.camera_id for photo in result.scene.photos}) == 1


def test_focal_lengths_are_found_and_shared():
    rng = np.random.default_rng(0)
    cameras = [camera(focal=600.0 * np.exp(rng.normal(0.02, 0.05))) for _ in ARC]
    result = refined(cameras=cameras, intrinsics="scene")
    assert len({photo.camera for photo in result.scene.photos}) == 1
    assert result.scene.photos[0].camera.params[0] == pytest.approx(600, abs=6)


def test_cameras_of_their_own_must_earn_it():
    shared = refined(of=task(points=POINTS, noise_px=0.5), intrinsics="free")
    assert "shared intrinsics" in shared.reason
    assert len({photo.camera_id for photo in shared.scene.photos}) == 1
    unchecked = refined(of=task(points=POINTS, noise_px=0.5), intrinsics="free", check=False)
    assert len({photo.camera_id for photo in unchecked.scene.photos}) == 7
    # Photos of two cameras that say nothing of it: sharing can't explain them.
    of = task(points=POINTS, noise_px=0.5)
    photos = list(of.photos)
    for row in (1, 3, 5):
        pixels = (photos[row].keypoints_px - [320, 240]) * 1.5 + [320, 240]
        photos[row] = dataclasses.replace(photos[row], keypoints_px=pixels)
    of = dataclasses.replace(of, photos=tuple(photos))
    cameras = [camera(focal=900.0 if row in (1, 3, 5) else 600.0) for row in range(7)]
    free = refined(of=of, cameras=cameras, intrinsics="free")
    assert free.accepted
    assert len({photo.camera_id for photo in free.scene.photos}) == 7
    assert free.scene.photos[1].camera.params[0] == pytest.approx(900, rel=0.03)


@pytest.mark.parametrize("variant", ADJUSTING)
@pytest.mark.parametrize(("rotation_deg", "center"), [(0.0, 0.0), (0.01, 0.002), (5.0, 0.8), (12.0, 1.5)])
def test_held_out_matches_never_fit_worse(variant, rotation_deg, center):
    result = refined(poses=noisy(rotation_deg=rotation_deg, center=center, seed=1), variant=variant)
    if result.accepted:
        assert result.error_after_px <= result.error_before_px
    else:
        np.testing.assert_array_equal(poses_of(result.scene), noisy(rotation_deg=rotation_deg, center=center, seed=1))
        assert result.reason


def test_a_result_that_is_worse_is_not_taken(monkeypatch):
    def spoilt(start, *_):
        return dataclasses.replace(start, cam_from_world=noisy(rotation_deg=8.0)), np.ones(7, dtype=bool)

    monkeypatch.setattr(attempts, "adjust_in_rounds", spoilt)
    result = refined()
    assert not result.accepted
    assert "fit worse" in result.reason
    np.testing.assert_array_equal(poses_of(result.scene), COARSE)
    assert result.error_after_px == result.error_before_px


@pytest.mark.parametrize("wrong", [invert, lambda poses: np.diag([1.0, -1.0, -1.0]) @ poses])
def test_poses_of_another_convention_are_refused(wrong):
    result = refined(poses=wrong(COARSE))
    assert not result.accepted
    assert "look like" in result.reason
    assert result.variant == "none"
    np.testing.assert_array_equal(poses_of(result.scene), wrong(COARSE))
    assert "look like" in refined(poses=wrong(COARSE), variant="none").reason


def test_a_photo_with_a_wrong_pose_is_left_out_and_keeps_it():
    poses = COARSE.copy()
    rotation = turned([0, 0.9, 0]) @ poses[3, :, :3]
    poses[3] = np.column_stack([rotation, -rotation @ center_in_world(poses[3])])
    result = refined(poses=poses)
    assert result.accepted
    assert result.left_out == ("03.jpg",)
    # Its matches judge nothing.
    assert result.error_before_px < 1.2 * refined().error_before_px
    np.testing.assert_array_equal(result.scene.photos[3].cam_from_world, poses[3])
    others = dataclasses.replace(result.scene, photos=result.scene.photos[:3] + result.scene.photos[4:])
    assert center_errors(others, ARC).max() < 0.03


def test_point_maps_of_another_scale_are_replaced_by_triangulation():
    maps = [map_of_points(pose, POINTS, scale=2.0) for pose in COARSE]
    result = refined(point_maps=maps, variant="ba_points")
    assert result.accepted
    assert result.variant == "ba"
    assert "times as large" in result.reason
    assert center_errors(result.scene, ARC).max() < 0.03
    assert "no point maps" in refined(variant="ba_points").reason


def test_too_few_points_are_not_adjusted():
    few = refined(held_out_share=0.03)
    assert not few.accepted
    assert "too few to judge" in few.reason
    sparse = refined(of=task(points=POINTS[:24], noise_px=0.5), held_out_share=0.5)
    assert not sparse.accepted
    assert "only" in sparse.reason


def test_no_parallax_is_no_ground():
    still = np.array([np.column_stack([turned([0, 0.05 * row, 0]), [0.0, 0.0, 8.0]]) for row in range(5)])
    still = np.array([np.column_stack([pose[:, :3], -pose[:, :3] @ [0.0, 0.0, -8.0]]) for pose in still])
    result = refined(poses=still, of=mapping_task(still, random_points(200), noise_px=0.5))
    assert not result.accepted
    assert "parallax" in result.reason or "agree" in result.reason
    np.testing.assert_array_equal(poses_of(result.scene), still)


def test_photos_without_a_pose_are_unposed_and_strangers_ignored():
    poses = COARSE.copy()
    poses[2, 0, 0] = np.nan
    names = [f"{row:02d}.jpg" for row in range(6)] + ["stranger.jpg"]
    result = refine(TASK, prediction(poses, names=names), RefinementSettings())
    assert result.scene.unposed == ("02.jpg", "06.jpg")
    assert [photo.name for photo in result.scene.photos] == ["00.jpg", "01.jpg", "03.jpg", "04.jpg", "05.jpg"]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_scenes_of_hardly_any_photos_have_an_answer(count):
    of = mapping_task(poses_on_an_arc(count, 20.0), POINTS) if count else dataclasses.replace(TASK, geometries=())
    poses = poses_on_an_arc(count, 20.0) if count else ARC[:0]
    result = refine(of, prediction(poses), RefinementSettings())
    assert len(result.scene.photos) == count
    assert result.reason
    if count < 2:
        assert not result.accepted
        assert "no verified matches" in result.reason


def test_photos_that_moved_together_are_brought_back():
    # Two groups that agree within, as two windows that were joined wrongly.
    moved = np.array([np.column_stack([pose[:, :3], pose[:, 3] - pose[:, :3] @ [0, 0.3, 0]]) for pose in ARC])
    result = refined(poses=np.concatenate([ARC[:2], moved[2:]]))
    assert result.accepted
    assert result.left_out == ()
    assert center_errors(result.scene, ARC).max() < 0.03


def test_intrinsics_that_run_away_are_held(monkeypatch):
    real = attempts.adjust_in_rounds

    def running_away(start, *given):
        found, active = real(start, *given)
        if given[-1]:
            return found, active
        # Poses that are better, with a focal length that no camera of these photos has.
        return dataclasses.replace(found, cameras=(camera(focal=1000.0),) * 7), active

    monkeypatch.setattr(attempts, "adjust_in_rounds", running_away)
    result = refined()
    assert result.accepted
    assert "intrinsics held" in result.reason
    assert "focal length changed" in result.reason
    assert {photo.camera.params[0] for photo in result.scene.photos} == {600.0}


def test_a_photo_with_few_matches_is_left_out_and_keeps_its_pose():
    few = tuple(
        dataclasses.replace(geometry, inlier_matches=geometry.inlier_matches[:10])
        if "06.jpg" in geometry.pair
        else geometry
        for geometry in TASK.geometries
    )
    result = refined(of=dataclasses.replace(TASK, geometries=few))
    assert result.accepted
    assert result.left_out == ("06.jpg",)
    np.testing.assert_array_equal(result.scene.photos[6].cam_from_world, COARSE[6])
