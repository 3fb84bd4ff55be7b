"""Points all over one photo, by what its neighbours show."""

from __future__ import annotations

from dataclasses import dataclass

from scenesort.scenes import DensePoints, dense_points
from scenesort.types import FloatArray, Photo, PosedPhoto
from scenesort.work.comparing import view_of

SWEEP_VERSION = "1"
"""Changes whenever the same job gives other points: it is part of an artefact's key."""


@dataclass(frozen=True, slots=True, eq=False)
class SweepJob:
    """Find points of one photo.

    `pose` sees the points `points_xyz` (p, 3). `others` are the photos that overlap with it and their poses, nearest
    view first, `angles_deg` (m,) how far their views differ.
    """

    photo: Photo
    pose: PosedPhoto
    points_xyz: FloatArray
    others: tuple[tuple[Photo, PosedPhoto], ...]
    angles_deg: FloatArray


def sweep(job: SweepJob) -> DensePoints:
    """Return the points, and which of the other photos see each. Raises PhotoError for a photo that can't be read."""
    views = [view_of(photo, pose)[0] for photo, pose in job.others]
    return dense_points(view_of(job.photo, job.pose)[0], job.points_xyz, views, job.angles_deg)
