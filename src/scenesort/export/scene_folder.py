"""One scene as a folder that splat tools open: COLMAP model, links to the photos, a table."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scenesort.colmap import write_model
from scenesort.photos import link_or_export
from scenesort.types import Photo, PosedScene

PHOTO_COLUMNS = ("photo", "posed", "points", "camera_id", "center_x", "center_y", "center_z")


def write_scene_folder(scene: PosedScene, photos: Mapping[str, Photo], folder: Path) -> None:
    """Write `sparse/0/`, `images/` and `photos.csv` into an empty folder. Centres are in the scene's own units."""
    (folder / "sparse" / "0").mkdir(parents=True)
    write_model(scene, folder / "sparse" / "0")
    for posed in scene.photos:
        target = folder / "images" / posed.name
        target.parent.mkdir(parents=True, exist_ok=True)
        link_or_export(photos[posed.name], target)
    with (folder / "photos.csv").open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(PHOTO_COLUMNS)
        poses = {posed.name: posed for posed in scene.photos}
        for name in scene.members:
            if name in poses:
                center = [repr(float(value)) for value in np.asarray(poses[name].center_in_world)]
                writer.writerow([name, "yes", len(poses[name].point_index), poses[name].camera_id, *center])
            else:
                writer.writerow([name, "no", 0, "", "", "", ""])
