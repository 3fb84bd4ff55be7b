"""Matches that no adjustment sees, and how well poses explain them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scenesort.mapping.refinement.track_points import triangulate
from scenesort.mapping.refinement.tracks import Tracks
from scenesort.mapping.refinement.views import Views
from scenesort.types import MappingPhoto, TwoViewGeometry

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


def without(
    geometries: Sequence[TwoViewGeometry],
    photos: Sequence[MappingPhoto],
    held_out: Tracks,
    wrong: NDArray[np.bool_],
) -> tuple[TwoViewGeometry, ...]:
    """Return the geometries of `photos` with no match that touches a held-out keypoint, and none of `wrong` photos.

    `wrong`: (p,) in the photos' order, as the photos of `held_out`.
    """
    taken = [np.zeros(len(photo.keypoints_px), dtype=bool) for photo in photos]
    for row, own in enumerate(taken):
        own[held_out.keypoint[held_out.photo == row]] = True
    row_of = {photo.name: row for row, photo in enumerate(photos) if not wrong[row]}
    left = []
    for geometry in geometries:
        if all(name in row_of for name in geometry.pair):
            first, second = (taken[row_of[name]] for name in geometry.pair)
            matches = geometry.inlier_matches
            left.append(replace(geometry, inlier_matches=matches[~(first[matches[:, 0]] | second[matches[:, 1]])]))
    return tuple(geometry for geometry in left if geometry.num_inliers)


def error_px(views: Views, tracks: Tracks) -> float:
    """Return the geometric mean reprojection error of tracks triangulated with these views; nan without tracks.

    The geometric mean follows a change of all errors, of coarse and of fine ones alike, and neither wrong matches nor
    one ruined photo decide it alone.
    """
    if not len(tracks):
        return math.nan
    errors = views.errors_px(tracks, triangulate(views, tracks))
    return float(np.exp(np.mean(np.log(np.clip(errors, SMALLEST_PX, LARGEST_PX)))))
