"""Which photos share a camera, and the intrinsics that an adjustment starts from."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from scenesort import colmap
from scenesort.mapping.pose_models import ScenePrediction
from scenesort.mapping.refinement.base import Intrinsics
from scenesort.mapping.refinement.views import Views
from scenesort.types import FloatArray, MappingPhoto


def with_cameras(
    views: Views, photos: Sequence[MappingPhoto], prediction: ScenePrediction, intrinsics: Intrinsics
) -> Views:
    """Return the views with cameras shared as `intrinsics` says, starting at the median of their photos' predictions.

    The median is weighted by confidence. Cameras take the model that the photos have in the task, with the predicted
    focal length and principal point. Those whose focal length is known from EXIF start from it and are shared by group
    at most; those that the user gave stay as they are.
    """
    known = {photo.name: photo for photo in photos}
    confidence = {photo.name: max(float(photo.confidence), 0.0) for photo in prediction.photos}
    ids: dict[Hashable, int] = {}
    camera_ids = tuple(ids.setdefault(_key(known[name], intrinsics), len(ids) + 1) for name in views.names)
    started = [
        known[name].camera
        if known[name].camera.fixed or known[name].camera.has_focal_prior
        else colmap.as_model(camera, known[name].camera)
        for name, camera in zip(views.names, views.cameras, strict=True)
    ]
    cameras = list(started)
    for camera_id in ids.values():
        rows = [row for row, own in enumerate(camera_ids) if own == camera_id]
        params = np.array([started[row].params for row in rows])
        weights = np.array([confidence[views.names[row]] for row in rows])
        middle = tuple(_weighted_median(params[:, column], weights) for column in range(params.shape[1]))
        for row in rows:
            cameras[row] = started[row] if started[row].fixed else replace(started[rows[0]], params=middle)
    return replace(views, cameras=tuple(cameras), camera_ids=camera_ids)


def _key(photo: MappingPhoto, intrinsics: Intrinsics) -> Hashable:
    camera = photo.camera
    frame = (camera.model, camera.width_px, camera.height_px)
    if camera.fixed:
        return ("given", photo.camera_group, camera)
    match intrinsics:
        case "scene":
            return ("scene", photo.camera_group if camera.has_focal_prior else "", *frame)
        case "group":
            return ("group", photo.camera_group, *frame)
        case "free":
            return ("free", photo.name)


def _weighted_median(values: FloatArray, weights: FloatArray) -> float:
    order = np.argsort(values, kind="stable")
    weights = weights if weights.sum() > 0 else np.ones(len(weights))
    reached = np.cumsum(weights[order])
    half = reached[-1] / 2
    row = int(np.searchsorted(reached, half))
    # Half of the weight on either side: the middle of the two, as for an even number of equal weights.
    after = min(row + 1, len(values) - 1) if np.isclose(reached[row], half) else row
    return float((values[order[row]] + values[order[after]]) / 2)
