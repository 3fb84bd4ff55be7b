"""Which points of a model every photo should show, and which photo's view of each is nearest to its own.

A photo should show a point that another photo sees if the point lies in its frame and both look at it from about the
same side and distance. Whether it does is told by patches (`patches.py`); missing correspondences alone prove little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesort.types import FloatArray, PosedPhoto, PosedScene

MAX_ANGLE_DEG = 15.0
"""Two photos see a point from about the same side when their rays to it differ by less than this."""
MAX_DISTANCE_RATIO = 2.0
"""… and their distances to it by less than this factor."""
MAX_UNSEEN = 2000
"""Most points without a match that are looked up in one photo, spread evenly over them."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """Points that one photo should show.

    `point` (k,) int64: rows of the scene's points; `reference` (k,) int64: row of the other photo that sees the point
    at the smallest angle; `angle_deg` (k,) float64: that angle; `is_seen` (k,) bool: the photo has a match there.
    """

    point: Rows
    reference: Rows
    angle_deg: FloatArray
    is_seen: NDArray[np.bool_]


def shown_at(photo: PosedPhoto, points: FloatArray) -> FloatArray:
    """Frame pixels (n, 2) where a photo shows points (n, 3), by its focal length, the principal point in its middle."""
    local = points @ photo.cam_from_world[:, :3].T + photo.cam_from_world[:, 3]
    middle = np.array([photo.camera.width_px, photo.camera.height_px]) / 2
    pixels: FloatArray = local[:, :2] / local[:, 2:] * photo.camera.params[0] + middle
    return pixels


def in_frame(photo: PosedPhoto, points: FloatArray) -> NDArray[np.bool_]:
    """Which points (n, 3) project into the photo, by its focal length and a principal point in its middle."""
    local = points @ photo.cam_from_world[:, :3].T + photo.cam_from_world[:, 3]
    depth = local[:, 2]
    tangents = local[:, :2] / np.where(depth > 0, depth, np.inf)[:, None]
    half_px = np.array([photo.camera.width_px, photo.camera.height_px]) / 2
    inside: NDArray[np.bool_] = (depth > 0) & np.all(np.abs(tangents) * photo.camera.params[0] < half_px, axis=1)
    return inside


def expected_points(scene: PosedScene) -> list[Expected]:
    """Return, for each photo of a scene, the points that it should show."""
    none = np.zeros(0, np.int64)
    photo_of = np.concatenate(
        [none, *(np.full(len(photo.point_index), row) for row, photo in enumerate(scene.photos))]
    ).astype(np.int64)
    point_of = np.concatenate([none, *(photo.point_index for photo in scene.photos)])
    centers = np.array([photo.center_in_world for photo in scene.photos])
    rays = scene.points_xyz[point_of] - centers[photo_of]
    distances = np.maximum(np.linalg.norm(rays, axis=1), 1e-12)
    rays /= distances[:, None]
    return [
        _expected(scene, row, in_frame(photo, scene.points_xyz), photo_of, point_of, rays, distances)
        for row, photo in enumerate(scene.photos)
    ]


def _expected(
    scene: PosedScene,
    row: int,
    visible: NDArray[np.bool_],
    photo_of: Rows,
    point_of: Rows,
    rays: FloatArray,
    distances: FloatArray,
) -> Expected:
    num_points = len(scene.points_xyz)
    mine = np.zeros(num_points, bool)
    mine[scene.photos[row].point_index] = True
    own_rays = scene.points_xyz - scene.photos[row].center_in_world
    own_distances = np.maximum(np.linalg.norm(own_rays, axis=1), 1e-12)
    own_rays /= own_distances[:, None]
    chosen = np.flatnonzero(visible[point_of] & (photo_of != row))
    point = point_of[chosen]
    ratio = distances[chosen] / own_distances[point]
    chosen, point = (
        values[(ratio < MAX_DISTANCE_RATIO) & (ratio > 1 / MAX_DISTANCE_RATIO)] for values in (chosen, point)
    )
    cosine = np.sum(rays[chosen] * own_rays[point], axis=1)
    best = np.full(num_points, -2.0)
    np.maximum.at(best, point, cosine)
    reference = np.full(num_points, -1)
    is_best = cosine == best[point]
    reference[point[is_best]] = photo_of[chosen[is_best]]
    angle = np.degrees(np.arccos(np.clip(best, -1, 1)))
    found = (reference >= 0) & (angle < MAX_ANGLE_DEG)
    seen, unseen = np.flatnonzero(found & mine), np.flatnonzero(found & ~mine)
    if len(unseen) > MAX_UNSEEN:
        unseen = unseen[np.linspace(0, len(unseen) - 1, MAX_UNSEEN).astype(np.int64)]
    rows = np.concatenate([seen, unseen])
    return Expected(rows, reference[rows], angle[rows], np.arange(len(rows)) < len(seen))
