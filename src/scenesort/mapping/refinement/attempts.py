"""Attempts at an adjustment, from what was asked for to what is safest; the first that the held-out matches confirm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scenesort import colmap
from scenesort.mapping.pose_models import ScenePrediction
from scenesort.mapping.refinement import held_out, point_maps
from scenesort.mapping.refinement.base import RefinementSettings, Variant
from scenesort.mapping.refinement.frame import extent, predicted_from_adjusted
from scenesort.mapping.refinement.rounds import NotAdjustable, adjust_in_rounds
from scenesort.mapping.refinement.sharing import with_cameras
from scenesort.mapping.refinement.tracks import Tracks
from scenesort.mapping.refinement.triangulation import triangulate
from scenesort.mapping.refinement.views import Views
from scenesort.types import FloatArray, MappingPhoto, TwoViewGeometry

MIN_HELD_OUT = 10
"""With fewer tracks held out nothing can be said about a result."""

PRIOR_RANGE = 4.0
"""A photo's prior is at most this many times tighter or looser than that of one of median confidence."""

MAX_FOCAL_FACTOR = 1.5
"""A focal length that changes by more was bent to explain wrong poses, not measured."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What is to be adjusted: predicted `views`, their `photos` in the same order, and tracks without wrong photos.

    `train` and `judging` share no keypoint; adjustments see `train`, and `geometries` without the matches of `judging`.
    """

    photos: tuple[MappingPhoto, ...]
    prediction: ScenePrediction
    views: Views
    geometries: tuple[TwoViewGeometry, ...]
    train: Tracks
    judging: Tracks


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of it; the fields are those of `Refinement`. `active`: (p,) which photos took part."""

    views: Views
    active: NDArray[np.bool_]
    accepted: bool
    reason: str
    error_before_px: float
    error_after_px: float
    variant: Variant


def adjust(problem: Problem, settings: RefinementSettings) -> Outcome:
    """Return the first attempt that explains the held-out tracks at least as well as the prediction, or the prediction.

    Point maps that don't fit the poses are replaced by triangulation; intrinsics that run away, or a result that is
    worse than the prediction, by an adjustment with the predicted intrinsics.
    """
    before_px = held_out.error_px(problem.views, problem.judging)
    if settings.check and len(problem.judging) < MIN_HELD_OUT:
        few = f"{len(problem.judging)} tracks are too few to judge an adjustment by"
        return _kept(problem, f"the predicted poses are kept: {few}", before_px)
    points = triangulate(problem.views, problem.train)
    notes: list[str] = []
    if settings.variant == "ba_points":
        said, sure = point_maps.of_tracks(problem.prediction, problem.views, problem.train)
        fault = point_maps.find_fault(problem.views, problem.train, said, points)
        if fault and settings.check:
            notes.append(f"points triangulated instead: {fault}")
            settings = replace(settings, variant="ba")
        else:
            mean = point_maps.robust_mean(problem.train, said, sure)
            points = np.where(np.isfinite(mean), mean, points)
    start = with_cameras(problem.views, problem.photos, problem.prediction, settings.intrinsics)
    stddev = prior_stddev(problem.prediction, problem.views, settings.prior_share)
    for constant_intrinsics in (False, True) if settings.check else (False,):
        try:
            found, active = adjust_in_rounds(
                start, problem.photos, problem.geometries, problem.train, points, stddev, settings, constant_intrinsics
            )
        except NotAdjustable as error:
            notes.append(str(error))
            break
        found = _in_predicted_frame(found, problem.views, active)
        after_px = held_out.error_px(found, problem.judging)
        fault = _find_fault(start, found, before_px, after_px) if settings.check else None
        if fault is None:
            done = "adjusted with the predicted intrinsics" if constant_intrinsics else "adjusted"
            reason = "; ".join([done, *notes])
            return Outcome(found, active, True, reason, before_px, after_px, settings.variant)
        notes.append(fault)
    return _kept(problem, f"the predicted poses are kept: {'; '.join(notes)}", before_px)


def prior_stddev(prediction: ScenePrediction, views: Views, share: float) -> FloatArray:
    """Return how far each predicted centre (p,) may be off, in world units; nan for photos without confidence.

    A photo of median confidence may be off by `share` of the scene's extent, a photo twice as sure by half of that.
    """
    said = {photo.name: float(photo.confidence) for photo in prediction.photos}
    confidence = np.array([said[name] for name in views.names], dtype=np.float64)
    confidence[~(np.isfinite(confidence) & (confidence > 0))] = np.nan
    known = confidence[~np.isnan(confidence)]
    size = extent(views.centers)
    if not len(known) or size <= 0:
        return np.full(len(confidence), np.nan)
    factor = np.clip(np.median(known) / confidence, 1 / PRIOR_RANGE, PRIOR_RANGE)
    stddev: FloatArray = share * size * factor
    return stddev


def _find_fault(start: Views, found: Views, before_px: float, after_px: float) -> str | None:
    for was, now in zip(start.cameras, found.cameras, strict=True):
        change = colmap.focal_px(now) / colmap.focal_px(was)
        if not 1 / MAX_FOCAL_FACTOR < change < MAX_FOCAL_FACTOR:
            return f"a focal length changed by a factor of {change:.2f}"
    if not after_px <= before_px:
        return f"held-out matches fit worse after adjustment ({before_px:.2f} to {after_px:.2f} px)"
    return None


def _in_predicted_frame(found: Views, predicted: Views, active: NDArray[np.bool_]) -> Views:
    """Bring the adjusted poses back to the prediction's frame and scale; photos that took no part keep theirs."""
    back = predicted_from_adjusted(found.cam_from_world[active], predicted.cam_from_world[active])
    poses = predicted.cam_from_world.copy()
    poses[active] = back.apply_to_poses(found.cam_from_world[active])
    return replace(found, cam_from_world=poses)


def _kept(problem: Problem, reason: str, before_px: float) -> Outcome:
    everyone = np.ones(len(problem.views.names), dtype=bool)
    return Outcome(problem.views, everyone, False, reason, before_px, before_px, "none")
