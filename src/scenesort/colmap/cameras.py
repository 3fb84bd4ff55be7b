"""COLMAP's camera models on arrays: pixels to rays and back, any model that COLMAP knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scenesort.colmap.convert import to_camera
from scenesort.types import Camera, FloatArray


def rays_from_pixels(camera: Camera, points_px: FloatArray) -> FloatArray:
    """Return unit rays (n, 3) in the camera's frame of pixels (n, 2); nan where the model has no ray for a pixel."""
    pixels = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
    return np.asarray(to_camera(camera).cam_ray_from_img(pixels), dtype=np.float64)


def pixels_from_points(camera: Camera, points: FloatArray) -> FloatArray:
    """Return pixels (n, 2) of points (n, 3) in the camera's frame; nan for points behind the camera."""
    local = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    return np.asarray(to_camera(camera).img_from_cam(local), dtype=np.float64)


def focal_px(camera: Camera) -> float:
    """Return the mean focal length in pixels."""
    return float(to_camera(camera).mean_focal_length())


def as_model(camera: Camera, target: Camera) -> Camera:
    """Return a camera of the target's model with the focal length and principal point of `camera`, in pixels.

    Distortion is the camera's own where both have one model, else the target's. Frame size and marks are the target's.
    """
    params = camera.params
    if camera.model != target.model:
        source, changed = to_camera(camera), to_camera(target)
        values = np.array(target.params, dtype=np.float64)
        focal = (source.focal_length_x, source.focal_length_y) if len(changed.focal_length_idxs()) > 1 else ()
        values[list(changed.focal_length_idxs())] = focal or source.mean_focal_length()
        values[list(changed.principal_point_idxs())] = source.principal_point_x, source.principal_point_y
        params = tuple(float(value) for value in values)
    return replace(target, params=params)
