"""The deviation of camera centres: as large as what noise does, and infinite where nothing fixes a pose."""

import dataclasses

import numpy as np
import pytest

from mapped_worlds import poses_on_an_arc, projected, random_points
from pictures import camera
from scenesort.mapping import center_deviations, unproven, untrusted
from scenesort.mapping.uncertainty import ADJUSTED_FACTOR
from scenesort.types import PosedPhoto, PosedScene

POSES = poses_on_an_arc(5)
NOISE_PX = 0.8


def scene(points, seen=None, error_px=NOISE_PX):
    """A scene whose photos see the points of `seen`, all of them where it says nothing."""
    photos = []
    for row, pose in enumerate(POSES):
        index = np.asarray((seen or {}).get(row, np.arange(len(points))), dtype=np.int64)
        keypoints = projected(pose, points[index], camera())
        photos.append(PosedPhoto(f"{row}.jpg", camera(), 1, pose, keypoints, index))
    return PosedScene(
        "", tuple(photos), points, np.zeros((len(points), 3), np.uint8), np.full(len(points), error_px, np.float64)
    )


def rotation_of(turn):
    angle = np.linalg.norm(turn)
    axis = turn / angle if angle else np.array([1.0, 0, 0])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def pixels(values, pose, points):
    """Pixels for a small turn, a small shift in the camera's frame and a change of log focal length."""
    moved = np.column_stack([rotation_of(values[:3]) @ pose[:, :3], rotation_of(values[:3]) @ pose[:, 3] + values[3:6]])
    focal, x, y = camera().params
    local = points @ moved[:, :3].T + moved[:, 3]
    return (focal * np.exp(values[6]) * local[:, :2] / local[:, 2:] + [x, y]).ravel()


def spread_of_centers(pose, points, trials=300):
    """Standard deviation of the centre over the median depth when keypoints are noisy: each pose is fitted anew."""
    rng = np.random.default_rng(4)
    jacobian = np.stack(
        [(pixels(step, pose, points) - pixels(-step, pose, points)) / 2e-5 for step in 1e-5 * np.eye(7)],
        axis=1,
    )
    shifts = []
    for _ in range(trials):
        values, *_ = np.linalg.lstsq(jacobian, rng.normal(0, NOISE_PX, 2 * len(points)), rcond=None)
        rotation = rotation_of(values[:3]) @ pose[:, :3]
        center = -rotation.T @ (rotation_of(values[:3]) @ pose[:, 3] + values[3:6])
        shifts.append(center + pose[:, :3].T @ pose[:, 3])
    depth = np.median(points @ pose[2, :3] + pose[2, 3])
    return float(np.sqrt(np.mean(np.sum(np.square(shifts), axis=1)))) / depth


@pytest.mark.parametrize("count", [12, 200])
def test_deviations_are_what_noise_does(count):
    points = random_points(count)
    found = center_deviations(scene(points))
    for row, pose in enumerate(POSES):
        assert found[row] / ADJUSTED_FACTOR == pytest.approx(spread_of_centers(pose, points), rel=0.35)


def test_the_scenes_units_change_nothing():
    points = random_points(50)
    known = scene(points)
    scaled = dataclasses.replace(
        known,
        points_xyz=1e5 * points,
        photos=tuple(
            dataclasses.replace(photo, cam_from_world=photo.cam_from_world * [1, 1, 1, 1e5]) for photo in known.photos
        ),
    )
    np.testing.assert_allclose(center_deviations(scaled), center_deviations(known), rtol=1e-6)


def test_fewer_and_worse_points_are_less_sure():
    points = random_points(200)
    found = center_deviations(scene(points, {1: np.arange(10), 3: np.arange(50)}))
    full = center_deviations(scene(points))
    assert found[1] > 3 * full[1]
    assert found[3] > 1.5 * full[3]
    assert (center_deviations(scene(points, error_px=3.0)) > 2 * full).all()


def test_points_of_two_photos_prove_nothing():
    points = random_points(60)
    halves = {row: np.arange(30) for row in range(3)} | {3: np.arange(30, 60), 4: np.arange(30, 60)}
    found = scene(points, halves)
    assert set(untrusted(found)) == {"3.jpg", "4.jpg"}
    assert center_deviations(found)[:3].max() < 0.02


@pytest.mark.parametrize("few", [[], [0], [0, 1, 2]])
def test_no_pose_is_fixed_by_three_points(few):
    found = scene(random_points(60), {2: few})
    assert center_deviations(found)[2] == np.inf
    assert untrusted(found) == ("2.jpg",)


def test_points_behind_the_camera_do_not_count():
    known = scene(random_points(60))
    turned = dataclasses.replace(known.photos[0], cam_from_world=-known.photos[0].cam_from_world)
    found = dataclasses.replace(known, photos=(turned, *known.photos[1:]))
    assert center_deviations(found)[0] == np.inf


def test_a_pose_is_unproven_where_few_points_leave_it_open():
    points = random_points(200)
    # Four points nearly in one spot of the photo, and as many points as usual far apart in another.
    spot = np.argsort(np.linalg.norm(projected(POSES[0], points, camera()) - [320, 240], axis=1))[:8]
    doubted = scene(points, {0: spot, 1: np.arange(8)})
    assert "0.jpg" in untrusted(doubted)
    assert "0.jpg" in unproven(doubted, 30)
    assert unproven(doubted, 8) == ()
    assert unproven(scene(points), 30) == ()


def test_points_that_no_third_photo_sees_prove_no_pose():
    points = random_points(60)
    pair = {row: np.arange(60) if row < 2 else np.zeros(0) for row in range(5)}
    names = unproven(scene(points, pair), 30)
    assert {"0.jpg", "1.jpg"} <= set(names)
