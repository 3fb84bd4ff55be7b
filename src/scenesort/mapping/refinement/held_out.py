"""Matches that no adjustment sees, and how well poses explain them."""

from __future__ import annotations

import math

import numpy as np

from scenesort.mapping.refinement.tracks import Tracks
from scenesort.mapping.refinement.triangulation import triangulate
from scenesort.mapping.refinement.views import Views

SMALLEST_PX = 0.1
LARGEST_PX = 1000.0
"""Errors count between these: below is below the keypoints' precision, above (and behind a camera) all is wrong."""


def split(tracks: Tracks, share: float, seed: int) -> tuple[Tracks, Tracks]:
    """Return the tracks to adjust with and those held out, `share` of all, drawn by `seed`.

    Whole tracks are held out, so no keypoint and no point is on both sides.
    """
    held_out = np.random.default_rng(seed).random(len(tracks)) < share
    every = np.ones(len(tracks.photo), dtype=bool)
    return tracks.keep(every, ~held_out)[0], tracks.keep(every, held_out)[0]


def error_px(views: Views, tracks: Tracks) -> float:
    """Return the geometric mean reprojection error of tracks triangulated with these views; nan without tracks.

    The geometric mean follows a change of all errors, of coarse and of fine ones alike, and neither wrong matches nor
    one ruined photo decide it alone.
    """
    if not len(tracks):
        return math.nan
    errors = views.errors_px(tracks, triangulate(views, tracks))
    return float(np.exp(np.mean(np.log(np.clip(errors, SMALLEST_PX, LARGEST_PX)))))
