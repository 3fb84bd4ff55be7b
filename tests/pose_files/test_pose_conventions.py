"""Each format's axes and direction, on one camera written by hand; and each format, there and back, on random cameras.

The camera stands at (1, 2, 3) of a world whose z is up and looks along +x: its right is -y, its down is -z.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pose_writers import (
    bundle_out,
    images_binary,
    images_text,
    kitti_text,
    random_cameras,
    transforms_json,
    tum_text,
    write,
)

from scenesort.errors import EvaluationError
from scenesort.geometry import nearest_rotation, rotation_from_quaternion
from scenesort.pose_files import PoseCluster, read_poses_file

ROTATION = [[0, -1, 0], [0, 0, -1], [1, 0, 0]]
TRANSLATION = [2, 3, -1]

BY_HAND = {
    "images.txt": "1 0.5 0.5 -0.5 0.5 2 3 -1 1 a.png\n\n",
    "transforms.json": '{"frames": [{"file_path": "a.png",'
    ' "transform_matrix": [[0, 0, -1, 1], [-1, 0, 0, 2], [0, 1, 0, 3], [0, 0, 0, 1]]}]}',
    "bundle.out": "# Bundle file v0.3\n1 0\n500 0 0\n0 -1 0\n0 0 1\n-1 0 0\n2 -3 1\n",
    "camera.tum": "7.5 1 2 3 -0.5 0.5 -0.5 0.5\n",
    "camera.kitti": "0 0 1 1 -1 0 0 2 0 -1 0 3\n",
}

SPELLINGS = [("\n", False), ("\r\n", False), ("\n", True), ("\r\n", True), ("\r", False)]


@pytest.mark.parametrize(("end", "mark"), SPELLINGS)
@pytest.mark.parametrize("name", BY_HAND)
def test_a_camera_written_by_hand(tmp_path: Path, name: str, end: str, mark: bool) -> None:
    path = write(tmp_path / name, BY_HAND[name], end, mark)
    names = write(tmp_path / "photos.list", "a.png\n", end, mark)
    needs_names = name in ("bundle.out", "camera.tum", "camera.kitti")
    (cluster,) = read_poses_file(path, names if needs_names else None)
    assert cluster.image == ("a.png",)
    np.testing.assert_allclose(cluster.rotation, [ROTATION], atol=1e-15)
    np.testing.assert_allclose(cluster.translation, [TRANSLATION], atol=1e-15)
    assert cluster.rotation.dtype == cluster.translation.dtype == np.float64


def check(cluster: PoseCluster, names: list[str], cam_from_world: np.ndarray) -> None:
    assert list(cluster.image) == names
    np.testing.assert_allclose(cluster.rotation, cam_from_world[:, :, :3], atol=1e-12)
    np.testing.assert_allclose(cluster.translation, cam_from_world[:, :, 3], atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_random_cameras_there_and_back(tmp_path: Path, seed: int) -> None:
    names = [f"deep/photo {row} ä.png" for row in range(7)]
    cameras = random_cameras(names, seed)
    listed = write(tmp_path / "photos.list", "\n".join(names))
    timestamps = [f"{1305031102 + row}.175304" for row in range(7)]
    files = [
        write(tmp_path / "text" / "images.txt", images_text(cameras)),
        write(tmp_path / "binary" / "images.bin", images_binary(cameras)),
        write(tmp_path / "transforms.json", transforms_json(cameras)),
    ]
    for path in files:
        (cluster,) = read_poses_file(path)
        check(cluster, names, cameras.cam_from_world)
    files = [
        write(tmp_path / "bundle.out", bundle_out(cameras)),
        write(tmp_path / "camera.txt", tum_text(cameras, timestamps)),
        write(tmp_path / "poses.txt", kitti_text(cameras)),
    ]
    for path in files:
        (cluster,) = read_poses_file(path, listed)
        check(cluster, names, cameras.cam_from_world)


entries = st.floats(-10, 10, allow_nan=False)


@given(arrays(float, 4, elements=entries).filter(lambda q: np.linalg.norm(q) > 1e-3))
def test_quaternions_are_colmaps(quaternion: np.ndarray) -> None:
    unit = quaternion / np.linalg.norm(quaternion)
    expected = pycolmap.Rotation3d(np.roll(unit, -1)).matrix()
    np.testing.assert_allclose(rotation_from_quaternion(quaternion), expected, atol=1e-12)
    np.testing.assert_allclose(
        rotation_from_quaternion(np.stack([quaternion, -quaternion])), [expected] * 2, atol=1e-12
    )


@given(arrays(float, (3, 3), elements=entries))
def test_nearest_rotation_is_one(matrix: np.ndarray) -> None:
    rotation = nearest_rotation(matrix)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) > 0


@given(arrays(float, 4, elements=entries).filter(lambda q: np.linalg.norm(q) > 1e-3), st.floats(0.1, 10))
def test_nearest_rotation_takes_out_scale_and_keeps_rotations(quaternion: np.ndarray, scale: float) -> None:
    rotation = rotation_from_quaternion(quaternion)
    np.testing.assert_allclose(nearest_rotation(rotation * scale), rotation, atol=1e-9)


def test_nearest_rotation_of_a_reflection_is_no_reflection() -> None:
    reflections = np.stack([np.diag([1.0, 1.0, -0.5]), np.diag([1.0, 2.0, 3.0])])
    np.testing.assert_allclose(nearest_rotation(reflections), [np.eye(3), np.eye(3)], atol=1e-12)


@given(
    name=st.sampled_from(sorted(BY_HAND)),
    place=st.integers(0, 30),
    word=st.one_of(st.text(max_size=5), st.floats().map(repr), st.integers().map(str)),
)
def test_one_wrong_word_is_refused_or_leaves_poses_finite(
    tmp_path_factory: pytest.TempPathFactory, name: str, place: int, word: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "words"
    parts = re.split(r"(\s+)", BY_HAND[name])
    parts[2 * place % len(parts)] = word
    path = write(folder / name, "".join(parts).encode("utf-8", errors="replace"))
    names = write(folder / "photos.list", "a.png\n")
    try:
        clusters = read_poses_file(path, names if name in ("bundle.out", "camera.tum", "camera.kitti") else None)
    except EvaluationError:
        return
    for cluster in clusters:
        assert np.isfinite(cluster.rotation).all()
        assert np.isfinite(cluster.translation).all()
        products = cluster.rotation @ cluster.rotation.transpose(0, 2, 1)
        np.testing.assert_allclose(products, np.broadcast_to(np.eye(3), products.shape), atol=1e-2)
