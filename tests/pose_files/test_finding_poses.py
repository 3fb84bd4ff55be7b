"""Which format a path holds, which models a folder has and how their clusters are called."""

from __future__ import annotations

from pathlib import Path

import pytest
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
from scenesort.pose_files.finding import cluster_names, find_pose_files, find_table

CAMERAS = random_cameras(["a.png"])
TEXT = images_text(CAMERAS)
HEADER = "dataset,scene,image,rotation_matrix,translation_vector\n"


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["0", "1"], ["0", "1"]),
        (["sparse/0", "sparse/1"], ["0", "1"]),
        (["kermit/sparse/0", "et/sparse/0"], ["kermit", "et"]),
        (["kermit/sparse/0", "kermit/sparse/1", "et/sparse/0"], ["kermit/0", "kermit/1", "et"]),
        (["toys/0", "toys/1", "temples/0"], ["toys/0", "toys/1", "temples"]),
        (["toys/kermit/sparse", "toys/et/sparse"], ["toys/kermit", "toys/et"]),
        (["a/sparse", "a"], ["a/sparse", "a"]),
        (["a/sparse/0", "a"], ["a/sparse/0", "a"]),
    ],
)
def test_cluster_names(folders: list[str], names: list[str]) -> None:
    assert cluster_names([tuple(folder.split("/")) for folder in folders]) == names


def test_models_of_a_folder_in_their_order(tmp_path: Path) -> None:
    for number in (10, 9, 0):
        write(tmp_path / "sparse" / str(number) / "images.txt", TEXT)
    write(tmp_path / ".trash" / "images.txt", TEXT)
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "sparse" / "9")
    files = find_pose_files(tmp_path / "sparse")
    assert [(file.name, file.kind) for file in files] == [(name, "colmap") for name in ("0", "9", "10")]
    assert len(find_pose_files(tmp_path)) == 3


@pytest.mark.parametrize("name", ["images.txt", "cameras.txt", "points3D.txt", ""])
def test_a_model_by_any_of_its_files(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "kermit" / "sparse" / "0"
    for file in ("images.txt", "cameras.txt", "points3D.txt"):
        write(folder / file, TEXT)
    (found,) = find_pose_files(folder / name)
    assert (found.path, found.kind, found.name) == (folder / "images.txt", "colmap", "kermit")


def test_a_model_without_images(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"cameras\.bin: no images\.bin beside it"):
        find_pose_files(write(tmp_path / "cameras.bin", b""))


def test_kinds_of_files_by_what_is_in_them(tmp_path: Path) -> None:
    for name, content, kind in (
        ("a.txt", tum_text(CAMERAS, ["1"]), "tum"),
        ("b.txt", kitti_text(CAMERAS), "kitti"),
        ("c.txt", bundle_out(CAMERAS), "bundler"),
        ("d.txt", transforms_json(CAMERAS), "transforms"),
        ("e.txt", "1 1 2 x 0 0 0 1", "tum"),
        ("f.json", "x", "transforms"),
    ):
        (found,) = find_pose_files(write(tmp_path / name, content, mark=True))
        assert (found.kind, found.name) == (kind, Path(name).stem)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the format is unknown. Understood are: the challenge's CSV, a run folder"),
        ("some words\n", "the format is unknown"),
        (b"\x89PNG\0\0\xff", "the format is unknown"),
        ("# timestamp\n\n1 2 3 4 5 6 7\n", "line 3: 7 numbers where a TUM trajectory has 8 .* and KITTI poses 12"),
    ],
)
def test_unknown_formats(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        find_pose_files(write(tmp_path / "poses.txt", content))


def test_folders_that_hold_nothing_or_two_formats(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"no poses found in this folder\. Understood are"):
        find_pose_files(tmp_path)
    with pytest.raises(EvaluationError, match="absent: can't be read"):
        find_pose_files(tmp_path / "absent")
    write(tmp_path / "colmap" / "sparse" / "0" / "images.bin", images_binary(CAMERAS))
    write(tmp_path / "transforms.json", transforms_json(CAMERAS))
    with pytest.raises(EvaluationError, match=r"two formats, transforms\.json and colmap/sparse/0/images\.bin"):
        find_pose_files(tmp_path)


def test_a_folder_that_is_closed_to_us_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    write(tmp_path / "a" / "images.txt", TEXT)
    closed = tmp_path / "closed"
    closed.mkdir()
    real = os.scandir

    def scandir(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(closed))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(EvaluationError, match="closed: can't be read"):
        find_pose_files(tmp_path)


def test_tables(tmp_path: Path) -> None:
    table = write(tmp_path / "submission.csv", HEADER)
    assert find_table(tmp_path) == find_table(table) == table
    text = write(tmp_path / "other.txt", HEADER.replace("image", '"image"'), mark=True)
    assert find_table(text) == text
    assert find_table(write(tmp_path / "camera.tum", tum_text(CAMERAS, ["1"]))) is None
    assert find_table(write(tmp_path / "model" / "images.txt", TEXT).parent) is None
