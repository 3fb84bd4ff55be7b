"""Models of one part joined by what they have in common, and left apart where that doesn't agree."""

import dataclasses

import numpy as np
import pytest

from mapped_worlds import center_errors, mapping_task, poses_on_an_arc, projected, random_points
from pictures import camera
from scenesort import mapping
from scenesort.geometry import Similarity, rotation_from_quaternion
from scenesort.mapping import Surroundings, merging, parts
from scenesort.types import PosedPhoto, PosedScene

POSES = poses_on_an_arc(8)
POINTS = random_points(120)
MOVED = Similarity(2.5, rotation_from_quaternion(np.array([0.9, 0.1, -0.3, 0.2])), np.array([3.0, -1.0, 4.0]))


def model(task, rows, points=POINTS, moved=None):
    """Return a model of some photos that see all points, in the frame of the world or in another one."""
    photos = tuple(
        PosedPhoto(
            task.photos[row].name,
            camera(),
            row + 1,
            POSES[row] if moved is None else moved.apply_to_poses(POSES[row]),
            task.photos[row].keypoints_px.astype(np.float32).astype(np.float64),
            np.arange(len(points)),
        )
        for row in rows
    )
    in_frame = points if moved is None else moved.apply_to_points(points)
    return PosedScene("", photos, in_frame, np.zeros((len(points), 3), np.uint8), np.full(len(points), 0.3))


@pytest.fixture
def task():
    return mapping_task(POSES, POINTS)


def test_two_sides_of_a_place_come_into_one_frame(task):
    (joined,) = merging.merge(task, [model(task, range(4, 8), moved=MOVED), model(task, range(4))])
    assert [photo.name for photo in joined.photos] == [photo.name for photo in task.photos]
    assert center_errors(joined, POSES).max() < 1e-4


def test_the_similarity_is_the_one_between_the_frames(task):
    found = merging.similarity(task, model(task, range(4)), model(task, range(4, 8), moved=MOVED))
    back = found.apply_to_points(MOVED.apply_to_points(POINTS))
    np.testing.assert_allclose(back, POINTS, atol=1e-4)


def test_a_photo_of_both_models_is_enough(task):
    apart = [pair for pair in task.geometries if (pair.pair[0] < "04.jpg") == (pair.pair[1] < "04.jpg")]
    task = dataclasses.replace(task, geometries=tuple(apart))
    without = [model(task, range(4)), model(task, range(4, 8), moved=MOVED)]
    assert len(merging.common_points(task, *without)) == 0
    assert len(merging.merge(task, without)) == 2
    (joined,) = merging.merge(task, [model(task, range(4)), model(task, range(3, 8), moved=MOVED)])
    assert len(joined.photos) == 8
    assert center_errors(joined, POSES).max() < 1e-4


def test_places_that_look_alike_in_part_stay_apart(task):
    elsewhere = POINTS.copy()
    elsewhere[50:] = random_points(120, seed=9)[50:]
    models = [model(task, range(4)), model(task, range(4, 8), elsewhere, MOVED)]
    assert len(merging.common_points(task, *models)) > 100
    assert len(merging.merge(task, models)) == 2


def test_few_common_points_prove_nothing(task):
    few = tuple(dataclasses.replace(pair, inlier_matches=pair.inlier_matches[:11]) for pair in task.geometries)
    task = dataclasses.replace(task, geometries=few)
    assert len(merging.merge(task, [model(task, range(4)), model(task, range(4, 8), moved=MOVED)])) == 2


def test_a_model_of_the_same_photos_brings_nothing(task):
    models = [model(task, range(8)), model(task, range(2, 6), moved=MOVED)]
    assert [len(left.photos) for left in merging.merge(task, models)] == [8, 4]


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_part_is_mapped_on_from_joined_models(monkeypatch, tmp_path, is_asked):
    task = mapping_task(POSES, POINTS, merge_models=is_asked)
    said = []
    task = dataclasses.replace(task, surroundings=Surroundings(tell=said.append))
    two = [model(task, range(4)), model(task, range(4, 8), moved=MOVED)]
    monkeypatch.setattr(parts, "_mapped", lambda name, task, folder: two)
    found = mapping.map_part(task, tmp_path)
    if not is_asked:
        assert [len(scene.photos) for scene in found] == [4, 4]
        return
    (scene,) = found
    assert len(scene.photos) == 8
    assert center_errors(scene, POSES).max() < 0.02
    assert "incremental, 2 models joined to 1" in said[-1]


def test_errors_of_points_behind_a_camera_are_none_that_agree(task):
    a = model(task, range(2))
    pixels = projected(POSES[0], POINTS[:1], camera())
    behind = POSES[0][:, :3].T @ (np.array([0, 0, -5.0]) - POSES[0][:, 3])
    errors = merging._errors_px(a, np.array([0, 0]), np.stack([POINTS[0], behind]), np.repeat(pixels, 2, axis=0))
    assert errors[0] < 1e-6
    assert errors[1] == np.inf
