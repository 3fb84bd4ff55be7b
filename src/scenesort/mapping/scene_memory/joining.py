"""The similarity between two predictions of some of the same photos, or the reason why there is none to trust.

A shared photo tells all seven parameters by itself: the rotation from its own, the scale from the depth of its point
map in both predictions, the translation from its centre. Centres alone would leave the scale to a few cameras that
often stand nearly on a line. Hypotheses come from single photos and from pairs, the one that most photos agree with
wins (Fischler and Bolles, RANSAC, 1981; here every hypothesis is tried, as there are few photos), and is refined over
all by Gauss-Newton with weights of Geman and McClure (1985).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scenesort import geometry
from scenesort.geometry import Similarity
from scenesort.mapping.pose_models import PointMap, PosePrediction
from scenesort.types import FloatArray

LEAST_SHARED = 2
"""Fewest photos that must agree: a single one agrees with itself."""
LEAST_AGREEING = 0.5
"""Share of the shared photos that must agree."""
MAX_TURN_DEG = 10.0
MAX_SHIFT = 0.15
"""Photos agree up to this distance of their centres, as a share of the median depth of what they show."""
MAX_STRETCH = 1.3
"""… and up to this factor between the scales that their point maps tell."""

LEAST_SIGMAS = np.array([0.002, 0.002, 0.005])
"""Least standard deviations of turn (radians), shift and stretch (shares): exact predictions need no weights."""
ITERATIONS = 15
_PAIRS = 100
"""Most pairs of photos that hypotheses are made from."""


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """What two worlds, a and b, say of the n photos that they share.

    `cam_from_a`, `cam_from_b`: (n, 3, 4) float64. `stretch`: (n,) units of b per unit of a by the photo's points, nan
    where unknown. `size_b`: (n,) median depth of what the photo shows, in units of b, nan where unknown.
    """

    cam_from_a: FloatArray
    cam_from_b: FloatArray
    stretch: FloatArray
    size_b: FloatArray

    def __len__(self) -> int:
        return len(self.cam_from_a)


@dataclass(frozen=True, slots=True, eq=False)
class Join:
    """`b_from_a`, None where `reason` says why not; `agreeing`: (n,) which of the shared photos it holds for."""

    b_from_a: Similarity | None
    agreeing: NDArray[np.bool_]
    reason: str = ""


def shared_photos(in_a: Sequence[PosePrediction], in_b: Sequence[PosePrediction]) -> Shared:
    """Put together what two predictions say of the same photos, in the same order. Poses must be finite."""
    stretch, size = np.full(len(in_a), np.nan), np.full(len(in_a), np.nan)
    for row, (a, b) in enumerate(zip(in_a, in_b, strict=True)):
        depth_a, depth_b = depths(a.point_map, a.cam_from_world), depths(b.point_map, b.cam_from_world)
        if depth_b.size and np.isfinite(depth_b).any():
            size[row] = np.nanmedian(depth_b)
        if depth_a.shape == depth_b.shape and (both := np.isfinite(depth_a) & np.isfinite(depth_b)).any():
            sure = np.minimum(a.point_map.confidence, b.point_map.confidence) if a.point_map and b.point_map else both
            surer = both & (sure >= np.median(sure[both]))
            stretch[row] = np.median(depth_b[surer] / depth_a[surer])
    poses = [np.array([photo.cam_from_world for photo in photos]).reshape(-1, 3, 4) for photos in (in_a, in_b)]
    return Shared(poses[0], poses[1], stretch, size)


def depths(point_map: PointMap | None, cam_from_world: FloatArray) -> FloatArray:
    """Return the depth of a map's points (h, w) in front of a camera; nan where there is none."""
    if point_map is None:
        return np.zeros((0, 0))
    depth = point_map.points_xyz.astype(np.float64) @ cam_from_world[2, :3] + cam_from_world[2, 3]
    with np.errstate(invalid="ignore"):
        known = np.isfinite(depth) & (point_map.confidence > 0) & (depth > 0)
    return np.where(known, depth, np.nan)


def join(shared: Shared) -> Join:
    """Find the similarity from a to b that most shared photos agree with."""
    count = len(shared)
    nobody = np.zeros(count, dtype=bool)
    if count < LEAST_SHARED:
        return Join(None, nobody, f"they share {count} photo{'s' * (count != 1)}, and {LEAST_SHARED} are needed")
    residuals = _Residuals(shared)
    best, best_cost = None, np.inf
    for hypothesis in _hypotheses(shared):
        cost = float(np.minimum(residuals.relative(hypothesis), 1.0).sum())
        if cost < best_cost:
            best, best_cost = hypothesis, cost
    if best is None:
        return Join(None, nobody, "their cameras stand on one spot and have no points: the scale can't be told")
    best = _refine(residuals, best)
    agreeing = residuals.relative(best) < 1.0
    num = int(agreeing.sum())
    if num < max(LEAST_SHARED, LEAST_AGREEING * count):
        return Join(None, agreeing, f"of the {count} photos that they share only {num} agree on where the others are")
    return Join(best, agreeing)


class _Residuals:
    """How far shared photos are from agreeing with a similarity from a to b."""

    def __init__(self, shared: Shared) -> None:
        self.centers_a = geometry.center_in_world(shared.cam_from_a)
        self.centers_b = geometry.center_in_world(shared.cam_from_b)
        self.rotations = np.swapaxes(shared.cam_from_b[:, :, :3], 1, 2) @ shared.cam_from_a[:, :, :3]
        self.stretch = shared.stretch
        self.has_stretch = np.isfinite(shared.stretch) & (shared.stretch > 0)
        known = np.isfinite(shared.size_b)
        spread = float(np.median(np.linalg.norm(self.centers_b - np.median(self.centers_b, axis=0), axis=1)))
        # Without points the only length at hand is how far the cameras are apart.
        self.unit = float(np.median(shared.size_b[known])) if known.any() else max(spread, 1e-12)

    def parts(self, found: Similarity) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Turns (n, 3) in radians, shifts (n, 3) in units of depth, stretches (n,) as logarithms, 0 where unknown."""
        turns = np.array([cv2.Rodrigues(rotation @ found.rotation.T)[0][:, 0] for rotation in self.rotations])
        shifts = (self.centers_b - found.apply_to_points(self.centers_a)) / self.unit
        stretches = np.zeros(len(turns))
        stretches[self.has_stretch] = np.log(self.stretch[self.has_stretch] / found.scale)
        return turns, shifts, stretches

    def relative(self, found: Similarity) -> FloatArray:
        """The largest of a photo's three residuals (n,) as a share of what is allowed."""
        turns, shifts, stretches = self.parts(found)
        shares = np.stack(
            [
                np.linalg.norm(turns, axis=1) / np.radians(MAX_TURN_DEG),
                np.linalg.norm(shifts, axis=1) / MAX_SHIFT,
                np.abs(stretches) / np.log(MAX_STRETCH),
            ]
        )
        largest: FloatArray = shares.max(axis=0)
        return largest


def _hypotheses(shared: Shared) -> Iterator[Similarity]:
    residuals = _Residuals(shared)
    for row in np.flatnonzero(residuals.has_stretch):
        yield _with(float(shared.stretch[row]), residuals.rotations[row], residuals, [int(row)])
    if residuals.has_stretch.sum() >= LEAST_SHARED:
        return
    pairs = itertools.islice(itertools.combinations(range(len(shared)), 2), _PAIRS)
    for first, second in pairs:
        apart_a = float(np.linalg.norm(residuals.centers_a[first] - residuals.centers_a[second]))
        apart_b = float(np.linalg.norm(residuals.centers_b[first] - residuals.centers_b[second]))
        if apart_a > 1e-9 * residuals.unit and apart_b > 1e-9 * residuals.unit:
            rotation = geometry.nearest_rotation(residuals.rotations[first] + residuals.rotations[second])
            yield _with(apart_b / apart_a, rotation, residuals, [first, second])


def _with(scale: float, rotation: FloatArray, residuals: _Residuals, rows: list[int]) -> Similarity:
    moved = scale * residuals.centers_a[rows].mean(axis=0) @ rotation.T
    return Similarity(scale, rotation, residuals.centers_b[rows].mean(axis=0) - moved)


def _refine(residuals: _Residuals, found: Similarity) -> Similarity:
    """Minimise all photos' residuals, each in units of what photos of the agreeing majority have."""
    for _ in range(ITERATIONS):
        turns, shifts, stretches = residuals.parts(found)
        norms = np.stack([np.linalg.norm(turns, axis=1), np.linalg.norm(shifts, axis=1), np.abs(stretches)])
        inside = residuals.relative(found) < 1.0
        chosen = norms[:, inside] if inside.sum() >= LEAST_SHARED else norms
        sigmas = np.maximum(np.median(chosen, axis=1), LEAST_SIGMAS)
        squares = ((norms / sigmas[:, None]) ** 2).sum(axis=0) / 3
        weights = 1.0 / (1.0 + squares / 4.0)
        moved = (found.scale * residuals.centers_a @ found.rotation.T) / residuals.unit
        count = len(weights)
        rows = np.zeros((count, 7, 7))  # a photo's residuals by turn (3), log-scale (1), translation (3)
        rows[:, :3, :3] = np.eye(3) / sigmas[0]
        rows[:, 3:6, :3] = -_cross(moved) / sigmas[1]
        rows[:, 3:6, 3] = moved / sigmas[1]
        rows[:, 3:6, 4:] = np.eye(3) / sigmas[1]
        rows[:, 6, 3] = residuals.has_stretch / sigmas[2]
        wanted = np.concatenate([turns / sigmas[0], shifts / sigmas[1], stretches[:, None] / sigmas[2]], axis=1)
        step = np.linalg.lstsq(
            (weights[:, None, None] * rows).reshape(-1, 7), (weights[:, None] * wanted).ravel(), rcond=None
        )[0]
        turn = cv2.Rodrigues(step[:3])[0]
        # The scale and turn act on the moved centres, the translation on top.
        found = Similarity(
            found.scale * float(np.exp(step[3])),
            geometry.nearest_rotation(turn @ found.rotation),
            found.translation + step[4:] * residuals.unit,
        )
        if np.abs(step).max() < 1e-6:
            break
    return found


def _cross(vectors: FloatArray) -> FloatArray:
    """Matrices (n, 3, 3) of the cross products with vectors (n, 3)."""
    zero = np.zeros(len(vectors))
    x, y, z = vectors.T
    flat = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1)
    return flat.reshape(-1, 3, 3)
