"""How healthy the models of a part are, without knowing the truth: to choose between two ways of mapping it.

Small on purpose: four numbers that any mapper's models have, multiplied into one. What weighs how much was not fitted
to anything; it tells a good mapping from a bad one, not two good ones from each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scenesort import colmap, geometry
from scenesort.mapping.base import MappingTask
from scenesort.mapping.sharing import mean_error_px
from scenesort.types import FloatArray, PosedPhoto, PosedScene


@dataclass(frozen=True, slots=True)
class Health:
    """`posed_share`: of the part's photos, those with a pose in some model. `explained_share`: of the inlier matches of
    verified pairs, those whose epipolar error with the poses is within the bound; matches to photos without a pose in
    the same model are not explained. `track_length`: median number of photos that see a point. `error_px`: mean
    reprojection error, `max_error_px` its bound.
    """

    posed_share: float
    explained_share: float
    track_length: float
    error_px: float
    max_error_px: float

    @property
    def score(self) -> float:
        """From 0 to 1: the product of what should all be high; points that only two photos see prove little."""
        tracks = min(1.0, self.track_length / 3.0)
        return self.posed_share * self.explained_share * tracks / (1.0 + self.error_px / self.max_error_px)


def measure(models: Sequence[PosedScene], task: MappingTask) -> Health:
    """Return the health of the models of a task."""
    bound_px = task.mapping.max_reprojection_error_px
    posed = {photo.name for model in models for photo in model.photos}
    lengths = np.concatenate([model.photos_per_point for model in models]) if models else np.zeros(0)
    explained, total = 0, 0
    keypoints = {photo.name: photo.keypoints_px for photo in task.photos}
    by_model = [{photo.name: photo for photo in model.photos} for model in models]
    for pair in task.geometries:
        total += pair.num_inliers
        first, second = pair.pair
        errors = [
            epipolar_errors_px(
                photos[first],
                keypoints[first][pair.inlier_matches[:, 0]],
                photos[second],
                keypoints[second][pair.inlier_matches[:, 1]],
            )
            for photos in by_model
            if first in photos and second in photos
        ]
        explained += max((int(np.count_nonzero(error <= bound_px)) for error in errors), default=0)
    return Health(
        posed_share=len(posed) / max(len(task.photos), 1),
        explained_share=explained / max(total, 1),
        track_length=float(np.median(lengths)) if len(lengths) else 0.0,
        error_px=mean_error_px(models),
        max_error_px=bound_px,
    )


def epipolar_errors_px(
    first: PosedPhoto, points_first_px: FloatArray, second: PosedPhoto, points_second_px: FloatArray
) -> FloatArray:
    """Return the Sampson error (n,) of matches (n, 2) each with the poses of two photos, in pixels; inf for no ray.

    Source: Hartley and Zisserman, "Multiple View Geometry", section 11.4.3, on undistorted coordinates.
    """
    relative = geometry.compose(second.cam_from_world, geometry.invert(first.cam_from_world))
    x, y, z = relative[:, 3]
    essential = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]) @ relative[:, :3]
    sides = []
    for photo, points in ((first, points_first_px), (second, points_second_px)):
        rays = colmap.rays_from_pixels(photo.camera, points)
        with np.errstate(divide="ignore", invalid="ignore"):
            sides.append(rays / rays[:, 2:])
    lines_second, lines_first = sides[0] @ essential.T, sides[1] @ essential
    algebraic = np.sum(sides[1] * lines_second, axis=1)
    squares = np.sum(lines_second[:, :2] ** 2, axis=1) + np.sum(lines_first[:, :2] ** 2, axis=1)
    focal_px = 0.5 * (colmap.focal_px(first.camera) + colmap.focal_px(second.camera))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = focal_px * np.abs(algebraic) / np.sqrt(squares)
    return np.where(np.isfinite(error), error, np.inf)
