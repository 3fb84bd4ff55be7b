"""A small rendered pile with known cameras, and runs on it that tests share: fixtures of test_end_to_end.

PYTEST_DONT_REWRITE: nothing is asserted here, and a test module that names this one as a plugin has imported it before.
"""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import scenesort
from scenesort import synthetic

SIZE_PX = (512, 384)
ORIENTATION = 0x0112
QUICK = {
    "matching.mix": ("sift+nearest",),
    "features.sift_keypoints": 2048,
    "verification.max_trials": 1000,
    "execution.workers": 1,
    "execution.device": "cpu",
}
"""On top of the preset `fast`: seconds instead of minutes, and no weights."""


@dataclass(frozen=True)
class Pile:
    """A rendered collection: its photos' folder and, by photo name, its true scene and pose."""

    photos: Path
    labels: Path
    thresholds: Path
    cameras: dict[str, tuple[str, ...]]
    scene_of: dict[str, str]
    pose_of: dict[str, np.ndarray]

    def names(self, scene):
        return sorted(name for name, known in self.scene_of.items() if known == scene)

    @property
    def turned(self):
        """The photo whose pixels are stored turned, with an EXIF orientation that says so."""
        found = []
        for path in sorted(self.photos.iterdir()):
            with Image.open(path) as image:
                if image.getexif().get(ORIENTATION, 1) != 1:
                    found.append(path.name)
        (name,) = found
        return name

    def copy(self, names, folder):
        """Copy photos into a folder and return it."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copy(self.photos / name, folder / name)
        return folder

    def write_labels(self, folder, collections):
        """Write labels and thresholds for collections made of this pile's photos: {name: photo names}."""
        known = {row["image"]: row for row in read_rows(self.labels)}
        limits = {row["scene"]: row["thresholds"] for row in read_rows(self.thresholds)}
        labels, thresholds = folder / "labels.csv", folder / "thresholds.csv"
        rows = [{**known[name], "dataset": dataset} for dataset, names in collections.items() for name in names]
        write_rows(labels, rows)
        scenes = sorted({(row["dataset"], row["scene"]) for row in rows if row["scene"] != "outliers"})
        write_rows(
            thresholds,
            [{"dataset": dataset, "scene": scene, "thresholds": limits[scene]} for dataset, scene in scenes],
        )
        return {"labels": labels, "thresholds": thresholds}


def options(**values):
    """Return `fast` with the quick options and some more, `__` for the dot: `features__max_side_px=600`."""
    more = {name.replace("__", "."): value for name, value in values.items()}
    return scenesort.with_values(scenesort.preset("fast"), {**QUICK, **more})


def read_rows(path):
    """Return a CSV's rows as dictionaries."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_rows(path, rows):
    """Write dictionaries as a CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def numbers(text):
    """Return the numbers of a cell."""
    return np.array([float(value) for value in text.split(";")])


def models(out):
    """Return the bytes of all model files of a run folder by relative path."""
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.glob("scenes/*/sparse/0/*.bin"))}


def shards(folder):
    """Return what identifies each shard file of a store: inode and time of change."""
    files = sorted(path for path in folder.rglob("*.safetensors") if not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


@pytest.fixture(scope="session")
def pile(tmp_path_factory):
    """Twelve photos: a square with EXIF and one photo stored turned, a street without EXIF, one outlier."""
    folder = tmp_path_factory.mktemp("rendered")
    size = {"width_px": SIZE_PX[0], "height_px": SIZE_PX[1]}
    market = synthetic.SceneSpec("market", "square", 11, 6, has_exif=True, num_turned_exif=1, **size)
    lane = synthetic.SceneSpec("lane", "street", 12, 5, focal_ratio=0.9, **size)
    photos = synthetic.make_collection(folder, synthetic.CollectionSpec("pile", (market, lane), 1, 5, **size))
    rows = read_rows(folder / "labels.csv")
    return Pile(
        photos,
        folder / "labels.csv",
        folder / "thresholds.csv",
        {row["image"]: tuple(row.values()) for row in read_rows(folder / "cameras.csv")},
        {row["image"]: row["scene"] for row in rows},
        {
            row["image"]: np.column_stack(
                [numbers(row["rotation_matrix"]).reshape(3, 3), numbers(row["translation_vector"])]
            )
            for row in rows
        },
    )


@pytest.fixture(scope="session")
def finished(pile, tmp_path_factory):
    """The pile sorted by one worker, with labels: the run that others are compared with. Its folder stays as it is."""
    out = tmp_path_factory.mktemp("finished") / "out"
    return scenesort.run(pile.photos, out, options=options(), labels=pile.labels, thresholds=pile.thresholds)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A folder of artefacts that runs share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def by_two(pile, cache, tmp_path_factory):
    """The pile sorted from scratch by two workers, without labels, artefacts in the shared folder."""
    out = tmp_path_factory.mktemp("by-two") / "out"
    return scenesort.run(pile.photos, out, options=options(execution__workers=2), cache=cache)
