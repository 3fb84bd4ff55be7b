"""COLMAP's incremental mapper on arrays, with every random step seeded and one thread.

Call it in a child process with a time limit: the mapper can hang or abort the whole process.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap

from scenesort.colmap.convert import to_camera, to_scene, to_two_view_geometry
from scenesort.colmap.filling import fill_models
from scenesort.types import Camera, MappingPhoto, PosedScene, TwoViewGeometry

NEVER_RESIDUALS = 2_000_000_000
"""Above this many residuals bundle adjustment takes several threads: never, so results don't depend on the machine."""


@dataclass(frozen=True, slots=True)
class MapperSettings:
    """The part of the mapper's options that we choose; units as in config.MappingOptions."""

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
    options = _pipeline_options(settings, fixed)
    found = pycolmap.incremental_mapping(database_path, folder, folder, options)
    models = [model for _, model in sorted(found.items())]
    if settings.fill_min_inliers and time.monotonic() - started_s < settings.max_runtime_s:
        names = [photo.name for photo in photos]
        models = fill_models(models, database_path, names, options, settings.fill_min_inliers, folder)
    for model in models:
        # Once time is up, models as they are count for more than better ones that come too late.
        if time.monotonic() - started_s < settings.max_runtime_s:
            adjust_robustly(model, settings.robust_loss_px, fixed)
    scenes = [to_scene(model, name="", fixed_cameras=fixed) for model in models]
    return sorted(scenes, key=lambda scene: (-len(scene.photos), [photo.name for photo in scene.photos]))


def adjust_robustly(model: pycolmap.Reconstruction, loss_scale_px: float, fixed: frozenset[int] = frozenset()) -> None:
    """Adjust a finished model once more with a Cauchy loss, in place; a scale of 0 px leaves the model alone.

    The mapper's own adjustment weighs all residuals alike, so coarse keypoints and leftover wrong matches pull on the
    poses as hard as sub-pixel ones; the robust loss lets the precise majority decide.
    """
    if loss_scale_px <= 0:
        return
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    options.ceres.loss_function_scale = loss_scale_px
    options.ceres.solver_options.num_threads = 1
    options.ceres.min_num_residuals_for_cpu_multi_threading = NEVER_RESIDUALS
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in model.reg_image_ids():
        config.add_image(image_id)
    for camera_id in sorted(fixed & {image.camera_id for image in model.images.values()}):
        config.set_constant_cam_intrinsics(camera_id)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    pycolmap.create_default_bundle_adjuster(options, config, model).solve()
    model.update_point_3d_errors()


def write_database(path: Path, photos: Sequence[MappingPhoto], geometries: Sequence[TwoViewGeometry]) -> frozenset[int]:
    """Write a COLMAP database with cameras, images, keypoints, matches and two-view geometries.

    Image ids follow the photos' order from 1; cameras are shared by group. Returns the ids of the fixed cameras.
    """
    camera_ids: dict[str, int] = {}
    fixed: set[int] = set()
    image_ids: Mapping[str, int] = {photo.name: row for row, photo in enumerate(photos, start=1)}
    with pycolmap.Database.open(path) as database, pycolmap.DatabaseTransaction(database):
        for photo in photos:
            if photo.camera_group not in camera_ids:
                camera_id = len(camera_ids) + 1
                camera_ids[photo.camera_group] = camera_id
                _write_camera_and_rig(database, photo.camera, camera_id)
                if photo.camera.fixed:
                    fixed.add(camera_id)
            image_id = image_ids[photo.name]
            camera_id = camera_ids[photo.camera_group]
            image = pycolmap.Image(name=photo.name, camera_id=camera_id, image_id=image_id)
            database.write_image(image, use_image_id=True)
            frame = pycolmap.Frame(frame_id=image_id, rig_id=camera_id)
            frame.add_data_id(image.data_id)
            database.write_frame(frame, use_frame_id=True)
            database.write_keypoints(image_id, photo.keypoints_px.astype(np.float32))
        for geometry in geometries:
            first, second = (image_ids[name] for name in geometry.pair)
            database.write_matches(first, second, geometry.inlier_matches)
            database.write_two_view_geometry(first, second, to_two_view_geometry(geometry))
    return frozenset(fixed)


def _write_camera_and_rig(database: pycolmap.Database, camera: Camera, camera_id: int) -> None:
    written = to_camera(camera, camera_id)
    database.write_camera(written, use_camera_id=True)
    rig = pycolmap.Rig(rig_id=camera_id)
    rig.add_ref_sensor(written.sensor_id)
    database.write_rig(rig, use_rig_id=True)


def _pipeline_options(settings: MapperSettings, fixed: frozenset[int]) -> pycolmap.IncrementalPipelineOptions:
    options = pycolmap.IncrementalPipelineOptions()
    options.num_threads = 1
    options.ba_min_num_residuals_for_cpu_multi_threading = NEVER_RESIDUALS
    options.random_seed = settings.seed
    options.mapper.random_seed = settings.seed
    options.mapper.num_threads = 1
    options.triangulation.random_seed = settings.seed
    options.extract_colors = False
    # The structure-less fallback can run for minutes in a minimal solver, beyond any time limit of COLMAP's own.
    options.structure_less_registration_fallback = False
    options.min_num_matches = settings.min_pair_inliers
    options.min_model_size = settings.min_model_size
    options.max_num_models = settings.max_models
    options.multiple_models = True
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
