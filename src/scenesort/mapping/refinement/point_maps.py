"""Points of tracks as the model's own point maps have them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scenesort.mapping.pose_models import PointMap, ScenePrediction
from scenesort.mapping.refinement.tracks import Tracks
from scenesort.mapping.refinement.views import Views
from scenesort.types import FloatArray

ITERATIONS = 10
MAX_SCALE_FACTOR = 1.25
LONG_SIDE = 4.0
MAX_OFFSET_SHARE = 0.05
"""Points of a map may be seen this share of the photo's longer side away from the pixel that they belong to."""


def points_at(point_map: PointMap, points_px: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return points (n, 3) in world units and confidences (n,) at frame pixels (n, 2), bilinear.

    Cells without a point don't count. Across a jump of depth there is nothing between the cells: the nearest one's
    point is taken. Confidence is 0, and the point nan, outside the grid.
    """
    inverse = np.linalg.inv(np.vstack([point_map.frame_from_grid, [0.0, 0.0, 1.0]]))
    grid = points_px @ inverse[:2, :2].T + inverse[:2, 2] - 0.5
    height, width = point_map.confidence.shape
    inside = ((grid >= -0.5) & (grid <= [width - 0.5, height - 0.5])).all(axis=1)
    grid = np.clip(np.nan_to_num(grid), 0.0, [width - 1, height - 1])
    corner = np.minimum(np.floor(grid).astype(np.int64), np.maximum([width - 2, height - 2], 0))
    share = grid - corner
    points, weights = [], []
    for right in (0, 1):
        for down in (0, 1):
            column = np.minimum(corner[:, 0] + right, width - 1)
            row = np.minimum(corner[:, 1] + down, height - 1)
            near = np.abs(1 - right - share[:, 0]) * np.abs(1 - down - share[:, 1])
            found = point_map.points_xyz[row, column].astype(np.float64)
            sure = np.nan_to_num(point_map.confidence[row, column].astype(np.float64))
            sure = np.where(np.isfinite(found).all(axis=1), sure, 0.0)
            points.append(np.nan_to_num(found))
            weights.append(near * sure)
    at_corner, weight = np.stack(points, axis=1), np.stack(weights, axis=1)
    total = weight.sum(axis=1)
    mean = np.einsum("nk,nkd->nd", weight, at_corner) / np.maximum(total, 1e-300)[:, None]
    known = inside & (total > 0)
    nearest = at_corner[np.arange(len(weight)), weight.argmax(axis=1)]
    mean = np.where(_across_a_jump(at_corner, weight)[:, None], nearest, mean)
    return np.where(known[:, None], mean, np.nan), np.where(known, total, 0.0)


def _across_a_jump(at_corner: FloatArray, weight: FloatArray) -> NDArray[np.bool_]:
    """Whether (n,) two sides of the cells' quadrangle are far longer than the others: an edge, or a grazing surface."""
    sides = [np.linalg.norm(at_corner[:, a] - at_corner[:, b], axis=1) for a, b in ((0, 1), (2, 3), (0, 2), (1, 3))]
    lengths = np.sort(np.stack(sides, axis=1), axis=1)
    jump: NDArray[np.bool_] = (lengths[:, 3] > LONG_SIDE * lengths[:, 1]) & (weight > 0).all(axis=1)
    return jump


def of_tracks(prediction: ScenePrediction, views: Views, tracks: Tracks) -> tuple[FloatArray, FloatArray]:
    """Return the point (n, 3) that its photo's map has for each observation, and the confidence (n,), 0 for none."""
    points, confidence = np.full((len(tracks.photo), 3), np.nan), np.zeros(len(tracks.photo))
    maps = {photo.name: photo.point_map for photo in prediction.photos}
    for row, name in enumerate(views.names):
        point_map = maps[name]
        seen = np.flatnonzero(tracks.photo == row)
        if point_map is not None and len(seen):
            points[seen], confidence[seen] = points_at(point_map, tracks.points_px[seen])
    return points, confidence


def robust_mean(tracks: Tracks, points: FloatArray, confidence: FloatArray) -> FloatArray:
    """Return a point (t, 3) for each track: the confidence-weighted geometric median of what its photos say.

    `points`: (n, 3), `confidence`: (n,) of the observations. nan where no map says anything. Source: Weiszfeld, 1937.
    """
    if not len(tracks):
        return np.zeros((0, 3))
    known = np.isfinite(points).all(axis=1) & (confidence > 0)
    filled, base = np.where(known[:, None], points, 0.0), np.where(known, confidence, 0.0)
    weights, starts = base, tracks.starts
    mean = np.full((len(tracks), 3), np.nan)
    for _ in range(ITERATIONS):
        total = np.add.reduceat(weights, starts)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.add.reduceat(weights[:, None] * filled, starts) / total[:, None]
        mean[total <= 0] = np.nan
        off = np.linalg.norm(filled - mean[tracks.track], axis=1)
        floor = 1e-3 * np.maximum(np.linalg.norm(np.nan_to_num(mean), axis=1)[tracks.track], 1e-12)
        weights = np.nan_to_num(base / np.maximum(off, floor))
    return mean


def find_fault(views: Views, tracks: Tracks, mapped: FloatArray, triangulated: FloatArray) -> str | None:
    """Return why the point maps can't be used, in a sentence, or None.

    `mapped`: (n, 3) what the maps say at each observation; `triangulated`: (t, 3) where the poses put the points. A map
    in the wrong frame doesn't project onto its own pixels; one of another scale spreads its points further or less far.
    """
    known = np.isfinite(mapped).all(axis=1)
    if not known.any():
        return "the prediction has no point maps"
    both = known & np.isfinite(triangulated[tracks.track]).all(axis=1)
    if not both.any():
        return "no point of the point maps can be compared with the poses: the matches have no parallax"
    factor = _size(mapped[both]) / max(_size(triangulated[tracks.track[both]]), 1e-300)
    if not 1 / MAX_SCALE_FACTOR < factor < MAX_SCALE_FACTOR:
        return f"the point maps are {factor:.2f} times as large as the scene of the poses"
    own = Tracks(
        tracks.photo[known],
        tracks.keypoint[known],
        np.arange(int(known.sum()), dtype=np.int64),
        tracks.points_px[known],
    )
    sizes = np.array([max(camera.width_px, camera.height_px) for camera in views.cameras])
    offset = float(np.median(views.errors_px(own, mapped[known]) / sizes[own.photo]))
    if offset > MAX_OFFSET_SHARE:
        return (
            "the point maps are in another frame than the poses: their points are not seen at their own pixels "
            f"(median error {100 * min(offset, 9.99):.0f}% of the photo's side)"
        )
    return None


def _size(points: FloatArray) -> float:
    """Median distance of points (n, 3) from their middle."""
    return float(np.median(np.linalg.norm(points - np.median(points, axis=0), axis=1)))
