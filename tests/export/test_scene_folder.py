"""A scene's folder: a model that COLMAP opens, links to the photos, a table."""

import csv

import numpy as np
import pycolmap
import pytest
from PIL import Image

from pictures import camera, photo
from scenesort import colmap
from scenesort.export import write_scene_folder
from scenesort.scenes import scene_without_model
from scenesort.types import PosedPhoto, PosedScene


def test_a_scene_folder_holds_model_photos_and_table(tmp_path):
    photos = {}
    for name in ("a.png", "deep/b.png", "c.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48)).save(path)
        photos[name] = photo(name, 64, 48, path=path)
    pose = np.column_stack([np.eye(3), [1.0, 2.0, 3.0]])
    posed = tuple(
        PosedPhoto(name, camera(64, 48), 1, pose, np.array([[1.5, 2.5], [3.0, 4.0]]), np.array([0, 1]))
        for name in ("a.png", "deep/b.png")
    )
    scene = PosedScene(
        "scene_01", posed, np.eye(3)[:2] * 5, np.full((2, 3), 9, np.uint8), np.array([0.1, 0.2]), ("c.png",)
    )
    folder = tmp_path / "scene_01"
    folder.mkdir()
    write_scene_folder(scene, photos, np.array([0.0123, np.inf]), folder)

    assert (folder / "images/deep/b.png").read_bytes() == photos["deep/b.png"].path.read_bytes()
    assert sorted(str(path.relative_to(folder / "images")) for path in (folder / "images").rglob("*.png")) == [
        "a.png",
        "deep/b.png",
    ]
    opened = pycolmap.Reconstruction(folder / "sparse" / "0")
    assert sorted(image.name for image in opened.images.values()) == ["a.png", "deep/b.png"]
    assert len(opened.points3D) == 2
    assert [item.name for item in colmap.read_model(folder / "sparse" / "0", "x").photos] == ["a.png", "deep/b.png"]
    with (folder / "photos.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["photo"], row["posed"], row["points"]) for row in rows] == [
        ("a.png", "yes", "2"),
        ("c.png", "no", "0"),
        ("deep/b.png", "yes", "2"),
    ]
    assert [float(rows[0][f"center_{axis}"]) for axis in "xyz"] == pytest.approx([-1, -2, -3])
    assert rows[1]["center_x"] == ""
    assert [row["deviation"] for row in rows] == ["0.0123", "", "inf"]


def test_a_scene_without_a_model_holds_its_photos_and_table(tmp_path):
    names = ("a.png", "deep/b.png")
    photos = {name: photo(name, 64, 48, path=tmp_path / "photos" / name) for name in names}
    for found in photos.values():
        found.path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48)).save(found.path)
    folder = tmp_path / "scene_01"
    folder.mkdir()
    write_scene_folder(scene_without_model("scene_01", names), photos, np.zeros(0), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["images", "photos.csv"]
    assert (folder / "images/deep/b.png").read_bytes() == photos["deep/b.png"].path.read_bytes()
    with (folder / "photos.csv").open(newline="") as file:
        assert [(row["photo"], row["posed"]) for row in csv.DictReader(file)] == [(name, "no") for name in names]
