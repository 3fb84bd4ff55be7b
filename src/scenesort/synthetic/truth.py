"""What is true of the photos of a rendered collection: written beside them, and read back for the `oracle`."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scenesort.errors import WeightsError
from scenesort.types import Camera, Float32Array, FloatArray

DEPTHS = "depths.npz"
FILES = ("labels.csv", "cameras.csv", DEPTHS)
_CELL = "cell_px"


@dataclass(frozen=True, slots=True, eq=False)
class TrueView:
    """A photo's true pose and camera, and what it shows.

    `cam_from_world`: (3, 4) float64, metres; nan for a photo of no scene. `camera`: SIMPLE_RADIAL, frame pixels.
    `depth_m`: (rows, columns) float32 along the optical axis in the middle of cells of `cell_px` pixels, inf for sky.
    """

    cam_from_world: FloatArray
    camera: Camera
    depth_m: Float32Array
    cell_px: int


def write_depths(folder: Path, depths: Mapping[str, Float32Array], cell_px: int) -> None:
    """Write the true depth of photos, by name, into a folder."""
    arrays: dict[str, Any] = {f"/{name}": depths[name] for name in sorted(depths)}
    cell: dict[str, Any] = {_CELL: np.array(cell_px)}
    np.savez_compressed(folder / DEPTHS, **arrays, **cell)


def check_truth(folder: Path) -> None:
    """Raise WeightsError, which says what to give instead, where a folder lacks a file of the truth."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise WeightsError(
            f"oracle: {folder} holds no truth of rendered photos: {missing[0]} is missing; give the folder that "
            f"make_collection wrote, with {', '.join(FILES)}"
        )


def read_truth(folder: Path) -> dict[str, TrueView]:
    """Read what `make_collection` wrote beside its photos, by photo name. Raises WeightsError when it isn't all there.

    The error is that of a model's weights, as this is what the `oracle` knows.
    """
    check_truth(folder)
    try:
        with (folder / "cameras.csv").open(newline="", encoding="utf-8") as file:
            cameras = {row["image"]: _camera(row) for row in csv.DictReader(file)}
        with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
            poses = {row["image"]: _pose(row) for row in csv.DictReader(file)}
        with np.load(folder / DEPTHS, allow_pickle=False) as depths:
            cell_px = int(depths[_CELL])
            return {name: TrueView(poses[name], cameras[name], depths[f"/{name}"], cell_px) for name in poses}
    except (OSError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(f"oracle: the truth in {folder} is damaged ({error}); make the collection again") from error


def _camera(row: Mapping[str, str]) -> Camera:
    if row["model"] != "SIMPLE_RADIAL":
        raise ValueError(f"{row['image']} has camera model {row['model']} in place of SIMPLE_RADIAL")
    focal, cx, cy, radial = (float(value) for value in row["params"].split(";"))
    return Camera("SIMPLE_RADIAL", int(row["width"]), int(row["height"]), (focal, cx, cy, radial))


def _pose(row: Mapping[str, str]) -> FloatArray:
    rotation = np.array([float(value) for value in row["rotation_matrix"].split(";")]).reshape(3, 3)
    translation = np.array([float(value) for value in row["translation_vector"].split(";")]).reshape(3, 1)
    return np.hstack([rotation, translation])
