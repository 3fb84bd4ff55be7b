"""Photos that no model posed, registered against the finished models with relaxed demands and strict checks after.

The mapper asks the same of every photo. Asking less from the start lets a few chance matches fold places into one model
while it is small; asking less once a model stands can only add photos to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pycolmap

RELAXED_INLIER_RATIO = 0.15
"""Least share of inliers of a relaxed pose; COLMAP's own is 0.25."""
MIN_TRACK_PHOTOS = 3
"""A point proves a pose only if two other photos see it, too."""


def fill_models(
    models: Sequence[pycolmap.Reconstruction],
    database: Path,
    photo_names: Sequence[str],
    options: pycolmap.IncrementalPipelineOptions,
    min_inliers: int,
    folder: Path,
) -> list[pycolmap.Reconstruction]:
    """Go on with each model, the largest first, on its own photos and those that no model has posed yet.

    `options` are those of the mapper that made the models; poses need `min_inliers` inliers only. A photo stays if it
    then sees as many points of `MIN_TRACK_PHOTOS` photos or more. A photo posed by one model is not offered to the
    next, so this joins no two models. `folder` is for files.
    """
    posed = {name for model in models for name in _names(model)}
    options.mapper.abs_pose_min_num_inliers = min_inliers
    options.mapper.abs_pose_min_inlier_ratio = RELAXED_INLIER_RATIO
    options.multiple_models = False
    filled = []
    for number, model in enumerate(sorted(models, key=lambda model: -model.num_reg_images())):
        mine = _names(model)
        left_out = set(photo_names) - posed
        if left_out:
            model = _continued(model, database, sorted(mine | left_out), options, folder / f"fill-{number}")
            _drop_unproven(model, _names(model) - mine, min_inliers)
            posed |= _names(model)
        filled.append(model)
    return filled


def _continued(
    model: pycolmap.Reconstruction,
    database: Path,
    names: list[str],
    options: pycolmap.IncrementalPipelineOptions,
    folder: Path,
) -> pycolmap.Reconstruction:
    """Let the mapper go on with a model; the model itself where that fails or loses photos."""
    before, after = folder / "before", folder / "after"
    before.mkdir(parents=True)
    after.mkdir()
    model.write(before)
    options.image_names = names
    found = pycolmap.incremental_mapping(database, folder, after, options, input_path=before)
    best = max(found.values(), key=lambda model: model.num_reg_images(), default=model)
    return best if _names(best) > _names(model) else model


def _drop_unproven(model: pycolmap.Reconstruction, names: set[str], min_inliers: int) -> None:
    """Take back the poses of photos that see too few points which other photos agree on, weakest first."""
    while True:
        proven = {
            image.image_id: sum(
                point.has_point3D() and model.point3D(point.point3D_id).track.length() >= MIN_TRACK_PHOTOS
                for point in image.points2D
            )
            for image in map(model.image, model.reg_image_ids())
            if image.name in names
        }
        weakest = min(sorted(proven), key=lambda image_id: proven[image_id], default=None)
        if weakest is None or proven[weakest] >= min_inliers:
            return
        model.deregister_frame(model.image(weakest).frame_id)


def _names(model: pycolmap.Reconstruction) -> set[str]:
    return {model.image(image_id).name for image_id in model.reg_image_ids()}
