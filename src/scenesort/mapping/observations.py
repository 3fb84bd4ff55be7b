"""What posed photos see: points of a model by the pixel of a keypoint, and how far points project from pixels."""

from __future__ import annotations

import numpy as np

from scenesort import colmap, geometry
from scenesort.types import Camera, FloatArray, PosedPhoto


def points_by_pixel(photo: PosedPhoto) -> dict[bytes, int]:
    """Return a photo's points, rows of its model's, by the bytes of their keypoint (2,) float32, as mappers keep it."""
    pixels = (xy.tobytes() for xy in photo.keypoints_px.astype(np.float32))
    return dict(zip(pixels, photo.point_index.tolist(), strict=True))


def reprojection_errors_px(
    camera: Camera, cam_from_world: FloatArray, pixels_px: FloatArray, points_xyz: FloatArray
) -> FloatArray:
    """Return the distance (n,) in frame pixels of points (n, 3) from where a photo sees them; inf behind the camera."""
    projected = colmap.pixels_from_points(camera, geometry.transform_points(cam_from_world, points_xyz))
    errors: FloatArray = np.nan_to_num(np.linalg.norm(projected - pixels_px, axis=1), nan=np.inf)
    return errors
