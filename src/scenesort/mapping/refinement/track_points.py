"""Points of tracks from given poses, robustly, and the observations that agree with them."""

from __future__ import annotations

import numpy as np

from scenesort.mapping.refinement.tracks import Int64Array, Tracks
from scenesort.mapping.refinement.views import Views
from scenesort.types import FloatArray

ITERATIONS = 12
SMALL_ANGLE_RAD = 1e-4
"""Angles below this weigh alike: about a tenth of a pixel at a usual focal length."""

LEAST_DETERMINANT = 1e-10
BOUND_OF_MEDIAN = 3.0
"""Observations are dropped beyond this many times the median error, where that is more than the option says."""


OWN_BOUND_SHARE = 0.05


def triangulate(views: Views, tracks: Tracks) -> FloatArray:
    """Return points (t, 3) in world units, nan where a track's rays are parallel.

    A point minimises the sum of the angles to its rays: iteratively reweighted least squares (Lawson, 1961) on the
    distances to the rays. The sum of angles, not of their squares, lets a wrong match among three not pull the point.
    """
    points = np.full((len(tracks), 3), np.nan)
    if not len(tracks):
        return points
    rays, centers, starts = views.rays(tracks), views.centers[tracks.photo], tracks.starts
    across = np.eye(3) - rays[:, :, None] * rays[:, None, :]
    weights = np.where(np.isfinite(rays).all(axis=1), 1.0, 0.0)
    across = np.nan_to_num(across)
    usable = weights > 0
    for _ in range(ITERATIONS):
        normal = np.add.reduceat(weights[:, None, None] * across, starts)
        right = np.add.reduceat(weights[:, None] * np.einsum("nij,nj->ni", across, centers), starts)
        # The determinant is that of a full matrix times the squared sine of the angle between the rays.
        solvable = np.linalg.det(normal) > LEAST_DETERMINANT * np.trace(normal, axis1=1, axis2=2) ** 3
        points[~solvable] = np.nan
        points[solvable] = np.linalg.solve(normal[solvable], right[solvable][:, :, None])[:, :, 0]
        toward = points[tracks.track] - centers
        distance = np.linalg.norm(toward, axis=1)
        off = np.linalg.norm(np.einsum("nij,nj->ni", across, toward), axis=1)
        angle = np.arctan2(off, np.einsum("ni,ni->n", np.nan_to_num(rays), toward))
        with np.errstate(divide="ignore", invalid="ignore"):
            weights = 1.0 / (distance**2 * (angle + SMALL_ANGLE_RAD))
        weights = np.where(usable & np.isfinite(weights), weights, 0.0)
        # Weights of one track only matter against each other; scaled, they stay far from the ends of the numbers.
        largest = np.maximum.reduceat(weights, starts)[tracks.track]
        weights = np.where(largest > 0, weights / np.where(largest > 0, largest, 1.0), usable.astype(np.float64))
    return points


def angles_deg(views: Views, tracks: Tracks, points_xyz: FloatArray) -> FloatArray:
    """Return for each point the largest angle (t,) between two of its rays, in degrees; nan for points that are nan.

    The ray farthest from the first, and the one farthest from that: exact for rays in a plane, else nearly so.
    """
    if not len(tracks):
        return np.zeros(0)
    toward = points_xyz[tracks.track] - views.centers[tracks.photo]
    toward = toward / np.maximum(np.linalg.norm(toward, axis=1, keepdims=True), 1e-300)
    reference = toward[tracks.starts]
    cosine = np.zeros(len(reference))
    for _ in range(2):
        cosines = np.einsum("ni,ni->n", toward, reference[tracks.track])
        farthest = np.lexsort((cosines, tracks.track))[tracks.starts]
        reference, cosine = toward[farthest], cosines[farthest]
    angles: FloatArray = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return angles


def filter_points(
    views: Views, tracks: Tracks, points_xyz: FloatArray, max_error_px: float, min_angle_deg: float
) -> tuple[Tracks, FloatArray, Int64Array]:
    """Drop observations that disagree with their point, and points that are too weak.

    For the bound see `error_bounds_px`. Returns tracks, points (t, 3) and the old number (t,) of each track. All points
    are in front of all cameras that see them.
    """
    errors = views.errors_px(tracks, points_xyz)
    bound = error_bounds_px(views, tracks, errors, max_error_px)
    steep = angles_deg(views, tracks, points_xyz) >= min_angle_deg
    kept, old = tracks.keep(errors <= bound, steep)
    points = points_xyz[old]
    # Without the dropped observations the angle may have become too small.
    kept, older = kept.keep(np.ones(len(kept.photo), dtype=bool), angles_deg(views, kept, points) >= min_angle_deg)
    return kept, points[older], old[older]


def error_bounds_px(views: Views, tracks: Tracks, errors_px: FloatArray, max_error_px: float) -> FloatArray:
    """Return the largest error (n,) in pixels that each observation may have, given those of all, (n,).

    That is `max_error_px` or three times the median error, whatever is more: predicted poses may be off by more than
    matches ever are. A photo whose own median is larger has a larger bound, up to a twentieth of its longer side, or
    the better part of the photos would shut the others out.
    """
    finite = np.where(np.isfinite(errors_px), errors_px, np.nan)
    if not np.isfinite(finite).any():
        return np.full(len(errors_px), max_error_px)
    bounds = np.full(len(views.names), max(max_error_px, BOUND_OF_MEDIAN * float(np.nanmedian(finite))))
    for row, camera in enumerate(views.cameras):
        own = finite[tracks.photo == row]
        if np.isfinite(own).any():
            most = OWN_BOUND_SHARE * max(camera.width_px, camera.height_px)
            bounds[row] = max(bounds[row], min(BOUND_OF_MEDIAN * float(np.nanmedian(own)), most))
    return bounds[tracks.photo]
