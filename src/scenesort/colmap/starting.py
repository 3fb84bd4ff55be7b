"""COLMAP's incremental mapper begun from photos that have poses already, in place of a pair that it chooses."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pycolmap

from scenesort.colmap.convert import add_photo, to_two_view_geometry
from scenesort.colmap.database import camera_ids_of, write_database
from scenesort.colmap.filling import continued
from scenesort.colmap.incremental import MapperSettings, finished, pipeline_options
from scenesort.colmap.triangulation import triangulate_all
from scenesort.types import MappingPhoto, PosedPhoto, PosedScene, TwoViewGeometry

MIN_ANGLE_DEG = 1.5
"""As COLMAP's own mapper asks of the points that it begins with."""


def map_from_poses(
    photos: Sequence[MappingPhoto],
    geometries: Sequence[TwoViewGeometry],
    starts: Sequence[PosedScene],
    settings: MapperSettings,
    folder: Path,
) -> list[PosedScene]:
    """Map one connected part of the view graph from models that pose some of its photos; see map_incrementally.

    Of `starts` only poses and focal lengths are taken: points are made anew from the geometries, and photos that see
    fewer than a pose needs begin without. Each start goes on with the photos that none has posed, the largest first;
    cameras that are fixed or whose focal length is known keep it.
    """
    pycolmap.logging.minloglevel = int(pycolmap.logging.Level.FATAL)
    database = folder / "database.db"
    fixed = write_database(database, photos, geometries)
    started_s = time.monotonic()
    names = {photo.name for photo in photos}
    posed: set[str] = set()
    models = []
    for number, start in enumerate(sorted(starts, key=lambda start: -len(start.photos))):
        left_s = settings.max_runtime_s - (time.monotonic() - started_s)
        mine = {photo.name: photo for photo in start.photos if photo.name in names - posed}
        mine = {name: photo for name, photo in mine.items() if np.isfinite(photo.cam_from_world).all()}
        model = _model(photos, geometries, mine, settings)
        _drop_unseeing(model, settings.pose_min_inliers)
        if left_s <= 0 or model.num_reg_images() < settings.min_model_size:
            continue
        options = pipeline_options(dataclasses.replace(settings, max_runtime_s=left_s), fixed)
        options.multiple_models = False
        wanted = sorted(names - posed)
        found = continued(model, database, wanted, options, folder / f"start-{number}")
        best = max(found, key=lambda model: model.num_reg_images(), default=model)
        if best.num_reg_images() >= settings.min_model_size:
            posed |= {best.image(image_id).name for image_id in best.reg_image_ids()}
            models.append(best)
    return finished(models, photos, settings, fixed, database, folder, started_s)


def _model(
    photos: Sequence[MappingPhoto],
    geometries: Sequence[TwoViewGeometry],
    posed: Mapping[str, PosedPhoto],
    settings: MapperSettings,
) -> pycolmap.Reconstruction:
    """A model with the ids of the database, of the photos that are posed, with points of their matches."""
    model, graph = pycolmap.Reconstruction(), pycolmap.CorrespondenceGraph()
    camera_ids = camera_ids_of(photos)
    image_ids = {photo.name: row for row, photo in enumerate(photos, start=1) if photo.name in posed}
    for photo in photos:
        if photo.name not in image_ids:
            continue
        pose, camera_id = posed[photo.name], camera_ids[photo.camera_group]
        is_new = not model.exists_camera(camera_id)
        image_id = image_ids[photo.name]
        add_photo(model, image_id, photo.name, photo.camera, camera_id, pose.cam_from_world, photo.keypoints_px)
        graph.add_image(image_id, len(photo.keypoints_px))
        if is_new and not (photo.camera.fixed or photo.camera.has_focal_prior):
            camera = model.camera(camera_id)
            params = np.array(camera.params)
            params[list(camera.focal_length_idxs())] = pose.camera.params[0]
            camera.params = params.tolist()
    for geometry in geometries:
        if all(name in image_ids for name in geometry.pair):
            first, second = (image_ids[name] for name in geometry.pair)
            graph.add_two_view_geometry(first, second, to_two_view_geometry(geometry))
    graph.finalize()
    triangulate_all(
        model,
        graph,
        max_error_px=settings.max_reprojection_error_px,
        min_angle_deg=MIN_ANGLE_DEG,
        seed=settings.seed,
    )
    return model


def _drop_unseeing(model: pycolmap.Reconstruction, min_points: int) -> None:
    """Take back the poses of photos that see too few points: the mapper would take them for settled."""
    for image_id in sorted(model.reg_image_ids()):
        if model.image(image_id).num_points3D < min_points:
            model.deregister_frame(model.image(image_id).frame_id)
