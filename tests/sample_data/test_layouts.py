"""Each layout of the real sets, in small: photos get their own cameras, and what doesn't fit is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sample_world import bundle_text, camera_text, images_text, photo, projection_text, ring, transforms_text
from scenesort.errors import SampleDataError
from scenesort.sample_data.layouts import TruePhoto, flat_names, is_wanted, read_photos
from scenesort.types import FloatArray

POSES = ring(4)


def fill(folder: Path, names: list[str]) -> list[Path]:
    paths = [folder / name for name in names]
    for index, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo(index))
    return paths


def check(found: list[TruePhoto], wanted: dict[str, FloatArray | None]) -> None:
    assert [item.name for item in found] == sorted(wanted)
    for item in found:
        pose = wanted[item.name]
        assert (item.cam_from_world is None) == (pose is None), item.name
        if item.cam_from_world is not None and pose is not None:
            np.testing.assert_allclose(item.cam_from_world, pose, atol=1e-9)


def test_camera_files_lie_beside_the_photos_or_elsewhere(tmp_path: Path) -> None:
    names = [f"scene/images/{index:04d}.jpg" for index in range(4)]
    fill(tmp_path, names)
    cameras = tmp_path / "scene/gt_dense_cameras"
    cameras.mkdir()
    for index in range(4):
        (cameras / f"{index:04d}.jpg.camera").write_text(camera_text(POSES[index]))
    check(read_photos(tmp_path, "camera files"), dict(zip(names, POSES, strict=True)))


def test_projection_matrices_are_found_by_the_photos_number(tmp_path: Path) -> None:
    names = [f"buddha/{index:05d}._c.png" for index in range(1, 5)]
    fill(tmp_path, names)
    for name, pose in zip(names, POSES, strict=True):
        (tmp_path / name.replace("._c.png", "_P.txt")).write_text(projection_text(pose))
    check(read_photos(tmp_path, "projection matrices"), dict(zip(names, POSES, strict=True)))


def test_a_colmap_model_names_photos_below_its_own_folder(tmp_path: Path) -> None:
    names = [f"hall/images/P{index}.JPG" for index in range(4)]
    fill(tmp_path, names)
    (tmp_path / "hall/sparse").mkdir()
    posed = {f"P{index}.JPG": POSES[index] for index in range(3)}
    (tmp_path / "hall/sparse/images.txt").write_text(images_text(posed))
    wanted: dict[str, FloatArray | None] = {f"hall/images/{name}": pose for name, pose in posed.items()}
    check(read_photos(tmp_path, "poses file"), wanted | {names[3]: None})


def test_frames_without_photos_are_passed_over(tmp_path: Path) -> None:
    names = [f"fox/images/{index:04d}.jpg" for index in range(3)]
    fill(tmp_path, names)
    frames = {f"images/{index:04d}.jpg": POSES[index] for index in (0, 1, 2)} | {"images/0099.jpg": POSES[3]}
    (tmp_path / "fox/transforms.json").write_text(transforms_text(frames))
    check(read_photos(tmp_path, "poses file"), dict(zip(names, POSES[:3], strict=True)))


def test_bundlers_cameras_are_in_the_order_of_names(tmp_path: Path) -> None:
    names = [f"k/kermit{index:03d}.jpg" for index in range(4)]
    fill(tmp_path, names)
    (tmp_path / "k/results.example").mkdir()
    (tmp_path / "k/results.example/bundle.out").write_text(bundle_text([POSES[0], None, POSES[2], POSES[3]]))
    check(
        read_photos(tmp_path, "poses file"),
        {names[0]: POSES[0], names[1]: None, names[2]: POSES[2], names[3]: POSES[3]},
    )


def test_photos_only(tmp_path: Path) -> None:
    fill(tmp_path, ["images/b.JPG", "images/a.JPG"])
    (tmp_path / "images/K.txt").write_text("1 0 0")
    check(read_photos(tmp_path, "photos only"), {"images/a.JPG": None, "images/b.JPG": None})


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(SampleDataError, match="no photo came"):
        read_photos(tmp_path, "photos only")
    fill(tmp_path, ["0000.png", "0001.png"])
    (tmp_path / "0000.png.camera").write_text(camera_text(POSES[0]))
    with pytest.raises(SampleDataError, match=r"1 photos came without a camera, 0001\.png first"):
        read_photos(tmp_path, "camera files")
    (tmp_path / "0002.png.camera").write_text(camera_text(POSES[0]))
    with pytest.raises(SampleDataError, match=r"0002\.png\.camera: no photos fit"):
        read_photos(tmp_path, "camera files")
    (tmp_path / "0002.png.camera").unlink()
    fill(tmp_path, ["other/0000.png"])
    with pytest.raises(SampleDataError, match=r"0000\.png\.camera: 2 photos fit"):
        read_photos(tmp_path, "camera files")


def test_a_name_that_fits_two_photos_and_two_models_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, ["a/images/0.png", "b/images/0.png"])
    (tmp_path / "transforms.json").write_text(transforms_text({"images/0.png": POSES[0]}))
    with pytest.raises(SampleDataError, match="fits several photos"):
        read_photos(tmp_path, "poses file")
    (tmp_path / "a/transforms.json").write_text(transforms_text({"images/0.png": POSES[0]}))
    with pytest.raises(SampleDataError, match="2 models came"):
        read_photos(tmp_path, "poses file")


@pytest.mark.parametrize(
    ("member", "wanted"),
    [
        ("fountain_dense/urd/0000.png", True),
        ("fountain_dense/urd/0000.png.camera", True),
        ("south-building/sparse/images.txt", True),
        ("south-building/sparse/0/images.bin", True),
        ("south-building/sparse/points3D.txt", False),
        ("south-building/database.db", False),
        ("__MACOSX/south-building/images/._P1.JPG", False),
        (".hidden/a.png", False),
    ],
)
def test_what_is_taken_out_of_archives(member: str, wanted: bool) -> None:
    assert is_wanted(member) == wanted


def test_flat_names_are_short_where_they_can_be(tmp_path: Path) -> None:
    def names(*paths: str) -> list[str]:
        return flat_names([TruePhoto(path, tmp_path / path, None) for path in paths], "set_")

    assert names("a/1.png", "a/2.png") == ["set_1.png", "set_2.png"]
    assert names("a/1.png", "b/1.png") == ["set_a_1.png", "set_b_1.png"]
    with pytest.raises(SampleDataError, match="same name"):
        names("a/b/1.png", "a_b/1.png", "c/1.png")
