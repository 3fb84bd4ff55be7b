"""Points all over a photo, found by its neighbours' pictures: detectors leave most of what a place shows unmatched.

A plane parallel to the photo is swept through the depths of its scene (Collins, "A space-sweep approach to true
multi-image matching", CVPR 1996). A pixel's depth is the one at which the photos that agree best show the same: the
best two of them only, so that of places folded into one model each finds its own surface (Kang, Szeliski and Chai,
"Handling occlusions in dense multi-view stereo", CVPR 2001).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scenesort.scenes.expectations import in_frame
from scenesort.scenes.patches import MIN_DEVIATION, View, correlations, surface_normals
from scenesort.types import Float32Array, FloatArray, PosedScene

MIN_OVERLAP = 0.2
"""Photos overlap when one has this share of the other's points in its frame."""
SWEPT_DEG, COMPARED_DEG = (1.0, 30.0), 40.0
"""Photos are swept when their views differ by angles between these, and compared below that."""
NUM_SWEPT, NUM_COMPARED = 6, 24
"""Most photos swept through one, and compared with it: those whose views are nearest."""
SIDE_PX = 320
"""Photos are shrunk to this longer side to be swept."""
WINDOW_PX, CELL_PX = 7, 6
"""Side of the window in which pictures are compared, and of the cells that get one point each, in shrunk photos."""
DEPTH_PERCENTILES, DEPTH_MARGIN = (2.0, 98.0), 1.4
"""Depths go from the nearest points to the farthest, and so many times beyond."""
MIN_DEPTHS, MAX_DEPTHS = 16, 64
MIN_AGREEMENT = 0.8
"""Mean correlation of the photos that agree best which makes a point …"""
NUM_AGREEING = 2
SAME_CORRELATION = 0.7
"""… and correlation of patches above which another photo sees it; at least `NUM_AGREEING` must."""

OUTSIDE = -1000.0
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class DensePoints:
    """Points of one photo: `points_xyz` (k, 3) float64; `sees` (k, m) bool, which of its others sees which."""

    points_xyz: FloatArray
    sees: NDArray[np.bool_]


def overlapping(scene: PosedScene) -> list[tuple[Rows, FloatArray]]:
    """Return, for each photo, up to `NUM_COMPARED` that overlap with it, nearest view first, and the angles, degrees.

    The angle is the median, of the photo's points in the other's frame, between the two rays.
    """
    centers = [photo.center_in_world for photo in scene.photos]
    found = []
    for row, photo in enumerate(scene.photos):
        points = scene.points_xyz[np.unique(photo.point_index)]
        angles = np.full(len(scene.photos), np.inf)
        for other, pose in enumerate(scene.photos):
            shown = in_frame(pose, points) if other != row else np.zeros(len(points), bool)
            if np.count_nonzero(shown) > MIN_OVERLAP * len(points):
                rays = [points[shown] - center for center in (centers[row], centers[other])]
                norms = np.maximum(np.linalg.norm(rays[0], axis=1) * np.linalg.norm(rays[1], axis=1), 1e-12)
                cosine = np.median(np.sum(rays[0] * rays[1], axis=1) / norms)
                angles[other] = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        order = np.argsort(angles, kind="stable")
        order = order[angles[order] < COMPARED_DEG][:NUM_COMPARED]
        found.append((order, angles[order]))
    return found


def dense_points(reference: View, points: FloatArray, others: Sequence[View], angles_deg: FloatArray) -> DensePoints:
    """Find points of one photo, by what others show.

    `points`: (p, 3), the scene's points that the photo sees. `others` (m) overlap with it, nearest view first, as in
    `overlapping`, with the angles (m,).
    """
    swept = np.flatnonzero((angles_deg > SWEPT_DEG[0]) & (angles_deg < SWEPT_DEG[1]))[:NUM_SWEPT]
    depths = _depths(reference, points)
    if len(swept) < NUM_AGREEING or not len(depths):
        return DensePoints(np.zeros((0, 3)), np.zeros((0, len(others)), bool))
    small = _shrunk(reference)
    agreement, depth_of_pixel = _swept(small, [_shrunk(others[row]) for row in swept], depths)
    pixels, depth = _best_of_cells(agreement, depth_of_pixel)
    local = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(_intrinsics(small)).T * depth[:, None]
    found = (local - reference.cam_from_world[:, 3]) @ reference.cam_from_world[:, :3]
    cloud = np.concatenate([points, found])
    normals = surface_normals(cloud, np.arange(len(points), len(cloud)), reference.center_in_world)
    shown_at = reference.pixels_of(found)
    alike = [correlations(reference, other, found, normals, shown_at) for other in others]
    sees = np.array(alike).T > SAME_CORRELATION
    kept = np.count_nonzero(sees, axis=1) >= NUM_AGREEING
    return DensePoints(found[kept], sees[kept])


def _depths(view: View, points: FloatArray) -> FloatArray:
    depth: FloatArray = points @ view.cam_from_world[2, :3] + view.cam_from_world[2, 3]
    depth = depth[depth > 0]
    if not len(depth):
        return depth
    nearest, farthest = np.percentile(depth, DEPTH_PERCENTILES)
    return np.array([nearest / DEPTH_MARGIN, farthest * DEPTH_MARGIN])


def _shrunk(view: View) -> View:
    factor = SIDE_PX / max(view.grey.shape)
    if factor >= 1:
        return view
    grey = cv2.resize(view.grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return View(np.asarray(grey, np.float32), view.focal_px * factor, view.cam_from_world)


def _intrinsics(view: View) -> FloatArray:
    """Of pixels whose centres are whole numbers, as arrays have them."""
    height, width = view.grey.shape
    return np.array([[view.focal_px, 0, width / 2 - 0.5], [0, view.focal_px, height / 2 - 0.5], [0, 0, 1.0]])


def _swept(reference: View, others: Sequence[View], depths: FloatArray) -> tuple[Float32Array, Float32Array]:
    """Best agreement (h, w), -1 … 1, and its depth; `depths`: nearest and farthest. Blank pixels agree with nothing."""
    motions = []
    for other in others:
        rotation = other.cam_from_world[:, :3] @ reference.cam_from_world[:, :3].T
        motions.append((rotation, other.cam_from_world[:, 3] - rotation @ reference.cam_from_world[:, 3]))
    nearness = 1 / depths
    shifts_px = [
        other.focal_px * np.hypot(*motion[1][:2]) * (nearness[0] - nearness[1])
        for other, motion in zip(others, motions, strict=True)
    ]
    count = int(np.clip(max(shifts_px), MIN_DEPTHS, MAX_DEPTHS))
    mean, deviation = _statistics(reference.grey)
    height, width = reference.grey.shape
    best, depth = np.full((height, width), -1.0, np.float32), np.ones((height, width), np.float32)
    inverse = np.linalg.inv(_intrinsics(reference))
    for near in np.linspace(nearness[0], nearness[1], count):
        scores = []
        for other, (rotation, translation) in zip(others, motions, strict=True):
            plane = rotation.copy()
            plane[:, 2] += translation * near
            homography = _intrinsics(other) @ plane @ inverse
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            warped = np.asarray(
                cv2.warpPerspective(other.grey, homography, (width, height), flags=flags, borderValue=OUTSIDE),
                np.float32,
            )
            their_mean, their_deviation = _statistics(warped)
            covariance = _averaged(warped * reference.grey) - mean * their_mean
            score = covariance / (deviation * np.maximum(their_deviation, MIN_DEVIATION / 2))
            # A window that touches the border has an impossible mean.
            scores.append(np.where(cv2.erode(warped, np.ones((WINDOW_PX, WINDOW_PX))) > OUTSIDE / 10, score, -1.0))
        agreement = np.sort(np.array(scores), axis=0)[-NUM_AGREEING:].mean(axis=0)
        is_better = agreement > best
        best[is_better], depth[is_better] = agreement[is_better], 1 / near
    best[deviation < MIN_DEVIATION] = -1.0
    return best, depth


def _averaged(values: Float32Array) -> Float32Array:
    return np.asarray(cv2.boxFilter(values, -1, (WINDOW_PX, WINDOW_PX)), np.float32)


def _statistics(grey: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Mean and standard deviation in the window round each pixel."""
    mean = _averaged(grey)
    variance = np.maximum(_averaged(grey * grey) - mean * mean, 1e-6)
    return mean, np.asarray(np.sqrt(variance), np.float32)


def _best_of_cells(agreement: Float32Array, depth: Float32Array) -> tuple[FloatArray, FloatArray]:
    """Pixels (k, 2), x and y, and depths (k,) of the best pixel of each cell, where it agrees well enough."""
    inner = np.full_like(agreement, -1.0)
    edge = slice(WINDOW_PX, -WINDOW_PX)
    inner[edge, edge] = agreement[edge, edge]
    rows, columns = (size // CELL_PX for size in inner.shape)
    whole = inner[: rows * CELL_PX, : columns * CELL_PX].reshape(rows, CELL_PX, columns, CELL_PX)
    cells = whole.transpose(0, 2, 1, 3).reshape(rows, columns, CELL_PX * CELL_PX)
    at = cells.argmax(axis=2)
    row, column = np.nonzero(cells.max(axis=2) > MIN_AGREEMENT)
    y = row * CELL_PX + at[row, column] // CELL_PX
    x = column * CELL_PX + at[row, column] % CELL_PX
    return np.column_stack([x, y]).astype(np.float64), depth[y, x].astype(np.float64)
