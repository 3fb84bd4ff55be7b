"""Places that look alike, folded into one model: found by what their photos should see of each other and don't.

Two photos of one place, taken from about the same side and distance, share most of what both have in view. When two
look-alike places are folded into one model, the photos of one look at where the other's points are drawn, from the same
directions, and share next to none of them. So a model is cut where few of the points that should be shared across the
cut are. The idea of missing correspondences is Zach et al. (CVPR 2008) and Jiang et al. (CVPR 2012); the cut is found
along the Fiedler vector of the shared points (Shi and Malik, PAMI 2000).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesort.scenes.expectations import in_frame
from scenesort.types import FloatArray, PosedScene

MAX_VIEW_ANGLE_DEG = 30.0
"""Two photos see a point from about the same side when their rays to it differ by less than this."""
MAX_DISTANCE_RATIO = 2.0
"""… and their distances to it by less than this factor."""
MIN_EVIDENCE = 100
"""Fewest points expected across a cut: below, photos of the two sides have too little in view to tell."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut of a model: the photos of one side, and how its shared points compare with those inside the sides.

    `ratio` is the share of expected points shared across the cut, divided by the same share inside the worse of
    the two sides: about 1 for an arbitrary cut of one place, near 0 between two places.
    """

    side: tuple[str, ...]
    other: tuple[str, ...]
    ratio: float
    expected: float


def shared_and_expected(scene: PosedScene) -> tuple[FloatArray, FloatArray]:
    """Count, for each pair of photos, the points they share and those they should: two symmetric (n, n) float64 arrays.

    A point that one photo sees should be seen by another if it lies in its frame, and in about the same direction and
    distance. Only such points count as shared.
    """
    count = len(scene.photos)
    shared, expected = np.zeros((count, count)), np.zeros((count, count))
    seen = [np.unique(photo.point_index) for photo in scene.photos]
    centers = np.array([photo.center_in_world for photo in scene.photos])
    min_cosine = np.cos(np.radians(MAX_VIEW_ANGLE_DEG))
    for row, photo in enumerate(scene.photos):
        visible = in_frame(photo, scene.points_xyz)
        mine = np.zeros(len(scene.points_xyz), dtype=bool)
        mine[seen[row]] = True
        for other in range(count):
            if other == row:
                continue
            points = seen[other][visible[seen[other]]]
            rays = scene.points_xyz[points] - centers[row]
            their_rays = scene.points_xyz[points] - centers[other]
            distances, their_distances = np.linalg.norm(rays, axis=1), np.linalg.norm(their_rays, axis=1)
            cosines = np.sum(rays * their_rays, axis=1) / np.maximum(distances * their_distances, 1e-12)
            ratios = distances / np.maximum(their_distances, 1e-12)
            alike = (cosines > min_cosine) & (ratios < MAX_DISTANCE_RATIO) & (ratios > 1 / MAX_DISTANCE_RATIO)
            expected[row, other] = np.count_nonzero(alike)
            shared[row, other] = np.count_nonzero(mine[points[alike]])
    return shared + shared.T, expected + expected.T


def weakest_cut(scene: PosedScene, min_photos: int) -> Cut | None:
    """Find the cut of a model with the smallest ratio; None if no cut has enough evidence or large enough sides."""
    if len(scene.photos) < 2 * min_photos:
        return None
    shared, expected = shared_and_expected(scene)
    order = np.argsort(_fiedler_vector(shared), kind="stable").astype(np.int64)
    best: Cut | None = None
    for position in range(min_photos, len(order) - min_photos + 1):
        side, other = order[:position], order[position:]
        evidence = float(expected[np.ix_(side, other)].sum())
        inside = min(_share(shared, expected, side, side), _share(shared, expected, other, other))
        if evidence < MIN_EVIDENCE or inside <= 0:
            continue
        ratio = _share(shared, expected, side, other) / inside
        if best is None or ratio < best.ratio:
            names = [scene.photos[row].name for row in side], [scene.photos[row].name for row in other]
            best = Cut(tuple(sorted(names[0])), tuple(sorted(names[1])), ratio, evidence)
    return best


def _share(shared: FloatArray, expected: FloatArray, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> float:
    block = np.ix_(rows, columns)
    return float(shared[block].sum() / max(expected[block].sum(), 1.0))


def _fiedler_vector(weights: FloatArray) -> FloatArray:
    """The second eigenvector of the normalised Laplacian: photos that share points lie close on it."""
    degree = np.maximum(weights.sum(axis=1), 1e-12)
    scaled = weights / np.sqrt(degree[:, None] * degree[None, :])
    vector: FloatArray = np.linalg.eigh(np.eye(len(weights)) - scaled)[1][:, 1] / np.sqrt(degree)
    return vector
