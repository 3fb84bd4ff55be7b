"""COLMAP's incremental mapper on arrays, with every random step seeded and one thread.

Call it in a child process with a time limit: the mapper can hang or abort the whole process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pycolmap

from scenesort.colmap.convert import to_scene
from scenesort.colmap.database import write_database
from scenesort.colmap.filling import fill_models
from scenesort.colmap.robust import NEVER_RESIDUALS, adjust_robustly
from scenesort.types import MappingPhoto, PosedScene, TwoViewGeometry

LARGE_PART_PHOTOS = 40
"""In parts of more photos adjusting everything costs most of the time, and in smaller ones every point counts."""
LARGE_PART_GROWTH = 1.2
"""In large parts everything is adjusted when a model has grown by this factor in photos or points; else by 1.1."""


NextPhoto = Literal["uncertainty", "share", "number"]
"""What makes a photo the next of a model: the spread of the model's points in it, the share of its points that the
model has, or their number."""

_SELECTION = {
    "uncertainty": pycolmap.ImageSelectionMethod.MIN_UNCERTAINTY,
    "share": pycolmap.ImageSelectionMethod.MAX_VISIBLE_POINTS_RATIO,
    "number": pycolmap.ImageSelectionMethod.MAX_VISIBLE_POINTS_NUM,
}


@dataclass(frozen=True, slots=True)
class MapperSettings:
    """The part of the mapper's options that we choose; units as in config.MappingOptions.

    `safer` asks for less of what can crash or hang; `is_large` for a quicker way with many photos.
    """

    seed: int
    min_model_size: int
    max_models: int
    init_min_inliers: int
    pose_min_inliers: int
    max_reprojection_error_px: float
    min_pair_inliers: int
    robust_loss_px: float
    fill_min_inliers: int = 0
    safer: bool = False
    is_large: bool = False
    next_photo: NextPhoto = "uncertainty"
    max_runtime_s: float = math.inf


def map_incrementally(
    photos: Sequence[MappingPhoto],
    geometries: Sequence[TwoViewGeometry],
    settings: MapperSettings,
    folder: Path,
) -> list[PosedScene]:
    """Map one connected part of the view graph; returns its models, the one with most photos first.

    `folder` is an empty folder for the mapper's files. Models share no coordinate frame; a photo can be in several.
    """
    pycolmap.logging.minloglevel = int(pycolmap.logging.Level.FATAL)
    database_path = folder / "database.db"
    fixed = write_database(database_path, photos, geometries)
    started_s = time.monotonic()
    found = pycolmap.incremental_mapping(database_path, folder, folder, pipeline_options(settings, fixed))
    models = [model for _, model in sorted(found.items())]
    return finished(models, photos, settings, fixed, database_path, folder, started_s)


def finished(
    models: Sequence[pycolmap.Reconstruction],
    photos: Sequence[MappingPhoto],
    settings: MapperSettings,
    fixed: frozenset[int],
    database_path: Path,
    folder: Path,
    started_s: float,
) -> list[PosedScene]:
    """Fill the gaps of models that a mapper made from a database and adjust them once more; see map_incrementally.

    `fixed` are the ids of cameras that are not refined, `started_s` when the mapper began, by time.monotonic().
    """
    models = list(models)
    if settings.fill_min_inliers and time.monotonic() - started_s < settings.max_runtime_s:
        names = [photo.name for photo in photos]
        models = fill_models(
            models, database_path, names, pipeline_options(settings, fixed), settings.fill_min_inliers, folder
        )
    for model in models:
        # Once time is up, models as they are count for more than better ones that come too late.
        if time.monotonic() - started_s < settings.max_runtime_s:
            adjust_robustly(model, settings.robust_loss_px, fixed)
    scenes = [to_scene(model, name="", fixed_cameras=fixed) for model in models]
    return sorted(scenes, key=lambda scene: (-len(scene.photos), [photo.name for photo in scene.photos]))


def pipeline_options(settings: MapperSettings, fixed: frozenset[int]) -> pycolmap.IncrementalPipelineOptions:
    """Return the incremental mapper's options."""
    options = pycolmap.IncrementalPipelineOptions()
    options.num_threads = 1
    options.ba_min_num_residuals_for_cpu_multi_threading = NEVER_RESIDUALS
    options.random_seed = settings.seed
    options.mapper.random_seed = settings.seed
    options.mapper.num_threads = 1
    options.triangulation.random_seed = settings.seed
    options.extract_colors = False
    if settings.is_large:
        options.mapper.ba_global_ignore_redundant_points3D = True
        options.ba_global_frames_ratio = options.ba_global_points_ratio = LARGE_PART_GROWTH
    # The structure-less fallback can run for minutes in a minimal solver, beyond any time limit of COLMAP's own.
    options.structure_less_registration_fallback = False
    options.min_num_matches = settings.min_pair_inliers
    options.min_model_size = settings.min_model_size
    options.max_num_models = settings.max_models
    options.multiple_models = True
    options.mapper.image_selection_method = _SELECTION[settings.next_photo]
    options.mapper.init_min_num_inliers = settings.init_min_inliers
    options.mapper.abs_pose_min_num_inliers = settings.pose_min_inliers
    options.mapper.filter_max_reproj_error = settings.max_reprojection_error_px
    options.constant_cameras = set(fixed)
    if math.isfinite(settings.max_runtime_s):
        # COLMAP looks at the clock between photos.
        options.max_runtime_seconds = max(1, math.floor(settings.max_runtime_s))
    if settings.safer:
        options.ba_refine_extra_params = False
        options.init_num_trials = 20
        options.max_num_models = min(settings.max_models, 3)
    return options
