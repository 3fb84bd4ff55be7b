"""Nearest neighbours among descriptors: pure functions on arrays, exact, one matrix product a pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scenesort.types import Features, Float32Array, IndexArray

BLOCK_ROWS = 256
"""Rows of the similarity matrix held at once: the block stays in the processor's cache."""


def unit_descriptors(features: Features, limit: int | None = None) -> Float32Array:
    """Return the (n, d) float32 descriptors of the best `limit` keypoints, scaled to unit length."""
    descriptors = features.descriptors[:limit].astype(np.float32)
    norms = np.linalg.norm(descriptors, axis=1, keepdims=True)
    scaled: Float32Array = descriptors / np.maximum(norms, np.float32(1e-12))
    return scaled


def mutual_nearest(
    a: Float32Array, b: Float32Array
) -> tuple[NDArray[np.int64], NDArray[np.int64], Float32Array, Float32Array]:
    """Find mutual nearest neighbours of two sets of unit vectors (n, d) and (m, d).

    Returns their rows in `a`, their rows in `b`, their cosine similarity, and the similarity of the row's second-best
    partner in `b`. Of equally similar rows the first wins.
    """
    if not len(a) or not len(b):
        none = np.zeros(0, dtype=np.int64)
        return none, none, np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.float32)
    partner = np.empty(len(a), dtype=np.int64)
    best = np.empty(len(a), dtype=np.float32)
    second = np.empty(len(a), dtype=np.float32)
    best_of_column = np.full(len(b), -np.inf, dtype=np.float32)
    transposed = np.ascontiguousarray(b.T)
    for start in range(0, len(a), BLOCK_ROWS):
        block = a[start : start + BLOCK_ROWS] @ transposed
        rows = slice(start, start + len(block))
        local = np.arange(len(block))
        partner[rows] = block.argmax(axis=1)
        best[rows] = block[local, partner[rows]]
        np.maximum(best_of_column, block.max(axis=0), out=best_of_column)
        block[local, partner[rows]] = -np.inf
        second[rows] = block.max(axis=1)
    mutual = np.flatnonzero(best == best_of_column[partner])
    _, first = np.unique(partner[mutual], return_index=True)
    rows_a = mutual[np.sort(first)]
    return rows_a, partner[rows_a], best[rows_a], second[rows_a]


def ratio_matches(a: Float32Array, b: Float32Array, max_ratio: float, max_angle_rad: float) -> IndexArray:
    """Mutual nearest neighbours that pass Lowe's ratio test in both directions, as (m, 2) uint32 indices.

    Distances are angles between descriptors, as COLMAP measures them.
    """
    rows, columns, best, second = mutual_nearest(a, b)
    near = np.arccos(np.clip(best, -1, 1))
    good = (near <= max_angle_rad) & (near < max_ratio * np.arccos(np.clip(second, -1, 1)))
    rows, columns, near = rows[good], columns[good], near[good]
    if not len(rows) or len(a) < 2:
        return np.zeros((0, 2), dtype=np.uint32)
    others = b[columns] @ a.T
    others[np.arange(len(rows)), rows] = -np.inf
    good = near < max_ratio * np.arccos(np.clip(others.max(axis=1), -1, 1))
    return np.stack([rows[good], columns[good]], axis=1).astype(np.uint32)
