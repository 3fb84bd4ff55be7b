"""Photos that no model posed, registered against the finished models with relaxed demands and strict checks after.

The mapper asks the same of every photo. Asking less from the start lets a few chance matches fold places into one model
while it is small; asking less once a model stands can only add photos to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    then sees as many points of `MIN_TRACK_PHOTOS` photos or more; without a focal length from EXIF or from other photos
    of its camera it needs as many as the mapper asks for, since a free focal length fits chance matches. A photo
    posed by one model is not offered to the next, so this joins no two models. `folder` is for files.
    """
    usual_inliers = options.mapper.abs_pose_min_num_inliers
    posed = {name for model in models for name in _names(model)}
    options.mapper.abs_pose_min_num_inliers = min_inliers
    options.mapper.abs_pose_min_inlier_ratio = RELAXED_INLIER_RATIO
    options.multiple_models = False
    filled = []
    for number, model in enumerate(sorted(models, key=lambda model: -model.num_reg_images())):
        mine = _names(model)
        left_out = set(photo_names) - posed
        if left_out:
            known = {model.image(image_id).camera_id for image_id in model.reg_image_ids()}
            found = continued(model, database, sorted(mine | left_out), options, folder / f"fill-{number}")
            best = max(found, key=lambda model: model.num_reg_images(), default=model)
            model = best if _names(best) > mine else model
            needed = {
                image.image_id: min_inliers
                if image.camera_id in known or model.camera(image.camera_id).has_prior_focal_length
                else usual_inliers
                for image in map(model.image, model.reg_image_ids())
                if image.name not in mine
            }
            _drop_unproven(model, needed)
            posed |= _names(model)
        filled.append(model)
    return filled


def continued(
    model: pycolmap.Reconstruction,
    database: Path,
    names: list[str],
    options: pycolmap.IncrementalPipelineOptions,
    folder: Path,
) -> list[pycolmap.Reconstruction]:
    """Let the mapper go on with a model on the photos `names`, its own among them; returns what it made of it.

    `folder` is made, for files.
    """
    before, after = folder / "before", folder / "after"
    before.mkdir(parents=True)
    after.mkdir()
    model.write(before)
    options.image_names = names
    found = pycolmap.incremental_mapping(database, folder, after, options, input_path=before)
    return [model for _, model in sorted(found.items())]


def _drop_unproven(model: pycolmap.Reconstruction, needed: Mapping[int, int]) -> None:
    """Take back the poses of photos that see fewer points which other photos agree on than `needed`, weakest first."""
    left = dict(needed)
    while left:
        lacking = {
            image_id: count
            - sum(
                point.has_point3D() and model.point3D(point.point3D_id).track.length() >= MIN_TRACK_PHOTOS
                for point in model.image(image_id).points2D
            )
            for image_id, count in sorted(left.items())
        }
        weakest = max(lacking, key=lambda image_id: lacking[image_id])
        if lacking[weakest] <= 0:
            return
        model.deregister_frame(model.image(weakest).frame_id)
        del left[weakest]


def _names(model: pycolmap.Reconstruction) -> set[str]:
    return {model.image(image_id).name for image_id in model.reg_image_ids()}
