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
from scenesort.mapping.refinement.shared_cameras import with_cameras
from scenesort.mapping.refinement.track_points import triangulate
from scenesort.mapping.refinement.tracks import Tracks
from scenesort.mapping.refinement.views import Views
from scenesort.types import FloatArray, MappingPhoto, TwoViewGeometry

MIN_HELD_OUT = 10
"""With fewer tracks held out nothing can be said about a result."""

PRIOR_RANGE = 4.0
"""A photo's prior is at most this many times tighter or looser than that of one of median confidence."""

SHARING_GAIN = 1.05
"""More cameras must lower the held-out error by this factor: as in `mapping/sharing.py`."""

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
    worse than the prediction, by an adjustment with the predicted intrinsics. Cameras of their own must earn it: free
    intrinsics bend poses where parallax is small, and the matches fit better all the same, so shared ones are taken
    unless they explain the held-out tracks clearly worse.
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
    task = _Task(problem, points, prior_stddev(problem.prediction, problem.views, settings.prior_share), before_px)
    asked = with_cameras(problem.views, problem.photos, problem.prediction, settings.intrinsics)
    shared = with_cameras(problem.views, problem.photos, problem.prediction, "scene")
    best = None
    if settings.check and len(set(shared.camera_ids)) < len(set(asked.camera_ids)):
        best = _attempt(task, shared, settings, notes)
    found = _attempt(task, asked, settings, notes)
    if best is not None and (found is None or not found.error_after_px * SHARING_GAIN < best.error_after_px):
        return replace(best, reason=f"{best.reason}; shared intrinsics, since more cameras explain no more")
    if found is not None:
        return found
    return _kept(problem, f"the predicted poses are kept: {'; '.join(dict.fromkeys(notes))}", before_px)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """A problem with the tracks' first points (t, 3), its priors (p,) and the prediction's held-out error."""

    problem: Problem
    points_xyz: FloatArray
    stddev: FloatArray
    before_px: float


def _attempt(task: _Task, start: Views, settings: RefinementSettings, notes: list[str]) -> Outcome | None:
    """Adjust from `start`, with the intrinsics held if they run away or the result is worse; None if that fails, too.

    What goes wrong is added to `notes`.
    """
    problem = task.problem
    said = list(notes)
    for constant_intrinsics in (False, True) if settings.check else (False,):
        try:
            found, active = adjust_in_rounds(
                start,
                problem.photos,
                problem.geometries,
                problem.train,
                task.points_xyz,
                task.stddev,
                settings,
                constant_intrinsics,
            )
        except NotAdjustable as error:
            notes.append(str(error))
            return None
        found = _in_predicted_frame(found, problem.views, active)
        after_px = held_out.error_px(found, problem.judging)
        fault = _find_fault(start, found, task.before_px, after_px) if settings.check else None
        if fault is None:
            done = "adjusted with the intrinsics held" if constant_intrinsics else "adjusted"
            reason = "; ".join([done, *said])
            return Outcome(found, active, True, reason, task.before_px, after_px, settings.variant)
        notes.append(fault)
        said.append(fault)
    return None


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
