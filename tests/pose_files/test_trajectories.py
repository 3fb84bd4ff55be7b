"""TUM and KITTI trajectories, and lists of photos for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pose_writers import kitti_text, random_cameras, tum_text, write

from scenesort.errors import EvaluationError
from scenesort.pose_files import read_poses_file

CAMERAS = random_cameras(["a.png", "b.png"])
TIMES = ["1305031102.175304", "1305031102.211214"]
TUM = tum_text(CAMERAS, TIMES)
KITTI = kitti_text(CAMERAS)


def test_tum_without_names_gives_timestamps(tmp_path: Path) -> None:
    (cluster,) = read_poses_file(write(tmp_path / "trajectory.txt", TUM.replace(" ", "\t ")))
    assert cluster.by_timestamp
    assert cluster.image == tuple(TIMES)
    assert cluster.number == (2, 3)
    assert cluster.name == "trajectory"


def test_tum_with_pairs_of_timestamp_and_photo(tmp_path: Path) -> None:
    path = write(tmp_path / "camera.tum", TUM)
    # evo writes times with 19 digits, of which the last ones are the float's rounding.
    pairs = f"# timestamp filename\n{TIMES[1]}000 rgb/b 2.png\n{float(TIMES[0]):.18e} rgb/a.png\n9 rgb/z.png\n"
    (cluster,) = read_poses_file(path, write(tmp_path / "rgb.txt", pairs))
    assert cluster.image == ("rgb/a.png", "rgb/b 2.png")
    assert not cluster.by_timestamp
    np.testing.assert_allclose(cluster.translation, CAMERAS.cam_from_world[:, :, 3], atol=1e-12)


def test_tum_with_names_that_do_not_fit(tmp_path: Path) -> None:
    path = write(tmp_path / "camera.tum", TUM)
    for content, message in (
        (f"{TIMES[0]} a.png\n", rf"camera\.tum, line 3: no photo has the timestamp {TIMES[1]} in .*names"),
        ("a.png\n", r"camera\.tum: 2 poses, but 1 photos in .*names"),
        ("# only this\n", "names: no names in it"),
        (f"1 a.png\n2 b.png\n{float(1):.3f} c.png\n", r"names, line 3: the timestamp of line 1 again"),
    ):
        with pytest.raises(EvaluationError, match=message):
            read_poses_file(path, write(tmp_path / "names", content))


GOOD = "1.5 1 2 3 0 0 0 1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{GOOD}\n1.5 1 2 3 0 0 0\n", "line 2: 7 numbers where 8 are needed: timestamp tx ty tz qx qy qz qw"),
        (f"{GOOD}\n\n{GOOD} 7", "line 3: 9 numbers where 8 are needed"),
        (f"{GOOD}\n# x\n{GOOD.replace('2', 'two')}", "line 3: 'two' stands where a number should be"),
        (GOOD.replace("2", "nan"), "line 1: 'nan' is no finite number"),
        (GOOD.replace("1.5", "inf"), "line 1: 'inf' is no finite number"),
        ("1.5 1 2 3 0 0 0 0", "line 1: the quaternion has length 0 where it must be 1"),
        ("1.5 1 2 3 1 1 1 1", "line 1: the quaternion has length 2 where it must be 1"),
        ("1.5 1 2 3 1e308 1e308 0 0", "line 1: the quaternion has length inf"),
        ("1.5 1.5e308 1.5e308 0 0 0 0.38268343 0.92387953", r"line 1, photo '1\.5': the pose's numbers are too large"),
    ],
)
def test_malformed_tum(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message) as found:
        read_poses_file(write(tmp_path / "camera.tum", text))
    assert str(tmp_path / "camera.tum") in str(found.value)


def test_kitti_needs_names_and_takes_them_in_order(tmp_path: Path) -> None:
    path = write(tmp_path / "00.txt", KITTI)
    with pytest.raises(EvaluationError, match=r"00\.txt: KITTI poses name no photos. Give names"):
        read_poses_file(path)
    (cluster,) = read_poses_file(path, write(tmp_path / "names", "b.png\na.png\n"))
    assert cluster.image == ("b.png", "a.png")
    np.testing.assert_allclose(cluster.rotation, CAMERAS.cam_from_world[:, :, :3], atol=1e-12)
    with pytest.raises(EvaluationError, match=r"00\.txt: 2 poses, but 3 photos in .*names"):
        read_poses_file(path, write(tmp_path / "names", "b.png\na.png\nc.png"))


def test_kitti_with_few_digits_keeps_the_centre(tmp_path: Path) -> None:
    cameras = random_cameras(["a.png"], spread=1000)
    numbers = [f"{float(word):.4f}" for word in kitti_text(cameras).split()]
    path = write(tmp_path / "00.txt", " ".join(numbers))
    (cluster,) = read_poses_file(path, write(tmp_path / "names", "a.png"))
    center = -cluster.rotation[0].T @ cluster.translation[0]
    np.testing.assert_allclose(center, [float(number) for number in numbers[3::4]], atol=1e-9)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 0 0 1 0 1 0 2 0 0 1", r"line 2, photo 'b\.png': 11 numbers where 12 are needed"),
        ("1 0 0 1 0 1 0 x 0 0 1 3", r"line 2, photo 'b\.png': 'x' stands where a number should be"),
        ("1 0 0 1 0 1 0 -inf 0 0 1 3", r"line 2, photo 'b\.png': '-inf' is no finite number"),
        ("2 0 0 1 0 2 0 2 0 0 2 3", r"line 2, photo 'b\.png': the 3x3 part is no rotation"),
        ("1 0 0 0 1 0 0 0 1 1 2 3", r"line 2, photo 'b\.png': the 3x3 part is no rotation"),
        ("-1 0 0 1 0 1 0 2 0 0 1 3", r"line 2, photo 'b\.png': the 3x3 part is no rotation"),
    ],
)
def test_malformed_kitti(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "poses.kitti", f"1 0 0 1 0 1 0 2 0 0 1 3\n{line}\n")
    with pytest.raises(EvaluationError, match=message) as found:
        read_poses_file(path, write(tmp_path / "names", "a.png\nb.png\n"))
    assert str(path) in str(found.value)
