"""Guided matching: once a pair's geometry is known, a keypoint's partner is looked for where the geometry allows it.

As COLMAP does (Schönberger and Frahm, CVPR 2016): the nearest descriptor among the keypoints near the epipolar line, or
near the point that a homography names, mutual, by a ratio test among these alone, in both directions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scenesort.types import Float32Array, FloatArray, IndexArray, TwoViewGeometry

BLOCK_ROWS = 256
PLANAR = frozenset({"PLANAR", "PANORAMIC", "PLANAR_OR_PANORAMIC"})


def guided_matches(
    geometry: TwoViewGeometry,
    points_a_px: FloatArray,
    descriptors_a: Float32Array,
    points_b_px: FloatArray,
    descriptors_b: Float32Array,
    *,
    max_error_px: float,
    max_ratio: float,
    max_angle_deg: float,
) -> IndexArray:
    """Return the matches (m, 2) of two sets of keypoints (n, 2) in frame pixels with unit descriptors (n, d).

    A pair is allowed whose Sampson error, or transfer error of a homography, is at most `max_error_px`. No keypoint
    occurs twice. Without F and H in the geometry nothing matches.
    """
    none = np.zeros((0, 2), dtype=np.uint32)
    matrix = geometry.H if geometry.kind in PLANAR else geometry.F
    if matrix is None or not len(points_a_px) or not len(points_b_px):
        return none
    errors = _transfer_errors if geometry.kind in PLANAR else _sampson_errors
    homogeneous_a, homogeneous_b = (
        np.concatenate([points, np.ones((len(points), 1))], axis=1) for points in (points_a_px, points_b_px)
    )
    partner = np.empty(len(points_a_px), dtype=np.int64)
    best = np.empty(len(points_a_px), dtype=np.float32)
    second = np.empty(len(points_a_px), dtype=np.float32)
    best_of_column = np.full(len(points_b_px), -np.inf, dtype=np.float32)
    second_of_column = best_of_column.copy()
    for start in range(0, len(points_a_px), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        block = descriptors_a[rows] @ descriptors_b.T
        block[errors(matrix, homogeneous_a[rows], homogeneous_b) > max_error_px**2] = -np.inf
        local = np.arange(len(block))
        partner[rows] = block.argmax(axis=1)
        best[rows] = block[local, partner[rows]]
        best_here, second_here = _two_best(block)
        second_of_column = np.maximum(np.minimum(best_of_column, best_here), np.maximum(second_of_column, second_here))
        np.maximum(best_of_column, best_here, out=best_of_column)
        block[local, partner[rows]] = -np.inf
        second[rows] = block.max(axis=1)
    # -1 is the cosine of what has no other partner: it passes the ratio test.
    rival = np.maximum(second, second_of_column[partner])
    near, next_near = (np.arccos(np.clip(cosine, -1, 1)) for cosine in (best, np.maximum(rival, -1)))
    good = np.isfinite(best) & (best == best_of_column[partner])
    good &= (near <= math.radians(max_angle_deg)) & (near < max_ratio * next_near)
    found = np.flatnonzero(good)
    _, first = np.unique(partner[found], return_index=True)
    found = found[np.sort(first)]
    return np.stack([found, partner[found]], axis=1).astype(np.uint32)


def with_guided(geometry: TwoViewGeometry, guided: IndexArray) -> TwoViewGeometry:
    """Return the geometry with further matches (m, 2) whose keypoints have no inlier yet."""
    inliers = geometry.inlier_matches
    new = ~np.isin(guided[:, 0], inliers[:, 0]) & ~np.isin(guided[:, 1], inliers[:, 1])
    joined = np.concatenate([inliers, guided[new]])
    return TwoViewGeometry(geometry.pair, joined, geometry.kind, geometry.E, geometry.F, geometry.H)


def _two_best(block: Float32Array) -> tuple[Float32Array, Float32Array]:
    """The largest and the second largest value of each column."""
    if len(block) == 1:
        return block[0], np.full(block.shape[1], -np.inf, dtype=np.float32)
    top = np.partition(block, len(block) - 2, axis=0)
    return top[-1], top[-2]


def _sampson_errors(F: FloatArray, a: FloatArray, b: FloatArray) -> NDArray[np.float64]:
    """Squared Sampson errors in px² of all pairs of homogeneous points: (n, m)."""
    lines_b = a @ F.T
    lines_a = b @ F
    algebraic = lines_b @ b.T
    norms = (lines_b[:, :2] ** 2).sum(axis=1)[:, None] + (lines_a[:, :2] ** 2).sum(axis=1)[None]
    errors: NDArray[np.float64] = algebraic**2 / np.maximum(norms, 1e-12)
    return errors


def _transfer_errors(H: FloatArray, a: FloatArray, b: FloatArray) -> NDArray[np.float64]:
    """Squared distances in px² of the second points from where H takes the first: (n, m)."""
    mapped = a @ H.T
    depth = np.where(np.abs(mapped[:, 2:]) < 1e-12, 1e-12, mapped[:, 2:])
    errors: NDArray[np.float64] = (((mapped / depth)[:, None, :2] - b[None, :, :2]) ** 2).sum(axis=2)
    return errors
