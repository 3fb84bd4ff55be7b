"""A small collection with something of everything, as the three tables that a score is made from."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HEADER = ("dataset", "scene", "image", "rotation_matrix", "translation_vector")
THRESHOLDS = (0.025, 0.05, 0.1, 0.2, 0.5, 1.0)

FloatArray = NDArray[np.float64]
Row = tuple[str, str, str, FloatArray, FloatArray]
"""dataset, scene or cluster, photo, rotation (3, 3) and centre (3,)."""

NO_POSE = np.full((3, 3), np.nan), np.full(3, np.nan)


def scene_rows(random: np.random.Generator, scene: str, size: int, dataset: str = "park") -> list[Row]:
    """A true scene with random cameras."""
    rotations = [np.linalg.qr(random.normal(size=(3, 3)))[0] for _ in range(size)]
    return [
        (dataset, scene, f"{scene}_{index}.png", rotation * np.linalg.det(rotation), random.normal(size=3) * 3)
        for index, rotation in enumerate(rotations)
    ]


def write_poses(path: Path, rows: Sequence[Row]) -> Path:
    """Write labels or a submission."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for dataset, scene, photo, rotation, center in rows:
            numbers = [";".join(map(repr, map(float, values.ravel()))) for values in (rotation, -rotation @ center)]
            writer.writerow([dataset, scene, photo, *numbers])
    return path


def write_thresholds(path: Path, scenes: Sequence[tuple[str, str]]) -> Path:
    """Write the same thresholds for each (dataset, scene)."""
    lines = [f"{dataset},{scene},{';'.join(map(str, THRESHOLDS))}" for dataset, scene in scenes]
    path.write_text("\n".join(["dataset,scene,thresholds", *lines]) + "\n", encoding="utf-8")
    return path


def write_tables(folder: Path, odd_photo: str = "gate_0.png") -> tuple[Path, Path, Path]:
    """Write labels, submission and thresholds of the scenes gate, 9 photos, and pond, 5, and two outliers.

    Of the gate, photo 0 is called `odd_photo`, 1 is 0.15 off its place, 2 has no pose, 7 is in a cluster of its own and
    8 is left out; the others are exact. Photo 0 of the pond is in the gate's cluster A.
    """
    random = np.random.default_rng(0)
    gate, pond = scene_rows(random, "gate", 9), scene_rows(random, "pond", 5)
    gate[0] = (*gate[0][:2], odd_photo, *gate[0][3:])
    outliers: list[Row] = [("park", "outliers", f"outlier_{index}.png", *NO_POSE) for index in range(2)]
    placed = ["A"] * 7 + ["B", "outliers"]
    submitted: list[Row] = [(row[0], cluster, *row[2:]) for row, cluster in zip(gate, placed, strict=True)]
    submitted[1] = (*submitted[1][:4], submitted[1][4] + [0, 0, 0.15])
    submitted[2] = (*submitted[2][:3], *NO_POSE)
    submitted += [(pond[0][0], "A", *pond[0][2:]), *pond[1:], *outliers]
    return (
        write_poses(folder / "labels.csv", gate + pond + outliers),
        write_poses(folder / "submission.csv", submitted),
        write_thresholds(folder / "thresholds.csv", [("park", "gate"), ("park", "pond")]),
    )
