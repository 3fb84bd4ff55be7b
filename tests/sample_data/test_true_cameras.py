"""Camera files and projection matrices, from cameras that are known and in files that are broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_world import any_pose, camera_text, projection_text
from scenesort.errors import EvaluationError
from scenesort.geometry import center_in_world
from scenesort.sample_data.true_cameras import read_camera_file, read_projection_matrix

PUBLISHED = """2759.48 0 1520.69
0 2764.16 1006.81
0 0 1
0 0 0
0.450927 -0.0945642 -0.887537
-0.892535 -0.0401974 -0.449183
0.00679989 0.994707 -0.102528
-7.28137 -7.57667 0.204446
3072 2048
"""
"""The first camera of the benchmark's fountain."""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_the_benchmarks_own_camera(tmp_path: Path) -> None:
    pose = read_camera_file(write(tmp_path / "0000.png.camera", PUBLISHED))
    assert center_in_world(pose) == pytest.approx([-7.28137, -7.57667, 0.204446], abs=1e-5)
    # The camera looks along the third column of world_from_cam.
    assert pose[2, :3] == pytest.approx([-0.887537, -0.449183, -0.102528])


@given(seed=st.integers(0, 2**32 - 1))
def test_camera_files_give_back_the_pose(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    pose = any_pose(seed)
    path = write(tmp_path_factory.getbasetemp() / "any.camera", camera_text(pose))
    np.testing.assert_allclose(read_camera_file(path), pose, atol=1e-9)


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-3, 1e3), sign=st.sampled_from([-1, 1]))
def test_projection_matrices_give_back_the_pose(
    tmp_path_factory: pytest.TempPathFactory, seed: int, scale: float, sign: int
) -> None:
    pose = any_pose(seed)
    path = write(tmp_path_factory.getbasetemp() / "any_P.txt", projection_text(pose, sign * scale))
    found = read_projection_matrix(path)
    np.testing.assert_allclose(found, pose, atol=1e-7)
    assert np.linalg.det(found[:, :3]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a camera file"),
        (PUBLISHED.replace("3072 2048\n", ""), "not a camera file"),
        (PUBLISHED.replace("0 0 0\n", "0 0\n"), "not a camera file"),
        (PUBLISHED.replace("0.994707", "nine"), "line 7: 'nine' stands where a number should be"),
        (PUBLISHED.replace("-7.28137", "nan"), "line 8: 'nan' is no finite number"),
        (PUBLISHED.replace("0.450927", "0.550927"), "is no rotation"),
    ],
)
def test_broken_camera_files_are_named(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path / "0000.png.camera", text)
    with pytest.raises(EvaluationError, match=says) as found:
        read_camera_file(path)
    assert str(path) in str(found.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 0 0 0\n0 1 0 0\n", "not a projection matrix"),
        ("1 0 0 0\n0 1 0 0\n0 0 0 1\n", "no inverse"),
        ("1 0 0 0\n2 0 0 0\n0 0 1 1\n", "no inverse"),
        ("1000 300 500 0\n0 1000 500 0\n0 0 1 1\n", "skewed"),
    ],
)
def test_what_is_no_camera_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(EvaluationError, match=says):
        read_projection_matrix(write(tmp_path / "00001_P.txt", text))
