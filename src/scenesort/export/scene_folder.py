"""One scene as a folder that splat tools open: COLMAP model, links to the photos, a table."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scenesort.colmap import write_model
from scenesort.photos import link_or_export
from scenesort.types import FloatArray, Photo, PosedScene

PHOTO_COLUMNS = ("photo", "posed", "points", "camera_id", "center_x", "center_y", "center_z", "deviation")


def write_scene_folder(scene: PosedScene, photos: Mapping[str, Photo], deviations: FloatArray, folder: Path) -> None:
    """Write `sparse/0/`, `images/` and `photos.csv` into an empty folder. Centres are in the scene's own units.

    `images/` has the model's photos; a scene without a model has no `sparse/`, and all its photos there. `deviations`:
    (n,) standard deviation of each posed photo's centre, over its median depth.
    """
    if scene.photos:
        (folder / "sparse" / "0").mkdir(parents=True)
        write_model(scene, folder / "sparse" / "0")
    for name in [photo.name for photo in scene.photos] or scene.unposed:
        target = folder / "images" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        link_or_export(photos[name], target)
    with (folder / "photos.csv").open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(PHOTO_COLUMNS)
        poses = {posed.name: (posed, deviation) for posed, deviation in zip(scene.photos, deviations, strict=True)}
        for name in scene.members:
            if name in poses:
                posed, deviation = poses[name]
                center = [repr(float(value)) for value in np.asarray(posed.center_in_world)]
                points = len(posed.point_index)
                writer.writerow([name, "yes", points, posed.camera_id, *center, f"{deviation:.4g}"])
            else:
                writer.writerow([name, "no", 0, "", "", "", "", ""])
