"""bundle.out: lists of photos are found, cameras without a pose are left out, wrong counts are seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pose_writers import bundle_out, random_cameras, write

from scenesort.errors import EvaluationError
from scenesort.pose_files import read_poses_file

CAMERAS = random_cameras(["a.png", "b.png", "c.png"])
GOOD = bundle_out(CAMERAS)


@pytest.mark.parametrize(
    ("bundle", "listed"),
    [
        ("bundle.out", "list.txt"),
        ("bundle/bundle.out", "list.txt"),
        ("scene.bundle.out", "scene.list.txt"),
        ("scene.bundle.out", "scene.bundle.out.list.txt"),
    ],
)
def test_lists_beside_the_file(tmp_path: Path, bundle: str, listed: str) -> None:
    write(tmp_path / listed, "./a.png 0 532.25\n./b.png\n# not a photo\n\nwith space 1.png 0 1e3\n")
    (cluster,) = read_poses_file(write(tmp_path / bundle, GOOD))
    assert cluster.image == ("./a.png", "./b.png", "with space 1.png")
    assert cluster.number == (3, 8, 13)
    np.testing.assert_allclose(cluster.translation, CAMERAS.cam_from_world[:, :, 3], atol=1e-12)


def test_a_given_list_goes_first(tmp_path: Path) -> None:
    write(tmp_path / "list.txt", "x\ny\nz\n")
    names = write(tmp_path / "names", "a\nb\nc\n")
    assert read_poses_file(write(tmp_path / "bundle.out", GOOD), names)[0].image == ("a", "b", "c")


def test_a_focal_length_of_zero_is_no_pose(tmp_path: Path) -> None:
    write(tmp_path / "list.txt", "a\nb\nc\n")
    text = bundle_out(CAMERAS, [500.0, 0.0, 500.0])
    lines = text.splitlines()
    lines[8:12] = ["0 0 0"] * 4
    (cluster,) = read_poses_file(write(tmp_path / "bundle.out", "\n".join(lines)))
    assert cluster.image == ("a", "c")
    np.testing.assert_allclose(cluster.rotation, CAMERAS.cam_from_world[[0, 2], :, :3], atol=1e-12)


def changed(line: int, text: str) -> str:
    lines = GOOD.splitlines()
    lines[line - 1] = text
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(1, "# Bundle file v0.4"), r"line 1: the first line is not '# Bundle file v0\.3'"),
        (changed(2, "3.5 1"), r"line 2: the number of cameras is 3\.5"),
        (changed(2, "3 -1"), "line 2: the number of points is -1"),
        (changed(2, "three 1"), "line 2: 'three' stands where a number should be"),
        (changed(2, "3 2"), r"line 20: the file ends within point 2"),
        (changed(2, "3 0"), r"line 18: more follows the last point"),
        (changed(20, "2 0 17 1.5 2.5"), r"line 20: the file ends within point 1"),
        ("\n".join(GOOD.splitlines()[:14]), r"line 14, photo 'c': the file ends within camera 3"),
        (changed(8, "-5 0 0"), r"line 8, photo 'b': the focal length is -5"),
        (changed(8, "500 0"), "no rotation|ends within"),
        (changed(9, "1 0 0"), r"line 8, photo 'b': the 3x3 part is no rotation"),
        (changed(12, "1 x 3"), r"line 12, photo 'b': 'x' stands where a number should be"),
        (changed(12, "1 inf 3"), r"line 12, photo 'b': 'inf' is no finite number"),
    ],
)
def test_malformed_files(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path / "list.txt", "a\nb\nc\n")
    with pytest.raises(EvaluationError, match=message) as found:
        read_poses_file(write(tmp_path / "bundle.out", text))
    assert str(tmp_path / "bundle.out") in str(found.value)


def test_lists_that_do_not_fit(tmp_path: Path) -> None:
    path = write(tmp_path / "bundle.out", GOOD)
    with pytest.raises(EvaluationError, match=r"the list of photos \(list\.txt\) is not beside it"):
        read_poses_file(path)
    write(tmp_path / "list.txt", "a\nb\n")
    with pytest.raises(EvaluationError, match=r"3 cameras, but 2 photos in .*list\.txt"):
        read_poses_file(path)
    with pytest.raises(EvaluationError, match="can't be read"):
        read_poses_file(path, tmp_path / "absent")
