"""transforms.json: worlds that were moved are moved back, and malformed frames are refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pose_writers import random_cameras, transforms_json, write

from scenesort.errors import EvaluationError
from scenesort.pose_files import PoseCluster, read_poses_file

NERFSTUDIO = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0]])
"""The transform that nerfstudio applies to COLMAP's world: y and z change places, then the new z turns over."""


def read(folder: Path, content: object) -> PoseCluster:
    text = content if isinstance(content, str) else json.dumps(content)
    (cluster,) = read_poses_file(write(folder / "transforms.json", text))
    return cluster


@pytest.mark.parametrize(
    "applied",
    [NERFSTUDIO, np.column_stack([NERFSTUDIO[:, :3], [1, 2, 3]]), np.column_stack([3 * NERFSTUDIO[:, :3], [0, 1, 0]])],
)
def test_the_applied_transform_is_undone(tmp_path: Path, applied: np.ndarray) -> None:
    cameras = random_cameras(["images/a.png", "images/b.png"])
    cluster = read(tmp_path, transforms_json(cameras, applied, orientation_override="none"))
    np.testing.assert_allclose(cluster.rotation, cameras.cam_from_world[:, :, :3], atol=1e-12)
    np.testing.assert_allclose(cluster.translation, cameras.cam_from_world[:, :, 3], atol=1e-9)
    moved = json.loads(transforms_json(cameras, applied))
    del moved["applied_transform"]
    in_file = read(tmp_path, moved)
    assert (
        np.abs(
            in_file.rotation.transpose(0, 2, 1) @ in_file.translation[:, :, None]
            - cluster.rotation.transpose(0, 2, 1) @ cluster.translation[:, :, None]
        ).max()
        > 0.1
    )


def test_the_applied_scale_is_undone(tmp_path: Path) -> None:
    cameras = random_cameras(["a.png", "b.png"])
    content = json.loads(transforms_json(cameras, NERFSTUDIO, applied_scale=0.25))
    for frame in content["frames"]:
        for row in frame["transform_matrix"][:3]:
            row[3] *= 0.25
    cluster = read(tmp_path, content)
    np.testing.assert_allclose(cluster.rotation, cameras.cam_from_world[:, :, :3], atol=1e-12)
    np.testing.assert_allclose(cluster.translation, cameras.cam_from_world[:, :, 3], atol=1e-9)


@given(scale=st.floats(1e-3, 1e3))
def test_a_camera_with_a_scale_stands_where_it_stood(tmp_path_factory: pytest.TempPathFactory, scale: float) -> None:
    cameras = random_cameras(["a.png"])
    content = json.loads(transforms_json(cameras))
    matrix = np.array(content["frames"][0]["transform_matrix"])
    matrix[:3, :3] *= scale
    content["frames"][0]["transform_matrix"] = matrix.tolist()
    cluster = read(tmp_path_factory.getbasetemp() / "scaled", content)
    np.testing.assert_allclose(cluster.rotation, cameras.cam_from_world[:, :, :3], atol=1e-9)
    np.testing.assert_allclose(cluster.translation, cameras.cam_from_world[:, :, 3], atol=1e-7)


def test_rounded_numbers_leave_the_centre_exact(tmp_path: Path) -> None:
    cameras = random_cameras(["a.png"], spread=1000)
    content = json.loads(transforms_json(cameras))
    matrix = np.round(content["frames"][0]["transform_matrix"], 4)
    content["frames"][0]["transform_matrix"] = matrix.tolist()
    cluster = read(tmp_path, content)
    center = -cluster.rotation[0].T @ cluster.translation[0]
    np.testing.assert_allclose(center, matrix[:3, 3], atol=1e-9)


def test_three_rows_are_enough(tmp_path: Path) -> None:
    content = json.loads(transforms_json(random_cameras(["a.png"])))
    whole = read(tmp_path, content)
    del content["frames"][0]["transform_matrix"][3]
    np.testing.assert_array_equal(read(tmp_path, content).rotation, whole.rotation)


EYE = np.eye(4).tolist()


def frame(matrix: Any, **more: Any) -> dict[str, Any]:
    return {
        "frames": [{"file_path": "b.png", "transform_matrix": EYE}, {"file_path": "a.png", "transform_matrix": matrix}],
        **more,
    }


def with_entry(row: int, column: int, value: Any) -> list[list[Any]]:
    matrix = np.eye(4).tolist()
    matrix[row][column] = value
    return matrix


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"frames": [', r"transforms\.json, line 1: not JSON \(Expecting value, column 13\)"),
        ('{"frames": ' + "[" * 100000, "not JSON that can be read"),
        ("[]", "no list 'frames' in it"),
        ({"frames": {}}, "no list 'frames' in it"),
        ({"frames": []}, "no photo has a pose in it"),
        ({"frames": [3]}, "frame 1: no 'file_path'"),
        ({"frames": [{"transform_matrix": EYE}]}, "frame 1: no 'file_path'"),
        ({"frames": [{"file_path": "", "transform_matrix": EYE}]}, "frame 1: no 'file_path'"),
        ({"frames": [{"file_path": "a.png"}]}, r"frame 1, photo 'a\.png': no 'transform_matrix'"),
        (frame(None), r"frame 2, photo 'a\.png': 'transform_matrix' is not 4x4 or 3x4 numbers"),
        (frame(EYE[:2]), "'transform_matrix' is not 4x4"),
        (frame([row[:3] for row in EYE]), "'transform_matrix' is not 4x4"),
        (frame(with_entry(0, 0, "1")), r"frame 2, photo 'a\.png': 'transform_matrix' holds '1' where a number should"),
        (frame(with_entry(0, 0, True)), "holds True where a number should be"),
        (frame(with_entry(0, 3, float("nan"))), r"frame 2, photo 'a\.png': .* holds nan, which is no finite number"),
        (frame(with_entry(0, 3, 10**400)), "which is no finite number"),
        (frame(with_entry(3, 0, 5.0)), r"frame 2, photo 'a\.png': .* a last row other than 0 0 0 1"),
        (frame(with_entry(0, 1, 0.5)), r"frame 2, photo 'a\.png': the 3x3 part is no rotation"),
        (frame(with_entry(0, 0, -1)), "the 3x3 part is no rotation"),
        (frame(with_entry(0, 0, 2)), "the 3x3 part is no rotation"),
        (frame(np.diag([0.0, 0, 0, 1]).tolist()), "the 3x3 part is no rotation"),
        (frame(with_entry(0, 3, 1e308), applied_scale=1e-3), r"frame 2, photo 'a\.png': .* numbers are too large"),
        (frame(EYE, applied_transform=[[1, 0, 0]]), "'applied_transform' is not 4x4"),
        (frame(EYE, applied_transform=np.zeros((3, 4)).tolist()), "'applied_transform' can't be undone"),
        (frame(EYE, applied_transform=np.diag([1.0, 1, -1, 1]).tolist()), "the 3x3 part is no rotation"),
        (frame(EYE, applied_scale=0), "'applied_scale' is 0. Give a number above 0"),
        (frame(EYE, applied_scale="1"), "'applied_scale' is '1'. Give a number above 0"),
    ],
)
def test_malformed_files(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(EvaluationError, match=message) as found:
        read(tmp_path, content)
    assert str(tmp_path / "transforms.json") in str(found.value) or "no photo has" in str(found.value)
