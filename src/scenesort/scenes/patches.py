"""Do two photos show the same at a point? Small patches of both, brought to one plane and compared.

A descriptor that is missing in a photo proves little: detectors miss most points. What the photo shows at the place
where the point must be proves more. The patch of one photo is taken over to the other by the plane through the point,
once square to the bisector of the two views and once along the surface that the neighbouring points make, with a search
of a few pixels; the better correlation counts. Source of the comparison: photo-consistency of multi-view stereo
(Furukawa and Ponce, "Accurate, dense, and robust multiview stereopsis", PAMI 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scenesort.types import Float32Array, FloatArray

RADIUS = 6
"""A patch has 2 · RADIUS + 1 samples a side …"""
STEP_PX = 1.5
"""… so many pixels apart in the photo that sees the point smaller."""
SEARCH = 2
"""Samples by which the point may lie beside where its pose puts it."""
NEIGHBOURS = 8
"""Points that make the surface round a point."""
MIN_COSINE = 0.3
"""Of the angle between a surface's normal and a ray."""
CHUNK = 512
MIN_DEVIATION = 4.0
"""A patch whose grey values, of 255, deviate less than this shows nothing to compare."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A photo to compare: grey values (h, w) float32 of 255, focal length in its pixels, pose (3, 4).

    It is taken for a pinhole with the principal point in its middle: the search makes up for small distortions.
    """

    grey: Float32Array
    focal_px: float
    cam_from_world: FloatArray

    @property
    def center_in_world(self) -> FloatArray:
        """Camera centre, (3,)."""
        center: FloatArray = -self.cam_from_world[:, :3].T @ self.cam_from_world[:, 3]
        return center

    def pixels_of(self, points: FloatArray) -> FloatArray:
        """Where the photo shows points (n, 3) in front of it, (n, 2)."""
        local = points @ self.cam_from_world[:, :3].T + self.cam_from_world[:, 3]
        height, width = self.grey.shape
        pixels: FloatArray = local[:, :2] / local[:, 2:] * self.focal_px + np.array([width / 2, height / 2])
        return pixels


def surface_normals(points: FloatArray, rows: NDArray[np.int64], center: FloatArray) -> FloatArray:
    """Normals (r, 3), towards `center`, of the surface that points (n, 3) make round those in `rows`.

    Zeros where there are too few points.
    """
    normals = np.zeros((len(rows), 3))
    if len(points) <= NEIGHBOURS:
        return normals
    squared = np.sum(points**2, axis=1)
    for start in range(0, len(rows), CHUNK):
        chosen = rows[start : start + CHUNK]
        distances = squared - 2 * points[chosen] @ points.T
        nearest = np.argpartition(distances, NEIGHBOURS, axis=1)[:, : NEIGHBOURS + 1]
        groups = points[nearest] - points[nearest].mean(axis=1, keepdims=True)
        normals[start : start + CHUNK] = np.linalg.svd(groups, full_matrices=False)[2][:, 2]
    facing = np.sum(normals * (center - points[rows]), axis=1)
    return np.where(facing[:, None] < 0, -normals, normals)


def correlations(
    first: View, second: View, points: FloatArray, normals: FloatArray, pixels_px: FloatArray
) -> FloatArray:
    """Correlation (n,) of the two photos' patches at points (n, 3), -1 … 1; nan where nothing can be compared.

    `normals`: (n, 3) as `surface_normals` gives them. `pixels_px`: (n, 2) where the first photo shows the points.
    Nothing can be compared where a patch is blank or leaves its photo.
    """
    if not len(points):
        return np.zeros(0)
    rays, their_rays = _unit(first.center_in_world - points), _unit(second.center_in_world - points)
    bisector = _unit(rays + their_rays)
    best = _correlations(first, second, points, bisector, pixels_px)
    # Seen at a grazing angle from either side, a surface is no plane to compare on.
    is_plane = (np.sum(normals * rays, axis=1) > MIN_COSINE) & (np.sum(normals * their_rays, axis=1) > MIN_COSINE)
    if is_plane.any():
        found = _correlations(first, second, points[is_plane], normals[is_plane], pixels_px[is_plane])
        best[is_plane] = np.fmax(best[is_plane], found)
    return best


def _correlations(
    first: View, second: View, points: FloatArray, normals: FloatArray, pixels_px: FloatArray
) -> FloatArray:
    across = _unit(np.cross(normals, first.cam_from_world[1, :3]))
    down = np.cross(normals, across)
    step = STEP_PX * np.maximum(_depth(first, points) / first.focal_px, _depth(second, points) / second.focal_px)
    axes = across * step[:, None], down * step[:, None]
    grid = _grid(first, points, axes, RADIUS)
    # The keypoint is where the first photo does show the point; distortion and pose errors move it from its projection.
    grid += (pixels_px - grid[:, RADIUS, RADIUS])[:, None, None]
    template = _sample(first.grey, grid)
    window = _sample(second.grey, _grid(second, points, axes, RADIUS + SEARCH))
    best = np.full(len(points), np.nan)
    usable = np.isfinite(template).all(axis=(1, 2)) & np.isfinite(window).all(axis=(1, 2))
    usable &= (template.std(axis=(1, 2)) >= MIN_DEVIATION) & (window.std(axis=(1, 2)) >= MIN_DEVIATION)
    for row in np.flatnonzero(usable):
        best[row] = cv2.matchTemplate(window[row], template[row], cv2.TM_CCOEFF_NORMED).max()
    return best


def _depth(view: View, points: FloatArray) -> FloatArray:
    depth: FloatArray = points @ view.cam_from_world[2, :3] + view.cam_from_world[2, 3]
    return depth


def _grid(view: View, points: FloatArray, axes: tuple[FloatArray, FloatArray], reach: int) -> Float32Array:
    """Pixels (n, side, side, 2) of a grid of (2 · reach + 1)² places on the plane of `axes` (n, 3) round points."""
    offsets = np.arange(-reach, reach + 1, dtype=np.float32)
    rotation = view.cam_from_world[:, :3].T
    middle = (points @ rotation + view.cam_from_world[:, 3]).astype(np.float32)[:, None, None]
    across, down = ((axis @ rotation).astype(np.float32)[:, None, None] for axis in axes)
    local = middle + offsets[None, None, :, None] * across + offsets[None, :, None, None] * down
    height, width = view.grey.shape
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = np.where(local[..., 2:] > 0, local[..., :2] / local[..., 2:], np.nan) * np.float32(view.focal_px)
    return np.asarray(pixels + np.array([width / 2, height / 2], np.float32), np.float32)


def _sample(grey: Float32Array, pixels: Float32Array) -> Float32Array:
    """Grey values at pixels (n, a, b, 2), nan outside."""
    flat = pixels.reshape(len(pixels), pixels.shape[1] * pixels.shape[2], 2)
    columns, rows = (flat - 0.5).astype(np.float32).transpose(2, 0, 1)
    values = cv2.remap(
        grey, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(float("nan"),) * 4
    )
    return np.asarray(values, np.float32).reshape(pixels.shape[:-1])


def _unit(vectors: FloatArray) -> FloatArray:
    unit: FloatArray = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return unit
