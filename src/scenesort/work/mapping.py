"""Parts of the view graph mapped, and points coloured."""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scenesort import mapping, photos
from scenesort.config import PoseModelsOptions
from scenesort.execution import available_mb, own_device
from scenesort.mapping import MappingTask, Surroundings
from scenesort.types import FloatArray, ImageArray, Photo, PosedScene


@dataclass(frozen=True, slots=True)
class MapJob:
    """Map one part; `photos` are the task's, for members that look at pixels, and `device` is where models run."""

    task: MappingTask
    photos: tuple[Photo, ...] = ()
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class MappedPart:
    """The models of a part, how healthy they are (mapping.Health.score), and sentences for the user."""

    models: list[PosedScene]
    health: float
    notices: tuple[str, ...] = ()


def map_part(job: MapJob) -> MappedPart:
    """Map one part in a temporary folder that ends with the process, with pose models as the options say."""
    by_name = {photo.name: photo for photo in job.photos}
    notices: list[str] = []
    device = own_device(job.device)
    around = Surroundings(
        load_image=lambda name: photos.load_frame(by_name[name]),
        device=device,
        free_memory_mb=available_mb(device) if job.photos else None,
        tell=notices.append,
    )
    with tempfile.TemporaryDirectory(prefix="scenesort-map-") as folder:
        models = mapping.map_part(dataclasses.replace(job.task, surroundings=around), Path(folder))
    return MappedPart(models, mapping.measure(models, job.task).score, tuple(dict.fromkeys(notices)))


@dataclass(frozen=True, slots=True)
class WindowJob:
    """Ask how many photos of the largest part some pose models may see at once on a device."""

    names: tuple[str, ...]
    options: PoseModelsOptions
    num_photos: int
    device: str


def plan_windows(job: WindowJob) -> list[str]:
    """Return a sentence for each model; raises WeightsError where memory is too small for one."""
    free_mb = available_mb(own_device(job.device))
    return [mapping.window_plan(name, job.options, job.num_photos, free_mb).sentence for name in job.names]


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
