"""Pose models as mapping members: same artefacts as COLMAP's, and photos that they fill in."""

import dataclasses

import numpy as np
import pytest

from mapped_worlds import center_errors, poses_on_an_arc
from oracle_worlds import NO_IMAGE, arc_world, oracle
from scenesort import mapping
from scenesort.config import PoseModelsOptions
from scenesort.errors import OptionError, WeightsError
from scenesort.mapping import Surroundings, backend, health, hybrid
from scenesort.synthetic.oracle import OracleNoise

NOISE = OracleNoise(rotation_deg=1.0, translation=0.02, focal=0.02, points=0.02)


@pytest.fixture
def said():
    return []


def prepared(task, said, model, monkeypatch, **options):
    """The task as a worker sees it, with `model` in memory as the oracle."""
    given = PoseModelsOptions(**options)
    key = ("oracle", backend.model_options(given, task.seed), "cpu")
    monkeypatch.setattr(backend, "_loaded", {key: backend._Loaded(model, None)})
    around = Surroundings(load_image=lambda name: NO_IMAGE, tell=said.append)
    return dataclasses.replace(task, pose_models=given, surroundings=around)


def test_a_pose_model_maps_a_part(said, monkeypatch, tmp_path):
    task, views = arc_world()
    task = prepared(task, said, oracle(views, NOISE), monkeypatch, window_photos=6, overlap_photos=3)
    (scene,) = mapping.load("oracle")().map(task, tmp_path)
    assert len(scene.photos) == len(task.photos)
    assert center_errors(scene, poses_on_an_arc(len(task.photos))).max() < 0.02
    assert len(scene.points_xyz) > 150
    assert said == []
    assert health.measure([scene], task).score > 0.5
    assert health.measure([], task).score == 0.0


def test_unknown_backends_are_named(said):
    with pytest.raises(OptionError, match=r"no mapping member or pose model 'orcle' \(did you mean 'oracle'"):
        mapping.load("orcle")
    assert mapping.is_pose_model("vggt")
    assert not mapping.is_pose_model("incremental")


def without_last(task, scene, count=2):
    """A model that the last photos are missing from."""
    lost = {photo.name for photo in task.photos[-count:]}
    return dataclasses.replace(scene, photos=tuple(photo for photo in scene.photos if photo.name not in lost)), lost


def test_photos_are_filled_in_where_their_matches_agree(said, monkeypatch, tmp_path):
    task, views = arc_world()
    task = prepared(task, said, oracle(views, NOISE), monkeypatch)
    (whole,) = mapping.load("oracle")().map(task, tmp_path)
    model, lost = without_last(task, whole)
    (filled,) = hybrid.fill(task, [model], "oracle")
    assert lost <= {photo.name for photo in filled.photos}
    assert center_errors(filled, poses_on_an_arc(len(task.photos))).max() < 0.02
    assert "posed 2 of 2 photos" in said[-1]
    for photo in filled.photos:
        assert len(photo.keypoints_px) == len(photo.point_index) > 100


def test_a_photo_whose_matches_disagree_is_not_filled_in(said, monkeypatch, tmp_path):
    task, views = arc_world()
    task = prepared(task, said, oracle(views, NOISE), monkeypatch)
    (whole,) = mapping.load("oracle")().map(task, tmp_path)
    model, lost = without_last(task, whole, 1)
    (name,) = lost
    rng = np.random.default_rng(0)
    strange = [
        dataclasses.replace(photo, keypoints_px=rng.permutation(photo.keypoints_px)) if photo.name == name else photo
        for photo in task.photos
    ]
    (same,) = hybrid.fill(dataclasses.replace(task, photos=tuple(strange)), [model], "oracle")
    assert same is model
    assert "posed 0 of 1 photos" in said[-1]


def test_a_model_that_fails_leaves_the_mapper_s_models(said, monkeypatch, tmp_path):
    task, views = arc_world()
    task = prepared(task, said, oracle(views, NOISE), monkeypatch)
    (whole,) = mapping.load("oracle")().map(task, tmp_path)
    model, _ = without_last(task, whole)
    task = prepared(task, said, oracle(views, OracleNoise(fits_photos=1)), monkeypatch)
    assert hybrid.fill(task, [model], "oracle") == [model]
    assert "ran out of memory" in said[-1]
    with pytest.raises(WeightsError, match="ran out of memory"):
        mapping.load("oracle")().map(task, tmp_path)
