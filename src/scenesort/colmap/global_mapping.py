"""COLMAP's global mapper on arrays: all rotations at once, then all positions and points, then bundle adjustment.

Source: Pan, Baráth, Pollefeys and Schönberger, "Global Structure-from-Motion Revisited", ECCV 2024 (GLOMAP). Call it in
a child process with a time limit: it has none of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pycolmap

from scenesort.colmap.database import write_database
from scenesort.colmap.incremental import MapperSettings, finished
from scenesort.colmap.robust import NEVER_RESIDUALS, adjust_robustly
from scenesort.errors import ScenesortError
from scenesort.types import Camera, MappingPhoto, PosedScene, TwoViewGeometry

WITH_FUNDAMENTAL = ("CALIBRATED", "UNCALIBRATED")
"""Kinds of pairs whose fundamental matrices tell focal lengths."""


def map_globally(
    photos: Sequence[MappingPhoto],
    geometries: Sequence[TwoViewGeometry],
    settings: MapperSettings,
    folder: Path,
) -> list[PosedScene]:
    """Map one connected part of the view graph; returns its models, the one with most photos first.

    Focal lengths that nothing tells are first estimated from the fundamental matrices. Of the settings, those on the
    first pair and on single poses count for photos that are filled in alone; it has no safer way. Otherwise as
    `map_incrementally`. Raises ScenesortError where COLMAP gives up.
    """
    try:
        return _mapped(photos, geometries, settings, folder)
    except (RuntimeError, ValueError) as error:
        raise ScenesortError(f"COLMAP's global mapper gave up: {error}") from error


def _mapped(
    photos: Sequence[MappingPhoto],
    geometries: Sequence[TwoViewGeometry],
    settings: MapperSettings,
    folder: Path,
) -> list[PosedScene]:
    pycolmap.logging.minloglevel = int(pycolmap.logging.Level.FATAL)
    database_path = folder / "database.db"
    fixed = write_database(database_path, photos, geometries)
    started_s = time.monotonic()
    is_guessed = any(not photo.camera.fixed and not photo.camera.has_focal_prior for photo in photos)
    # COLMAP stops at such a pair without a fundamental matrix.
    if is_guessed and all(geometry.F is not None for geometry in geometries if geometry.kind in WITH_FUNDAMENTAL):
        calibration = pycolmap.ViewGraphCalibrationOptions()
        calibration.random_seed = settings.seed
        calibration.cross_validate_prior_focal_lengths = False
        pycolmap.calibrate_view_graph(database_path, calibration)
    found = pycolmap.global_mapping(database_path, folder, folder, _pipeline_options(settings))
    models = [model for _, model in sorted(found.items()) if model.num_reg_images() >= settings.min_model_size]
    given = {photo.name: photo.camera for photo in photos if photo.camera.fixed}
    for model in models:
        if _give_back_cameras(model, given):
            # Poses and points fit the intrinsics that were refined.
            adjust_robustly(model, settings.robust_loss_px or settings.max_reprojection_error_px, fixed)
    return finished(models, photos, settings, fixed, database_path, folder, started_s)


def _give_back_cameras(model: pycolmap.Reconstruction, given: dict[str, Camera]) -> bool:
    """Set the intrinsics that the user gave, which the global mapper refines like all others; tell if there are any."""
    changed = False
    for image_id in model.reg_image_ids():
        image = model.image(image_id)
        if image.name in given:
            model.camera(image.camera_id).params = list(given[image.name].params)
            changed = True
    return changed


def _pipeline_options(settings: MapperSettings) -> pycolmap.GlobalPipelineOptions:
    options = pycolmap.GlobalPipelineOptions()
    options.num_threads = 1
    options.random_seed = settings.seed
    options.min_num_matches = settings.min_pair_inliers
    options.min_model_size = settings.min_model_size
    options.mapper.num_threads = 1
    options.mapper.random_seed = settings.seed
    options.mapper.rotation_averaging.random_seed = settings.seed
    options.mapper.global_positioning.random_seed = settings.seed
    options.mapper.global_positioning.use_gpu = False
    adjustment = options.mapper.bundle_adjustment
    adjustment.ceres.use_gpu = False
    adjustment.ceres.solver_options.num_threads = 1
    adjustment.ceres.min_num_residuals_for_cpu_multi_threading = NEVER_RESIDUALS
    options.mapper.retriangulation.random_seed = settings.seed
    return options
