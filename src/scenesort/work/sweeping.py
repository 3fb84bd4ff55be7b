"""Points all over one photo, by what its neighbours show."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np

from scenesort.errors import PhotoError
from scenesort.scenes import DensePoints, View, dense_points
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
    """Return the points, and which of the other photos see each: none that can't be read.

    Raises PhotoError if the photo itself can't be read any more.
    """
    reference = view_of(job.photo, job.pose)[0]
    views: list[View] = []
    read = np.zeros(len(job.others), bool)
    for row, (photo, pose) in enumerate(job.others):
        with contextlib.suppress(PhotoError):
            views.append(view_of(photo, pose)[0])
            read[row] = True
    found = dense_points(reference, job.points_xyz, views, job.angles_deg[read])
    sees = np.zeros((len(found.points_xyz), len(job.others)), bool)
    sees[:, read] = found.sees
    return DensePoints(found.points_xyz, sees)
