"""What photos show at points where they have no match: patches compared with those of a photo that sees the points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from scenesort import photos
from scenesort.scenes import View, correlations, surface_normals
from scenesort.types import FloatArray, ImageArray, Photo, PosedPhoto

COMPARISON_VERSION = "1"
"""Changes whenever the same job gives other correlations: it is part of an artefact's key."""
CACHED_PHOTOS = 192
"""Grey photos of COMPARED_SIDE_PX that a worker keeps at hand, about 60 MB."""
COMPARED_SIDE_PX = 640
"""Photos are shrunk to this longer side: sharp enough to tell things apart, and errors of poses stay below a pixel."""
BLUR_PX = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class CompareJob:
    """Compare one photo's view of points with those of others.

    `pose` sees the points `points_xyz` (p, 3) at `pixels_px` (p, 2), frame pixels. `others` are the other photos with
    their poses, `rows` for each of them which points to compare, (k,) int64.
    """

    photo: Photo
    pose: PosedPhoto
    points_xyz: FloatArray
    pixels_px: FloatArray
    others: tuple[tuple[Photo, PosedPhoto], ...]
    rows: tuple[NDArray[np.int64], ...]


def compare(job: CompareJob) -> list[FloatArray]:
    """Return for each other photo the correlations (k,) of its patches, -1 … 1; nan where there is nothing to compare.

    Raises PhotoError for a photo that can't be read any more.
    """
    view, factor = view_of(job.photo, job.pose)
    needed = np.unique(np.concatenate([np.zeros(0, np.int64), *job.rows]))
    normals = surface_normals(job.points_xyz, needed, view.center_in_world)
    found = []
    for (photo, pose), rows in zip(job.others, job.rows, strict=True):
        other = view_of(photo, pose)[0]
        at = np.searchsorted(needed, rows)
        found.append(correlations(view, other, job.points_xyz[rows], normals[at], job.pixels_px[rows] * factor))
    return found


def view_of(photo: Photo, pose: PosedPhoto) -> tuple[View, float]:
    """Return a photo to compare, and its size as a multiple of the frame's."""
    grey = _grey(photo).astype(np.float32)
    factor = grey.shape[1] / photo.width_px
    return View(grey, pose.camera.params[0] * factor, pose.cam_from_world), factor


@lru_cache(maxsize=CACHED_PHOTOS)
def _grey(photo: Photo) -> ImageArray:
    grey = cv2.cvtColor(photos.load_frame(photo), cv2.COLOR_RGB2GRAY)
    factor = COMPARED_SIDE_PX / max(grey.shape)
    if factor < 1:
        size = (max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), BLUR_PX), np.uint8)
