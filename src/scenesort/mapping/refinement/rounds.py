"""Rounds of filtering and adjustment, each stricter than the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scenesort import colmap
from scenesort.mapping.refinement import grounding
from scenesort.mapping.refinement.base import RefinementSettings
from scenesort.mapping.refinement.retriangulation import retriangulate
from scenesort.mapping.refinement.scene import posed_scene
from scenesort.mapping.refinement.track_points import filter_points
from scenesort.mapping.refinement.tracks import Tracks
from scenesort.mapping.refinement.views import Views
from scenesort.types import FloatArray, MappingPhoto, TwoViewGeometry

ROUNDS = {"ba": 3, "ba_points": 3, "ba_retriangulate": 5}
COARSE_ITERATIONS = 25
"""Enough for all rounds but the last, whose result is only the next one's start."""

LAST_ITERATIONS = 100
STEADY = 0.98
"""Rounds end when the median error stays above this share of the one before."""


class NotAdjustable(Exception):
    """There is nothing to adjust with; the message says why, for `Refinement.reason`."""


def adjust_in_rounds(
    views: Views,
    photos: Sequence[MappingPhoto],
    geometries: Sequence[TwoViewGeometry],
    tracks: Tracks,
    points_xyz: FloatArray,
    prior_stddev: FloatArray,
    settings: RefinementSettings,
    constant_intrinsics: bool,
) -> tuple[Views, NDArray[np.bool_]]:
    """Return the adjusted views, and which photos (p,) took part in the last round.

    `photos` are in the views' order; `tracks` and `geometries` are what may be adjusted with. `points_xyz`: (t, 3)
    where the tracks' points are at first, nan where unknown. The first rounds bear the errors of the predicted poses,
    by bounds and a loss scale that follow the median error; the last ones are strict. With `ba_retriangulate` points
    are made anew between rounds, so that those dropped while poses were coarse come back. Raises NotAdjustable.
    """
    everything = tracks
    before_px = np.inf
    active = np.zeros(len(views.names), dtype=bool)
    rounds = ROUNDS[settings.variant]
    for number in range(rounds):
        kept, points, _ = filter_points(
            views, tracks, points_xyz, settings.max_reprojection_error_px, settings.min_triangulation_angle_deg
        )
        chosen = grounding.adjustable(len(views.names), kept)
        if settings.check and (fault := grounding.find_fault(chosen, points)):
            raise NotAdjustable(fault)
        median_px = float(np.median(views.errors_px(kept, points))) if len(kept) else 0.0
        if median_px > STEADY * before_px:
            break
        before_px, active = median_px, chosen if settings.check else np.ones_like(chosen)
        adjusted = colmap.adjust(
            posed_scene(views, kept, points),
            colmap.AdjustmentSettings(
                loss_scale_px=max(settings.robust_loss_px, median_px) if settings.robust_loss_px > 0 else 0.0,
                constant_cameras=frozenset(views.camera_ids) if constant_intrinsics else frozenset(),
                left_out=frozenset(
                    name for name, takes_part in zip(views.names, active, strict=True) if not takes_part
                ),
                max_iterations=COARSE_ITERATIONS if number < rounds - 1 else LAST_ITERATIONS,
                seed=settings.seed,
            ),
            prior_stddev if settings.prior_share > 0 else None,
        )
        if adjusted is None:
            raise NotAdjustable("the solver found no usable answer")
        poses = np.array([photo.cam_from_world for photo in adjusted.photos])
        views = replace(views, cam_from_world=poses, cameras=tuple(photo.camera for photo in adjusted.photos))
        tracks, points_xyz = kept, adjusted.points_xyz
        adjusted_px = float(np.median(views.errors_px(tracks, points_xyz)))
        if settings.variant == "ba_retriangulate":
            tracks, points_xyz = retriangulate(views, photos, geometries, everything, adjusted_px, settings)
    return views, active
