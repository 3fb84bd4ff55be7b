"""One part mapped in several ways: the healthier models are kept."""

import dataclasses
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest

from mapped_worlds import center_errors, poses_on_an_arc
from oracle_worlds import NO_IMAGE, arc_world, oracle
from pictures import camera
from scenesort import colmap, mapping
from scenesort.config import PoseModelsOptions
from scenesort.mapping import Surroundings, backend
from scenesort.mapping.incremental import mapper_settings
from scenesort.synthetic.oracle import OracleNoise
from scenesort.types import PosedPhoto, PosedScene

NOISE = OracleNoise(rotation_deg=1.0, translation=0.02, focal=0.02, points=0.02)
NEVER = 100_000
"""More inliers than any pair has: the mapper begins no model by itself."""


@pytest.fixture
def said():
    return []


@pytest.fixture
def map_part(said, monkeypatch, tmp_path):
    """Call it with options of mapping: maps photos on an arc, with an oracle of some noise at hand."""

    def run(noise=NOISE, count=8, **options):
        task, views = arc_world(count, **options)
        key = ("oracle", backend.model_options(PoseModelsOptions(), task.seed), "cpu")
        monkeypatch.setattr(backend, "_loaded", {key: backend._Loaded(oracle(views, noise), None)})
        around = Surroundings(load_image=lambda name: NO_IMAGE, tell=said.append)
        return mapping.map_part(dataclasses.replace(task, surroundings=around), Path(mkdtemp(dir=tmp_path)))

    return run


def test_the_mapper_goes_on_from_a_pose_model_where_no_pair_begins_a_model(map_part, said):
    assert map_part(init_min_inliers=NEVER) == []
    (scene,) = map_part(init_min_inliers=NEVER, start_with="oracle")
    assert len(scene.photos) == 8
    assert center_errors(scene, poses_on_an_arc(8)).max() < 0.02
    assert "mapped by incremental from oracle" in said[-1]
    assert "against 0.00 of incremental" in said[-1]


def test_a_pose_model_that_fails_to_start_leaves_the_mapper_s_models(map_part, said):
    (scene,) = map_part(OracleNoise(fits_photos=1), start_with="oracle")
    assert len(scene.photos) == 8
    assert "incremental from oracle could not map the 8 photos" in said[-1]


def test_of_two_mappers_the_healthier_is_kept(map_part, said):
    (scene,) = map_part(init_min_inliers=NEVER, compare_with="oracle")
    assert len(scene.photos) == 8
    assert "mapped by oracle" in said[-1]


def test_photos_without_a_start_pose_are_registered(tmp_path):
    task, _ = arc_world(8, init_min_inliers=NEVER)
    poses = poses_on_an_arc(8)
    rng = np.random.default_rng(0)
    start = start_of(task, poses[:5] + rng.normal(0, 0.01, (5, 3, 4)) * ([0, 0, 0, 1],))
    (scene,) = colmap.map_from_poses(task.photos, task.geometries, [start], mapper_settings(task), tmp_path)
    assert len(scene.photos) == 8
    assert center_errors(scene, poses).max() < 0.02
    assert len(scene.points_xyz) > 150


def test_a_wrong_start_pose_is_taken_back_and_the_photo_registered(tmp_path):
    task, _ = arc_world(8, init_min_inliers=NEVER)
    poses = poses_on_an_arc(8)
    starting = poses.copy()
    starting[7] = np.column_stack([np.diag([-1.0, 1.0, -1.0]), [3.0, 1.0, 5.0]])
    start = start_of(task, starting)
    (scene,) = colmap.map_from_poses(task.photos, task.geometries, [start], mapper_settings(task), tmp_path)
    assert len(scene.photos) == 8
    assert center_errors(scene, poses).max() < 0.02


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_start_that_no_match_supports_is_no_start(tmp_path, value):
    task, _ = arc_world(6)
    poses = np.tile(np.eye(3, 4), (6, 1, 1))
    poses[:, 0, 3] = value
    start = start_of(task, poses)
    assert colmap.map_from_poses(task.photos, task.geometries, [start], mapper_settings(task), tmp_path) == []


def test_a_known_camera_is_kept_whatever_the_start_says(tmp_path):
    fixed = dataclasses.replace(camera(), fixed=True)
    task, _ = arc_world(6, init_min_inliers=NEVER, known=fixed)
    start = start_of(task, poses_on_an_arc(6), 1.02 * fixed.params[0])
    (scene,) = colmap.map_from_poses(task.photos, task.geometries, [start], mapper_settings(task), tmp_path)
    assert {photo.camera.params for photo in scene.photos} == {fixed.params}


def test_a_guessed_focal_length_gives_way_to_the_start_s(tmp_path):
    true_px = camera().params[0]
    guessed = dataclasses.replace(camera(), params=(3 * true_px, *camera().params[1:]))
    task, _ = arc_world(6, init_min_inliers=NEVER, known=guessed)
    start = start_of(task, poses_on_an_arc(6), true_px)
    (scene,) = colmap.map_from_poses(task.photos, task.geometries, [start], mapper_settings(task), tmp_path)
    assert len(scene.photos) == 6
    np.testing.assert_allclose([photo.camera.params[0] for photo in scene.photos], true_px, rtol=0.01)


def test_a_start_of_too_few_photos_is_no_start(tmp_path):
    task, _ = arc_world(6)
    start = start_of(task, poses_on_an_arc(6)[:2])
    assert colmap.map_from_poses(task.photos, task.geometries, [start], mapper_settings(task), tmp_path) == []


def start_of(task, poses, focal_px=None):
    """A model without points that poses the first photos of a task."""
    _, views = arc_world(len(task.photos))
    photos = []
    for photo, pose in zip(task.photos, poses, strict=False):
        given = views[photo.name].camera
        if focal_px:
            given = dataclasses.replace(given, params=(focal_px, *given.params[1:]))
        photos.append(PosedPhoto(photo.name, given, 1, pose, np.zeros((0, 2)), np.zeros(0, np.int64)))
    return PosedScene("", tuple(photos), np.zeros((0, 3)), np.zeros((0, 3), np.uint8), np.zeros(0))
