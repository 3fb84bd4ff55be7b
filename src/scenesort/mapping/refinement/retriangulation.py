"""Tracks and points made anew with adjusted poses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scenesort import colmap
from scenesort.mapping.refinement.base import RefinementSettings
from scenesort.mapping.refinement.track_points import triangulate
from scenesort.mapping.refinement.tracks import Tracks
from scenesort.mapping.refinement.views import Views
from scenesort.types import FloatArray, MappingPhoto, TwoViewGeometry


def retriangulate(
    views: Views,
    photos: Sequence[MappingPhoto],
    geometries: Sequence[TwoViewGeometry],
    tracks: Tracks,
    median_px: float,
    settings: RefinementSettings,
) -> tuple[Tracks, FloatArray]:
    """Return tracks and points (t, 3) for the poses of `views`; `photos` are in the same order.

    While the median error is above the bound on errors, the given tracks are triangulated again, since COLMAP would
    find next to nothing. After that COLMAP makes tracks from the matches, completes and merges them.
    """
    if median_px > settings.max_reprojection_error_px:
        return tracks, triangulate(views, tracks)
    posed = [
        colmap.PosedKeypoints(
            photo.name, views.cameras[row], views.camera_ids[row], views.cam_from_world[row], photo.keypoints_px
        )
        for row, photo in enumerate(photos)
    ]
    found = colmap.triangulate_matches(
        posed,
        geometries,
        max_error_px=settings.max_reprojection_error_px,
        min_angle_deg=settings.min_triangulation_angle_deg,
        seed=settings.seed,
    )
    return _one_keypoint_a_photo(views, photos, found)


def _one_keypoint_a_photo(
    views: Views, photos: Sequence[MappingPhoto], found: colmap.TriangulatedTracks
) -> tuple[Tracks, FloatArray]:
    offsets = np.cumsum([0, *(len(photo.keypoints_px) for photo in photos)])
    pixels = np.concatenate([np.zeros((0, 2)), *(photo.keypoints_px for photo in photos)])
    points_px = pixels[offsets[found.photo] + found.keypoint].astype(np.float64)
    every = Tracks(found.photo, found.keypoint, found.point, points_px)
    order = np.lexsort((views.errors_px(every, found.points_xyz), found.photo, found.point))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(found.photo[order]) != 0) | (np.diff(found.point[order]) != 0)
    best = np.zeros(len(order), dtype=bool)
    best[order[first]] = True
    tracks, old = every.keep(best, np.ones(len(every), dtype=bool))
    return tracks, found.points_xyz[old]
