"""Poses that follow another convention than cam_from_world with OpenCV axes, found by the matches.

Adjusting such poses ruins them without a word: points are triangulated behind cameras or nowhere, and what is left of
them bends the poses. So before any adjustment the matches are asked which reading of the poses they agree with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from scenesort.geometry import invert
from scenesort.mapping.refinement.track_points import triangulate
from scenesort.mapping.refinement.tracks import Tracks
from scenesort.mapping.refinement.views import Views
from scenesort.types import FloatArray, MappingPhoto, TwoViewGeometry

MAX_MATCHES = 2000
ERROR_SHARE = 0.05
"""An error of this share of the photo's longer side halves a match's support."""

CLEARLY_BETTER = 3.0
LEAST_SUPPORT = 0.3
"""Support of a reading that is believed. Poses that are off by 5 degrees have it."""

NO_SUPPORT = 0.05
"""Less than poses that are off by 10 degrees have."""

_OPENGL = np.diag([1.0, -1.0, -1.0])


def _with_center(cam_from_world: FloatArray) -> FloatArray:
    moved = cam_from_world.copy()
    moved[:, :, 3:] = -cam_from_world[:, :, :3] @ cam_from_world[:, :, 3:]
    return moved


READINGS: tuple[tuple[str, Callable[[FloatArray], FloatArray]], ...] = (
    ("world_from_cam", invert),
    ("cam_from_world with OpenGL axes", lambda poses: _OPENGL @ poses),
    ("world_from_cam with OpenGL axes", lambda poses: _OPENGL @ invert(poses)),
    ("rotations of cam_from_world beside camera centres", _with_center),
)


def find_fault(views: Views, matches: Tracks) -> str | None:
    """Return what is wrong with the poses as a whole, in a sentence, or None. `matches`: see `pair_tracks`."""
    if not len(matches):
        return "there are no verified matches between photos with a pose"
    given = support(views, matches)
    others = {
        name: support(replace(views, cam_from_world=convert(views.cam_from_world)), matches)
        for name, convert in READINGS
    }
    best = max(others, key=lambda name: others[name])
    if others[best] > LEAST_SUPPORT and others[best] > CLEARLY_BETTER * given:
        return (
            f"the poses look like {best}: so read, {100 * others[best]:.0f}% of the matches agree, "
            f"as cam_from_world {100 * given:.0f}%"
        )
    if given < NO_SUPPORT:
        return (
            f"only {100 * given:.0f}% of the matches agree with the poses in any known convention: "
            "they may be old or belong to other photos"
        )
    return None


def support(views: Views, matches: Tracks) -> float:
    """Return the share of matches that agree with the poses, 0 to 1.

    A match counts less the larger its error is, and not at all when its point is behind a camera.
    """
    if not len(matches):
        return 0.0
    errors = views.errors_px(matches, triangulate(views, matches))
    sizes = np.array([max(camera.width_px, camera.height_px) for camera in views.cameras], dtype=np.float64)
    relative = errors / (ERROR_SHARE * sizes[matches.photo])
    worse = np.maximum.reduceat(relative, matches.starts)
    return float(np.mean(1.0 / (1.0 + worse**2)))


def pair_tracks(
    photos: Sequence[MappingPhoto], geometries: Sequence[TwoViewGeometry], seed: int, most: int = MAX_MATCHES
) -> Tracks:
    """Return verified matches as tracks of two observations; at most so many, all pairs alike, drawn by `seed`."""
    row_of = {photo.name: row for row, photo in enumerate(photos)}
    usable = [geometry for geometry in geometries if all(name in row_of for name in geometry.pair)]
    each = max(1, most // max(1, len(usable)))
    rng = np.random.default_rng(seed)
    photo, keypoint, points_px = [np.zeros((0, 2), np.int64)], [np.zeros((0, 2), np.int64)], [np.zeros((0, 2, 2))]
    for geometry in sorted(usable, key=lambda geometry: geometry.pair):
        chosen = geometry.inlier_matches.astype(np.int64)
        if len(chosen) > each:
            chosen = chosen[np.sort(rng.permutation(len(chosen))[:each])]
        first, second = (row_of[name] for name in geometry.pair)
        photo.append(np.broadcast_to(np.array([first, second], dtype=np.int64), chosen.shape))
        keypoint.append(chosen)
        points_px.append(
            np.stack([photos[first].keypoints_px[chosen[:, 0]], photos[second].keypoints_px[chosen[:, 1]]], axis=1)
        )
    count = sum(len(part) for part in photo)
    return Tracks(
        np.concatenate(photo).reshape(-1),
        np.concatenate(keypoint).reshape(-1),
        np.repeat(np.arange(count, dtype=np.int64), 2),
        np.concatenate(points_px).reshape(-1, 2).astype(np.float64),
    )
