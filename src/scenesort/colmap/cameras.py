"""COLMAP's camera models on arrays: pixels to rays and back, any model that COLMAP knows."""

from __future__ import annotations

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
