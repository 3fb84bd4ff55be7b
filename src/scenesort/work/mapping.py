"""Parts of the view graph mapped, and points coloured."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scenesort import mapping, photos
from scenesort.mapping import MappingTask
from scenesort.types import FloatArray, ImageArray, Photo, PosedScene


def map_part(task: MappingTask) -> list[PosedScene]:
    """Run the mapper on one part, in a temporary folder that ends with the process."""
    member = mapping.load(task.mapping.backend)()
    with tempfile.TemporaryDirectory(prefix="scenesort-map-") as folder:
        return list(member.map(task, Path(folder)))


@dataclass(frozen=True, slots=True)
class ColourJob:
    """Read the colours of some pixels of a photo; `pixels_px` is (n, 2) in frame pixels."""

    photo: Photo
    pixels_px: FloatArray


def colours(job: ColourJob) -> ImageArray:
    """Return the RGB colours (n, 3) uint8 of the pixels that hold the given points."""
    image = photos.load_frame(job.photo)
    columns, rows = np.floor(job.pixels_px).astype(np.int64).T
    rgb: ImageArray = image[np.clip(rows, 0, image.shape[0] - 1), np.clip(columns, 0, image.shape[1] - 1)]
    return rgb
