"""Refinement of predicted poses by our own verified matches: one module for every backend."""

from __future__ import annotations

import math

import numpy as np

from scenesort.mapping.base import MappingTask
from scenesort.mapping.pose_models import ScenePrediction
from scenesort.mapping.refinement import attempts, grounding, held_out, pose_conventions
from scenesort.mapping.refinement.base import Refinement, RefinementSettings
from scenesort.mapping.refinement.scene import posed_scene, predicted_views
from scenesort.mapping.refinement.track_points import filter_points, triangulate
from scenesort.mapping.refinement.tracks import Tracks, build_tracks
from scenesort.mapping.refinement.views import Views
from scenesort.types import PosedScene


def refine(task: MappingTask, prediction: ScenePrediction, settings: RefinementSettings) -> Refinement:
    """Refine the poses that a model predicted for the photos of a task.

    The scene is in the prediction's frame and units. Its held-out error is never above that of the prediction: a
    result that is worse, or a prediction that a check finds fault with, leaves the predicted poses as they are, with
    `accepted` False and the reason. Photos of the task without a finite predicted pose are the scene's `unposed`.
    The same input gives the same result.
    """
    by_name = {photo.name: photo for photo in task.photos}
    views = predicted_views(task.photos, prediction)
    photos = tuple(by_name[name] for name in views.names)
    unposed = tuple(sorted(set(by_name) - set(views.names)))
    tracks = build_tracks(photos, task.geometries)
    matches = pose_conventions.pair_tracks(photos, task.geometries, settings.seed)
    fault = pose_conventions.find_fault(views, matches)
    if settings.variant == "none" or (fault and settings.check):
        accepted = settings.variant == "none"
        kept = "not adjusted" if accepted else "the predicted poses are kept"
        scene = _scene(views, tracks, settings, unposed)
        return Refinement(scene, accepted, f"{kept}: {fault}" if fault else kept, math.nan, math.nan, "none")
    wrong = grounding.disagreeing(views, matches) if settings.check else np.zeros(len(photos), dtype=bool)
    usable, _ = tracks.keep(~wrong[tracks.photo], np.ones(len(tracks), dtype=bool))
    train, judging = held_out.split(usable, settings.held_out_share, settings.seed)
    geometries = held_out.without(task.geometries, photos, judging, wrong)
    outcome = attempts.adjust(attempts.Problem(photos, prediction, views, geometries, train, judging), settings)
    left_out = wrong | ~outcome.active
    return Refinement(
        scene=_scene(outcome.views, tracks, settings, unposed),
        accepted=outcome.accepted,
        reason=outcome.reason,
        error_before_px=outcome.error_before_px,
        error_after_px=outcome.error_after_px,
        variant=outcome.variant,
        left_out=tuple(name for name, is_out in zip(views.names, left_out, strict=True) if is_out),
    )


def _scene(views: Views, tracks: Tracks, settings: RefinementSettings, unposed: tuple[str, ...]) -> PosedScene:
    kept, points, _ = filter_points(
        views,
        tracks,
        triangulate(views, tracks),
        settings.max_reprojection_error_px,
        settings.min_triangulation_angle_deg,
    )
    return posed_scene(views, kept, points, unposed)
