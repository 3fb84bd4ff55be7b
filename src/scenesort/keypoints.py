"""Points that were found for pairs become keypoints of photos: those within a few pixels of each other are one.

As in hloc's dense matching, without its grid: the point of the highest score stays, and takes those round it.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from scenesort.types import Float32Array, IndexArray

_AROUND = tuple(itertools.product((-1, 0, 1), repeat=2))


def merge_points(
    points_px: Float32Array, scores: Float32Array, radius_px: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Suppress points (n, 2) that lie within `radius_px` of one that stays and has a higher score (n,).

    Returns the rows of those that stay, best first, and for each point (n,) which of them it became, the nearest.
    """
    becomes = np.zeros(len(points_px), dtype=np.int64)
    kept: list[int] = []
    cells: dict[tuple[int, int], list[int]] = {}
    side_px = max(radius_px, 1e-6)
    for row in np.lexsort((np.arange(len(points_px)), -scores.astype(np.float64))).tolist():
        x, y = points_px[row].tolist()
        column, line = math.floor(x / side_px), math.floor(y / side_px)
        near = [place for dx, dy in _AROUND for place in cells.get((column + dx, line + dy), ())]
        distances = [math.dist((x, y), points_px[kept[place]].tolist()) for place in near]
        if near and min(distances) <= radius_px:
            becomes[row] = near[distances.index(min(distances))]
            continue
        becomes[row] = len(kept)
        cells.setdefault((column, line), []).append(len(kept))
        kept.append(row)
    return np.array(kept, dtype=np.int64), becomes


def one_to_one(matches: IndexArray, scores: Float32Array) -> IndexArray:
    """Return the matches (m, 2) in which no keypoint occurs twice: of several, the one of the highest score (m,)."""
    for column in (0, 1):
        order = np.lexsort((np.arange(len(matches)), -scores.astype(np.float64)))
        _, first = np.unique(matches[order, column], return_index=True)
        rows = np.sort(order[first])
        matches, scores = matches[rows], scores[rows]
    return matches
