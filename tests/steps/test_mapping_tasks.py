"""Keys of models: what they are made from counts, and nothing else."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from mapped_worlds import mapping_task, poses_on_an_arc, random_points
from scenesort.config import PoseModelsOptions
from scenesort.mapping import Surroundings
from scenesort.steps.mapping_tasks import task_key
from scenesort.synthetic.truth import write_depths
from scenesort.types import Photo


def photos_of(task, sha256="a"):
    return [
        Photo(photo.name, Path(photo.name), sha256, 640, 480, photo.camera, photo.camera_group) for photo in task.photos
    ]


@pytest.fixture
def truth(tmp_path):
    (tmp_path / "labels.csv").write_text("dataset,scene,image,rotation_matrix,translation_vector\n")
    (tmp_path / "cameras.csv").write_text("image,model,width,height,params\n")
    write_depths(tmp_path, {}, 8)
    return tmp_path


def test_pixels_and_pose_models_count_only_where_one_is_used(truth):
    plain = mapping_task(poses_on_an_arc(3), random_points(20))
    other = dataclasses.replace(plain, pose_models=PoseModelsOptions(window_photos=9, model=str(truth)))
    assert task_key(plain, photos_of(plain)) == task_key(other, photos_of(plain, "b"))
    used = [
        dataclasses.replace(other, mapping=dataclasses.replace(plain.mapping, **{option: "oracle"}))
        for option in ("backend", "start_with", "fill_with", "compare_with")
    ]
    keys = {task_key(task, photos_of(task)) for task in [plain, *used]}
    assert len(keys) == 5
    for task in used:
        accepted = dataclasses.replace(task, pose_models=dataclasses.replace(task.pose_models, accept_licence=True))
        around = dataclasses.replace(task, surroundings=Surroundings(free_memory_mb=1.0))
        assert (
            task_key(task, photos_of(task)) == task_key(accepted, photos_of(task)) == task_key(around, photos_of(task))
        )
        assert task_key(task, photos_of(task)) != task_key(task, photos_of(task, "b"))
        wider = dataclasses.replace(task, pose_models=dataclasses.replace(task.pose_models, overlap_photos=4))
        assert task_key(task, photos_of(task)) != task_key(wider, photos_of(task))


def test_other_weights_are_another_key(truth):
    task = mapping_task(poses_on_an_arc(3), random_points(20), backend="oracle")
    task = dataclasses.replace(task, pose_models=PoseModelsOptions(model=str(truth)))
    before = task_key(task, photos_of(task))
    write_depths(truth, {"a.jpg": np.ones((2, 2), np.float32)}, 8)
    assert task_key(task, photos_of(task)) != before
