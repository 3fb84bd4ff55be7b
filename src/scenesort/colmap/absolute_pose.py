"""A pose adjusted to points that a photo sees."""

from __future__ import annotations

import numpy as np
import pycolmap

from scenesort.colmap.convert import to_camera
from scenesort.types import Camera, FloatArray


def refine_pose(
    camera: Camera, cam_from_world: FloatArray, points_px: FloatArray, points_xyz: FloatArray, loss_scale_px: float
) -> FloatArray | None:
    """Return the pose (3, 4) that minimises the reprojection error of points with a Cauchy loss, None if that fails.

    `points_px`: (n, 2) frame pixels, `points_xyz`: (n, 3) where they lie; `cam_from_world` is where it starts.
    """
    options = pycolmap.AbsolutePoseRefinementOptions()
    options.loss_function_scale = loss_scale_px
    options.refine_focal_length = options.refine_extra_params = False
    inside = np.ones((len(points_px), 1), dtype=bool)
    found = pycolmap.refine_absolute_pose(
        pycolmap.Rigid3d(cam_from_world), points_px, points_xyz, inside, to_camera(camera), options
    )
    return None if found is None else np.array(found["cam_from_world"].matrix(), dtype=np.float64)
