"""COLMAP models: what pycolmap writes is read as pycolmap reads it; what is malformed is refused, saying where."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pose_writers import images_binary, images_text, random_cameras, write

from scenesort.errors import EvaluationError
from scenesort.pose_files import read_poses_file


@pytest.fixture(scope="module", params=[1, 2], ids=["single", "rig"])
def model(request: pytest.FixtureRequest) -> pycolmap.Reconstruction:
    pycolmap.set_random_seed(3)
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_cameras_per_rig, options.num_frames_per_rig = 2, request.param, 3
    options.num_points3D = 20
    return pycolmap.synthesize_dataset(options)


@pytest.mark.parametrize("kind", ["binary", "text"])
@pytest.mark.parametrize("legacy", [False, True])
def test_what_pycolmap_writes(tmp_path: Path, model: pycolmap.Reconstruction, kind: str, legacy: bool) -> None:
    (model.write_binary if kind == "binary" else model.write_text)(tmp_path)
    if legacy:
        for path in (*tmp_path.glob("rigs.*"), *tmp_path.glob("frames.*")):
            path.unlink()
    (cluster,) = read_poses_file(tmp_path)
    expected = {image.name: image.cam_from_world().matrix() for image in model.images.values()}
    assert sorted(cluster.image) == sorted(expected)
    for row, image in enumerate(cluster.image):
        np.testing.assert_allclose(cluster.rotation[row], expected[image][:, :3], atol=1e-9)
        np.testing.assert_allclose(cluster.translation[row], expected[image][:, 3], atol=1e-9)


@pytest.mark.parametrize("kind", ["binary", "text"])
def test_frames_must_agree_with_images(tmp_path: Path, model: pycolmap.Reconstruction, kind: str) -> None:
    writes = model.write_binary if kind == "binary" else model.write_text
    writes(tmp_path)
    (cluster,) = read_poses_file(tmp_path)
    moved = pycolmap.Reconstruction(model)
    moved.transform(pycolmap.Sim3d(1.0, pycolmap.Rotation3d(), [0.0, 0.0, 0.01]))
    (tmp_path / "moved").mkdir()
    (moved.write_binary if kind == "binary" else moved.write_text)(tmp_path / "moved")
    (frames,) = (tmp_path / "moved").glob("frames.*")
    frames.rename(tmp_path / frames.name)
    for rest in (tmp_path / "moved").iterdir():
        rest.unlink()
    with pytest.raises(
        EvaluationError, match=rf"photo '{cluster.image[0]}': frames\.\w+ gives this image another pose"
    ):
        read_poses_file(tmp_path)


def test_an_image_in_no_frame(tmp_path: Path, model: pycolmap.Reconstruction) -> None:
    model.write_text(tmp_path)
    frames = tmp_path / "frames.txt"
    frames.write_text("\n".join(frames.read_text().splitlines()[:-1]))
    with pytest.raises(EvaluationError, match=r"images\.txt, line \d+, photo '.*': the image is in no frame of frames"):
        read_poses_file(tmp_path)


@pytest.mark.parametrize("name", ["frames", "rigs"])
@pytest.mark.parametrize("kind", ["binary", "text"])
def test_frames_cut_off_or_missing(tmp_path: Path, model: pycolmap.Reconstruction, kind: str, name: str) -> None:
    (model.write_binary if kind == "binary" else model.write_text)(tmp_path)
    (path,) = tmp_path.glob(f"{name}.*")
    whole = path.read_bytes()
    path.write_bytes(whole[: -len(whole.split()[-1]) - 1] if kind == "text" else whole[:-3])
    with pytest.raises(EvaluationError, match=rf"{name}\.\w+: cut off, malformed or of another model"):
        read_poses_file(tmp_path)
    if kind == "binary":
        path.write_bytes(whole + b"\0")
        with pytest.raises(EvaluationError, match="cut off, malformed"):
            read_poses_file(tmp_path)
    if name == "rigs":
        path.unlink()
        with pytest.raises(EvaluationError, match=r"rigs\.\w+: can't be read"):
            read_poses_file(tmp_path)


def test_images_alone_suffice_and_binary_goes_first(tmp_path: Path) -> None:
    write(tmp_path / "images.txt", images_text(random_cameras(["text.png"])))
    assert read_poses_file(tmp_path)[0].image == ("text.png",)
    write(tmp_path / "images.bin", images_binary(random_cameras(["binary.png"])))
    assert read_poses_file(tmp_path)[0].image == ("binary.png",)


def test_text_with_points_comments_and_spaces_in_names(tmp_path: Path) -> None:
    cameras = random_cameras(["my photo 1.png", "b.png"])
    text = images_text(cameras, points="1.5 2.5 -1 3.5 4.5 63390")
    (cluster,) = read_poses_file(write(tmp_path / "images.txt", text.replace("\n2 ", "\n\n# more\n2 ")))
    assert cluster.image == ("my photo 1.png", "b.png")
    assert cluster.number == (2, 6)


LINE = "1 1 0 0 0 1 2 3 1 a.png"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LINE.replace(" a.png", ""), r"line 1: 9 words where at least 10 are needed: IMAGE_ID QW"),
        (LINE.replace("1 2 3", "1 two 3"), r"line 1, photo 'a\.png': 'two' stands where a number should be"),
        (LINE.replace("1 2 3", "1 nan 3"), r"line 1, photo 'a\.png': 'nan' is no finite number"),
        (LINE.replace("1 2 3", "1 1e999 3"), r"line 1, photo 'a\.png': '1e999' is no finite number"),
        (LINE.replace("1 2 3", "1 1_0 3"), r"line 1, photo 'a\.png': '1_0' stands where a number should be"),
        ("x" + LINE, r"line 1, photo 'a\.png': 'x1' stands where an id should be"),
        (LINE.replace("1 a", "1.0 a"), r"line 1, photo 'a\.png': '1\.0' stands where an id should be"),
        (LINE.replace("1 1 0 0 0", "1 2 0 0 0"), r"photo 'a\.png': the quaternion has length 2 where it must be 1"),
        (f"{LINE}\n2{LINE[1:]}\n", r"line 2, photo 'a\.png': not a line of points .* Each image takes two lines"),
        (f"{LINE}\n1.5 2.5\n", r"line 2, photo 'a\.png': not a line of points"),
        (f"{LINE}\n1.5 b -1\n", r"line 2, photo 'a\.png': not a line of points"),
        ("# nothing\n", r"no photo has a pose in it"),
    ],
)
def test_malformed_text(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message) as found:
        read_poses_file(write(tmp_path / "images.txt", text))
    assert str(tmp_path / "images.txt") in str(found.value)


def test_text_in_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="not UTF-8 text"):
        read_poses_file(write(tmp_path / "images.txt", LINE.encode("utf-16")))


def test_every_truncation_of_a_binary_file_is_refused(tmp_path: Path) -> None:
    whole = images_binary(random_cameras(["a.png", "b.png"]))
    path = tmp_path / "images.bin"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(EvaluationError, match=r"images\.bin.*(ends too early|ends within)"):
            read_poses_file(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(EvaluationError, match="1 bytes follow the last of 2 images"):
        read_poses_file(path)


def test_malformed_binary_names_the_photo(tmp_path: Path) -> None:
    whole = images_binary(random_cameras(["a.png"]))
    for value, message in ((float("inf"), "holds nan or infinity"), (3.0, "the quaternion has length")):
        broken = whole[:12] + struct.pack("<d", value) + whole[20:]
        with pytest.raises(EvaluationError, match=rf"image 1, photo 'a\.png': .*{message}"):
            read_poses_file(write(tmp_path / "images.bin", broken))
    many = struct.pack("<Q", 2**62) + whole[8:]
    with pytest.raises(EvaluationError, match="image 2: the file ends too early"):
        read_poses_file(write(tmp_path / "images.bin", many))


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "bytes"
    for name in ("images.bin", "images.txt", "a.tum", "transforms.json", "bundle.out"):
        with pytest.raises(EvaluationError):
            read_poses_file(write(folder / name, data))
