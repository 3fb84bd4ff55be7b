"""Plain COLMAP on a folder of photos: what scenesort is measured against.

SIFT, exhaustive matching and incremental mapping with COLMAP's own defaults, but for models of three photos, which the
challenge's scenes need, and for the structure-less fallback, which can run for minutes beyond any time limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pycolmap

from scenesort.colmap.convert import to_scene
from scenesort.execution import run_tasks
from scenesort.types import FloatArray, PosedScene

TIME_LIMIT_S = 3600.0
MIN_MODEL_PHOTOS = 3


@dataclass(frozen=True, slots=True)
class PlainTask:
    """Photos `image_names` below `folder`; `work` is an empty folder for COLMAP's files."""

    folder: Path
    image_names: tuple[str, ...]
    work: Path
    seed: int


def plain_colmap(
    folder: Path, image_names: Sequence[str], work: Path, seed: int = 0, time_limit_s: float = TIME_LIMIT_S
) -> list[PosedScene]:
    """Map photos with plain COLMAP in a child process; returns its models, the one with most photos first.

    `work` is an empty folder for COLMAP's files. Models share no coordinate frame; a photo can be in several. Raises
    WorkerError when COLMAP dies or takes longer than `time_limit_s`.
    """
    task = PlainTask(folder.absolute(), tuple(image_names), work.absolute(), seed)
    (outcome,) = run_tasks(map_plainly, [task], workers=1, timeout_s=time_limit_s)
    return outcome.result()


def map_plainly(task: PlainTask) -> list[PosedScene]:
    """Run plain COLMAP in this process; see `plain_colmap`."""
    pycolmap.logging.minloglevel = int(pycolmap.logging.Level.FATAL)
    pycolmap.set_random_seed(task.seed)
    database = task.work / "database.db"
    pycolmap.extract_features(database, task.folder, list(task.image_names))
    pycolmap.match_exhaustive(database)
    options = pycolmap.IncrementalPipelineOptions()
    options.min_model_size = MIN_MODEL_PHOTOS
    options.structure_less_registration_fallback = False
    options.random_seed = task.seed
    options.mapper.random_seed = task.seed
    options.triangulation.random_seed = task.seed
    models = pycolmap.incremental_mapping(database, task.folder, task.work, options)
    scenes = [to_scene(model, f"model_{index:02d}") for index, model in sorted(models.items())]
    return sorted(scenes, key=lambda scene: -len(scene.photos))


def clusters(image_names: Iterable[str], scenes: Sequence[PosedScene]) -> list[tuple[str, str, FloatArray | None]]:
    """Return each photo's cluster, name and pose, sorted by name.

    A photo in several models belongs to the largest; one in none is in `outliers` and has no pose.
    """
    found: dict[str, tuple[str, str, FloatArray | None]] = {
        name: ("outliers", name, None) for name in sorted(image_names)
    }
    for scene in reversed(scenes):
        found.update({photo.name: (scene.name, photo.name, photo.cam_from_world) for photo in scene.photos})
    return list(found.values())
