"""Refinement of predicted poses by our own verified matches: one module for every backend."""

from __future__ import annotations

import math

from scenesort.mapping.base import MappingTask
from scenesort.mapping.pose_models import ScenePrediction
from scenesort.mapping.refinement.base import Refinement, RefinementSettings
from scenesort.mapping.refinement.scene import posed_scene, predicted_views
from scenesort.mapping.refinement.tracks import build_tracks
from scenesort.mapping.refinement.triangulation import filter_points, triangulate


def refine(task: MappingTask, prediction: ScenePrediction, settings: RefinementSettings) -> Refinement:
    """Refine the poses that a model predicted for the photos of a task; the result is in the prediction's frame."""
    views = predicted_views(task.photos, prediction)
    by_name = {photo.name: photo for photo in task.photos}
    tracks = build_tracks([by_name[name] for name in views.names], task.geometries)
    points = triangulate(views, tracks)
    kept, points, _ = filter_points(
        views, tracks, points, settings.max_reprojection_error_px, settings.min_triangulation_angle_deg
    )
    scene = posed_scene(views, kept, points, sorted(set(by_name) - set(views.names)))
    return Refinement(scene, settings.variant == "none", "not adjusted", math.nan, math.nan, "none")
