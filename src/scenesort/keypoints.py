"""Points of several looks at a photo become keypoints: those within a few pixels of each other are one."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from scenesort.types import Features, Float32Array, IndexArray

REPEATED_COSINE = 0.9
"""Descriptors this much alike, at one place, are of one keypoint seen twice: a ratio test would reject both."""

_AROUND = tuple(itertools.product((-1, 0, 1), repeat=2))


class _Places:
    """Points by their place, so that those near another one are found without looking at all."""

    def __init__(self, radius_px: float) -> None:
        self._radius_px, self._side_px = radius_px, max(radius_px, 1e-6)
        self._cells: dict[tuple[int, int], list[tuple[float, float, int]]] = {}

    def add(self, x: float, y: float, row: int) -> None:
        self._cells.setdefault((math.floor(x / self._side_px), math.floor(y / self._side_px)), []).append((x, y, row))

    def near(self, x: float, y: float) -> list[tuple[float, int]]:
        """Distance and row of the points within the radius, the nearest first."""
        column, line = math.floor(x / self._side_px), math.floor(y / self._side_px)
        found = [
            (math.dist((x, y), (other_x, other_y)), row)
            for dx, dy in _AROUND
            for other_x, other_y, row in self._cells.get((column + dx, line + dy), ())
        ]
        return sorted(item for item in found if item[0] <= self._radius_px)


def merge_points(
    points_px: Float32Array, scores: Float32Array, radius_px: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Suppress points (n, 2) that lie within `radius_px` of one that stays and has a higher score (n,).

    Returns the rows of those that stay, best first, and for each point (n,) which of them it became, the nearest. As
    in hloc's dense matching, without its grid.
    """
    becomes = np.zeros(len(points_px), dtype=np.int64)
    kept: list[int] = []
    places = _Places(radius_px)
    for row in np.lexsort((np.arange(len(points_px)), -scores.astype(np.float64))).tolist():
        x, y = points_px[row].tolist()
        if near := places.near(x, y):
            becomes[row] = near[0][1]
            continue
        becomes[row] = len(kept)
        places.add(x, y, len(kept))
        kept.append(row)
    return np.array(kept, dtype=np.int64), becomes


def nearest_rows(points_px: Float32Array, among_px: Float32Array, radius_px: float) -> NDArray[np.int64]:
    """Return for each point (n, 2) the row of the nearest of others (m, 2) within a radius, -1 where there is none."""
    places = _Places(radius_px)
    for row, (x, y) in enumerate(among_px.tolist()):
        places.add(x, y, row)
    found = [places.near(x, y) for x, y in points_px.tolist()]
    return np.array([near[0][1] if near else -1 for near in found], dtype=np.int64)


def one_to_one(matches: IndexArray, scores: Float32Array) -> IndexArray:
    """Return the matches (m, 2) in which no keypoint occurs twice: of several, the one of the highest score (m,)."""
    for column in (0, 1):
        order = np.lexsort((np.arange(len(matches)), -scores.astype(np.float64)))
        _, first = np.unique(matches[order, column], return_index=True)
        rows = np.sort(order[first])
        matches, scores = matches[rows], scores[rows]
    return matches


def join_looks(looks: list[Features], radius_px: float) -> Features:
    """Put the features of several looks at one photo together, best score first.

    Of a keypoint that several looks found, in one place within `radius_px` and with one descriptor, one stays, that of
    the first look; keypoints of one look are never dropped for each other.
    """
    places = _Places(radius_px)
    parts: list[Features] = []
    known: list[Float32Array] = []
    for look in looks:
        descriptors = look.descriptors.astype(np.float32)
        descriptors /= np.maximum(np.linalg.norm(descriptors, axis=1, keepdims=True), np.float32(1e-12))
        fresh = np.ones(len(look), dtype=bool)
        for row, (x, y) in enumerate(look.keypoints_px.tolist()):
            near = [other for _, other in places.near(x, y)]
            if near and float((np.stack([known[other] for other in near]) @ descriptors[row]).max()) > REPEATED_COSINE:
                fresh[row] = False
        for row in np.flatnonzero(fresh).tolist():
            x, y = look.keypoints_px[row].tolist()
            places.add(x, y, len(known))
            known.append(descriptors[row])
        parts.append(chosen(look, fresh))
    joined = Features(
        np.concatenate([part.keypoints_px for part in parts]),
        np.concatenate([part.descriptors for part in parts]),
        np.concatenate([part.scores for part in parts]),
        looks[0].upright_size_px,
    )
    return chosen(joined, np.argsort(-joined.scores, kind="stable"))


def chosen(found: Features, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Features:
    """Return the features of some rows, in their order."""
    return Features(found.keypoints_px[rows], found.descriptors[rows], found.scores[rows], found.upright_size_px)
