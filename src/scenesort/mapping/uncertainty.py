"""How sure each pose is: the deviation of a camera's centre that its keypoints leave, given the scene's points.

First-order propagation of the keypoints' errors to pose and focal length, with the points held (Förstner and Wrobel,
"Photogrammetric Computer Vision", 2016, sections 4.2 and 12.2). Points are not that sure, so true errors are larger;
but photos that hang on few points, on a small area, or on points that no third photo agrees on stand out clearly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scenesort.types import FloatArray, PosedPhoto, PosedScene

TRUSTED_DEVIATION = 0.02
"""Poses of a larger deviation are not to be trusted: see docs/benchmarks.md, "Confidence of poses"."""
OPEN_DEVIATION = 0.1
"""Poses of a larger deviation say next to nothing about where the camera stood."""
MIN_TRACK_PHOTOS = 3
"""A point that only two photos see goes where their poses put it, right or wrong: it proves next to nothing."""
WEAK_WEIGHT = 1e-3
LEAST_ERROR_PX = 0.3
"""Keypoints are hardly more precise than this, however small the residuals."""
ADJUSTED_FACTOR = 1.5
"""Residuals after adjustment are smaller than the errors of the keypoints."""


def center_deviations(scene: PosedScene) -> FloatArray:
    """Return, for each posed photo, the standard deviation of its centre over its median depth, (n,) float64.

    Infinite where the keypoints determine no pose.
    """
    counts = scene.photos_per_point
    return np.array([_deviation(scene, photo, counts) for photo in scene.photos], dtype=np.float64)


def untrusted(scene: PosedScene) -> tuple[str, ...]:
    """Return the names of the photos whose poses are not to be trusted, the least sure first."""
    return tuple(name for name, _ in _beyond(scene, TRUSTED_DEVIATION))


def unproven(scene: PosedScene, min_points: int) -> tuple[str, ...]:
    """Return the names of the photos whose poses are wide open and hang on fewer than `min_points` points.

    Points count that two other photos see, too. Such a pose is as likely a stranger's as that of a photo of the scene.
    """
    counts = scene.photos_per_point
    seen = [np.count_nonzero(counts[np.unique(photo.point_index)] >= MIN_TRACK_PHOTOS) for photo in scene.photos]
    return tuple(name for name, row in _beyond(scene, OPEN_DEVIATION) if seen[row] < min_points)


def _beyond(scene: PosedScene, bound: float) -> list[tuple[str, int]]:
    """Names and rows of the photos whose deviation is above a bound, the least sure first."""
    deviations = center_deviations(scene)
    order = np.argsort(-deviations, kind="stable").tolist()
    return [(scene.photos[row].name, row) for row in order if not deviations[row] <= bound]


def _deviation(scene: PosedScene, photo: PosedPhoto, counts: NDArray[np.int64]) -> float:
    points = scene.points_xyz[photo.point_index] @ photo.cam_from_world[:, :3].T + photo.cam_from_world[:, 3]
    is_ahead = points[:, 2] > 0
    if not is_ahead.any():
        return float("inf")
    points, rows = points[is_ahead], photo.point_index[is_ahead]
    weights = np.where(counts[rows] >= MIN_TRACK_PHOTOS, 1.0, WEAK_WEIGHT)
    # In units of the median depth, so that the scene's own units change nothing.
    jacobian = _jacobian(points / np.median(points[:, 2]), photo.camera.params[0])
    information = np.einsum("nik,n,nil->kl", jacobian, weights, jacobian)
    if np.linalg.matrix_rank(information, hermitian=True) < len(information):
        return float("inf")
    error_px = ADJUSTED_FACTOR * max(float(np.median(scene.points_error_px[rows])), LEAST_ERROR_PX)
    return float(error_px * np.sqrt(np.trace(np.linalg.inv(information)[3:6, 3:6])))


def _jacobian(points: FloatArray, focal_px: float) -> FloatArray:
    """Derivatives (n, 2, 7) of pixels by a small rotation, by the translation in the camera's frame, by log focal."""
    x, y, z = points.T
    by_point = np.zeros((len(points), 2, 3))
    by_point[:, 0, 0] = by_point[:, 1, 1] = focal_px / z
    by_point[:, 0, 2], by_point[:, 1, 2] = -focal_px * x / z**2, -focal_px * y / z**2
    # A small rotation w moves a point by w × p.
    turned = np.zeros((len(points), 3, 3))
    turned[:, 0, 1], turned[:, 0, 2] = z, -y
    turned[:, 1, 0], turned[:, 1, 2] = -z, x
    turned[:, 2, 0], turned[:, 2, 1] = y, -x
    by_focal = focal_px * np.stack([x / z, y / z], axis=1)[:, :, None]
    jacobian: FloatArray = np.concatenate([by_point @ turned, by_point, by_focal], axis=2)
    return jacobian
