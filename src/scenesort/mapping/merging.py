"""Models of one part that show one place from two sides, joined: by the points that matches say they have in common.

The mapper begins a new model where no photo left sees enough points of the last one, though several photos together may
see enough. A similarity is estimated from points of both models that verified matches, or one keypoint of a photo of
both, say are the same (Horn, 1987, in LO-RANSAC); the mapper then goes on from the poses of both in one frame, and what
it makes stands only if it is healthier than the two.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesort import colmap
from scenesort.geometry import Similarity, transform_points
from scenesort.mapping.base import MappingTask
from scenesort.mapping.observations import points_by_pixel, reprojection_errors_px
from scenesort.types import Float32Array, FloatArray, PosedScene

LEAST_POINTS = 12
"""Fewest common points that must agree on a similarity, which three fix: more than a filled-in pose needs."""
LEAST_SHARE = 0.5
"""Share of the common points that must agree: of matches between two places that look alike few do."""
MAX_ERROR_PX = 8.0
"""How far, in either model's photo, the other's point may lie from the keypoint: two models are bent, each its way."""
MAX_ERROR_DEPTH = 0.05
"""How far apart the points may lie at first, as a share of the depth at which they are seen."""


@dataclass(frozen=True, slots=True, eq=False)
class CommonPoints:
    """Points that two models have in common, n of them, as one photo of each sees them.

    `points_a`, `points_b`: (n, 3) in each model's frame; `photos_a`, `photos_b`: (n,) rows of the models' photos, in
    which they lie at `pixels_a`, `pixels_b`: (n, 2).
    """

    points_a: FloatArray
    points_b: FloatArray
    photos_a: NDArray[np.int64]
    photos_b: NDArray[np.int64]
    pixels_a: FloatArray
    pixels_b: FloatArray

    def __len__(self) -> int:
        return len(self.points_a)


def merge(task: MappingTask, models: Sequence[PosedScene]) -> list[PosedScene]:
    """Return the models with the poses of those that agree put together, the largest taking in others; as starts alone.

    What comes back has the poses and cameras of its photos, and points of its first model alone. A model takes in
    others only for photos that it lacks.
    """
    left = sorted(models, key=lambda model: -len(model.photos))
    done: list[PosedScene] = []
    while left:
        largest = left.pop(0)
        while True:
            mine = {photo.name for photo in largest.photos}
            found = (
                (row, similarity(task, largest, other))
                for row, other in enumerate(left)
                if not mine.issuperset(photo.name for photo in other.photos)
            )
            row, a_from_b = next(((row, found) for row, found in found if found is not None), (-1, None))
            if a_from_b is None:
                break
            largest = _together(largest, left.pop(row), a_from_b)
        done.append(largest)
    return done


def similarity(task: MappingTask, a: PosedScene, b: PosedScene) -> Similarity | None:
    """Return the similarity from b's frame to a's, None where too few common points agree on one."""
    common = common_points(task, a, b)
    if len(common) < LEAST_POINTS:
        return None
    depths = np.array(
        [
            transform_points(a.photos[row].cam_from_world, point[None])[0, 2]
            for row, point in zip(common.photos_a, common.points_a, strict=True)
        ]
    )
    a_from_b = colmap.estimate_similarity(
        common.points_b, common.points_a, MAX_ERROR_DEPTH * float(np.median(depths)), task.seed
    )
    if a_from_b is None:
        return None
    good = agreeing(common, a, b, a_from_b)
    if good.sum() < max(LEAST_POINTS, LEAST_SHARE * len(common)):
        return None
    return a_from_b


def common_points(task: MappingTask, a: PosedScene, b: PosedScene) -> CommonPoints:
    """Return the points of two models that inlier matches of the task, or keypoints of shared photos, join."""
    rows_a, rows_b = _rows(a), _rows(b)
    seen_a, seen_b = ({photo.name: points_by_pixel(photo) for photo in model.photos} for model in (a, b))
    keypoints = {photo.name: photo.keypoints_px.astype(np.float32) for photo in task.photos}
    found: dict[tuple[int, int], tuple[int, int, Float32Array, Float32Array]] = {}

    def note(name_a: str, name_b: str, pixels_a: Float32Array, pixels_b: Float32Array) -> None:
        in_a, in_b = seen_a[name_a], seen_b[name_b]
        for pixel_a, pixel_b in zip(pixels_a, pixels_b, strict=True):
            point_a, point_b = in_a.get(pixel_a.tobytes()), in_b.get(pixel_b.tobytes())
            if point_a is not None and point_b is not None:
                found.setdefault((point_a, point_b), (rows_a[name_a], rows_b[name_b], pixel_a, pixel_b))

    for name in sorted(rows_a.keys() & rows_b.keys()):
        note(name, name, keypoints[name], keypoints[name])
    for pair in task.geometries:
        pixels = [keypoints[name][rows] for name, rows in zip(pair.pair, pair.inlier_matches.T, strict=True)]
        for one, other in ((0, 1), (1, 0)):
            if pair.pair[one] in rows_a and pair.pair[other] in rows_b:
                note(pair.pair[one], pair.pair[other], pixels[one], pixels[other])
    table = list(found.items())
    return CommonPoints(
        a.points_xyz[[key[0] for key, _ in table]].reshape(-1, 3),
        b.points_xyz[[key[1] for key, _ in table]].reshape(-1, 3),
        np.array([value[0] for _, value in table], dtype=np.int64),
        np.array([value[1] for _, value in table], dtype=np.int64),
        np.array([value[2] for _, value in table], dtype=np.float64).reshape(-1, 2),
        np.array([value[3] for _, value in table], dtype=np.float64).reshape(-1, 2),
    )


def agreeing(common: CommonPoints, a: PosedScene, b: PosedScene, a_from_b: Similarity) -> NDArray[np.bool_]:
    """Return for each common point (n,) whether both models' photos see the other's point where their own is."""
    in_a = a_from_b.apply_to_points(common.points_b)
    in_b = a_from_b.inverse().apply_to_points(common.points_a)
    return (_errors_px(a, common.photos_a, in_a, common.pixels_a) <= MAX_ERROR_PX) & (
        _errors_px(b, common.photos_b, in_b, common.pixels_b) <= MAX_ERROR_PX
    )


def _together(a: PosedScene, b: PosedScene, a_from_b: Similarity) -> PosedScene:
    known = {photo.name for photo in a.photos}
    moved = [
        dataclasses.replace(
            photo,
            cam_from_world=a_from_b.apply_to_poses(photo.cam_from_world),
            keypoints_px=np.zeros((0, 2)),
            point_index=np.zeros(0, dtype=np.int64),
        )
        for photo in b.photos
        if photo.name not in known
    ]
    return dataclasses.replace(a, photos=tuple(sorted([*a.photos, *moved], key=lambda photo: photo.name)))


def _rows(model: PosedScene) -> dict[str, int]:
    return {photo.name: row for row, photo in enumerate(model.photos)}


def _errors_px(model: PosedScene, rows: NDArray[np.int64], points: FloatArray, pixels: FloatArray) -> FloatArray:
    errors = np.full(len(points), np.inf)
    for row, group in itertools.groupby(np.argsort(rows, kind="stable").tolist(), key=lambda index: rows[index]):
        chosen = list(group)
        photo = model.photos[int(row)]
        errors[chosen] = reprojection_errors_px(photo.camera, photo.cam_from_world, pixels[chosen], points[chosen])
    return errors
