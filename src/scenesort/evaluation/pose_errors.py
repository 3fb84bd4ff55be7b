"""Errors of camera poses beside the score: after alignment of each cluster, and relative between two cameras.

Rotations are the nearest rotations to the tables' matrices, so that rounding in a table does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scenesort.evaluation.alignment import AlignedScene
from scenesort.evaluation.tables import PoseTable
from scenesort.evaluation.validation import OUTLIERS
from scenesort.geometry import nearest_rotation, rotation_angle_deg
from scenesort.types import FloatArray

BoolArray = NDArray[np.bool_]

AUC_THRESHOLDS_DEG = (0.5, 1.0, 5.0, 10.0)
"""How far the recall curve of relative poses is integrated."""

FAILURE_DEG = 180.0
"""The error of a pair of cameras that is not registered."""


@dataclass(frozen=True, slots=True, eq=False)
class ScenePoses:
    """The n photos of one true scene in the order of the labels, with their poses on both sides.

    Rotations (n, 3, 3) are cam_from_world, centres (n, 3) are in world, each side in its own frame and unit, and not
    finite where there is no pose. `clusters` are the n submitted clusters, `outliers` for none.
    """

    photos: tuple[str, ...]
    clusters: tuple[str, ...]
    true_rotations: FloatArray
    true_centers: FloatArray
    submitted_rotations: FloatArray
    submitted_centers: FloatArray

    @property
    def has_truth(self) -> BoolArray:
        """Which photos have a true pose, (n,)."""
        return _all_finite(self.true_centers)

    @property
    def is_registered(self) -> BoolArray:
        """Which photos have a submitted pose in a cluster, be it the scene's or another, (n,)."""
        in_cluster = np.array([cluster != OUTLIERS for cluster in self.clusters], dtype=bool)
        registered: BoolArray = _all_finite(self.submitted_centers) & in_cluster
        return registered


@dataclass(frozen=True, slots=True, eq=False)
class AlignedErrors:
    """Errors of the m photos of a scene's cluster that have a pose on both sides, in the order of the labels.

    They are taken under the similarity of the largest threshold, which was fitted to camera centres alone. `centers`:
    (m,) distances in the unit of the true cameras; `rotations_deg`: (m,) angles, 0 to 180. Where the true cameras stand
    nearly on a line, the similarity is loose around that line, and so are the rotations. `threshold` is the largest
    threshold and `camera_distance` the median distance between two true cameras of the scene (nan for fewer than two),
    both in the unit of the true cameras: centres are read beside them. m is 0 where no similarity was found.
    """

    photos: tuple[str, ...]
    centers: FloatArray
    rotations_deg: FloatArray
    threshold: float
    camera_distance: float


@dataclass(frozen=True, slots=True, eq=False)
class RelativePoseErrors:
    """Errors of the relative poses of all ordered pairs of a true scene's photos.

    `errors_deg`: (n·(n-1),) for the n photos of the scene that have a true pose. The error of the pair (i, j) is the
    larger of two angles: of the rotation from camera i to camera j, and of the direction of the translation between
    them as camera j sees it. Where the true cameras are nearer than `min_baseline`, in their unit, no direction can be
    told, and the rotation counts alone. `num_registered` pairs have two submitted poses in the same cluster; the others
    fail with 180 degrees, and so do pairs that were submitted at one place.

    Source: COLMAP's benchmark, benchmark/reconstruction/evaluation/utils.py: compute_grouped_rel_errors,
    compute_rel_pose_error. COLMAP counts pairs that were joined by mistake as failures too; here the pairs of true
    scenes alone count, and wrong joins show in the confusion matrix.
    """

    num_registered: int
    min_baseline: float
    errors_deg: FloatArray = field(repr=False)


def scene_poses(labels: PoseTable, submission: PoseTable, dataset: str) -> dict[str, ScenePoses]:
    """The poses of each true scene of a collection, without the outliers; both tables hold the same photos of it."""
    submitted_rows = {image: row for row, image in enumerate(submission.image) if submission.dataset[row] == dataset}
    by_scene: dict[str, list[int]] = {}
    for row, (found, scene) in enumerate(zip(labels.dataset, labels.scene, strict=True)):
        if found == dataset and scene != OUTLIERS:
            by_scene.setdefault(scene, []).append(row)
    true_centers, submitted_centers = labels.center_in_world, submission.center_in_world
    scenes = {}
    for scene, rows in by_scene.items():
        photos = tuple(labels.image[row] for row in rows)
        others = [submitted_rows[photo] for photo in photos]
        scenes[scene] = ScenePoses(
            photos=photos,
            clusters=tuple(submission.scene[row] for row in others),
            true_rotations=labels.rotation[rows],
            true_centers=true_centers[rows],
            submitted_rotations=submission.rotation[others],
            submitted_centers=submitted_centers[others],
        )
    return scenes


def aligned_errors(scene: AlignedScene) -> AlignedErrors:
    """Errors of one scene's photos, whose cluster was aligned to it under the similarity of the largest threshold."""
    has_error = np.isfinite(scene.errors)
    has_truth = _all_finite(scene.true_world_from_cam[:, :, 3])
    return AlignedErrors(
        photos=tuple(photo for photo, is_found in zip(scene.photos, has_error, strict=True) if is_found),
        centers=scene.errors[has_error],
        rotations_deg=rotation_angle_deg(
            scene.estimated_world_from_cam[has_error][:, :, :3], scene.true_world_from_cam[has_error][:, :, :3]
        ),
        threshold=scene.threshold,
        camera_distance=_median_distance(scene.true_world_from_cam[has_truth][:, :, 3]),
    )


def relative_pose_errors(poses: ScenePoses, min_baseline: float) -> RelativePoseErrors:
    """Errors of all ordered pairs of one scene's photos; see `RelativePoseErrors` for what they are."""
    rows = np.flatnonzero(poses.has_truth)
    clusters = np.array([poses.clusters[row] for row in rows], dtype=object)
    registered = poses.is_registered[rows]
    true_rotations, submitted_rotations = poses.true_rotations[rows], poses.submitted_rotations[rows]
    true_rotations = nearest_rotation(true_rotations)
    submitted_rotations = nearest_rotation(np.where(registered[:, None, None], submitted_rotations, np.eye(3)))
    true_centers, submitted_centers = poses.true_centers[rows], poses.submitted_centers[rows]
    errors, num_registered = [], 0
    # One source camera at a time: memory grows with the number of cameras, not with its square.
    for source in range(len(rows)):
        targets = np.flatnonzero(np.arange(len(rows)) != source)
        error = np.full(len(targets), FAILURE_DEG)
        both = registered[source] & registered[targets] & (clusters[targets] == clusters[source])
        found = targets[both]
        num_registered += len(found)
        rotation_error = rotation_angle_deg(
            submitted_rotations[found] @ submitted_rotations[source].T,
            true_rotations[found] @ true_rotations[source].T,
        )
        true_offset = true_centers[source] - true_centers[found]
        submitted_offset = _without_overflow(submitted_centers[source] - submitted_centers[found])
        direction_error = _angle_deg(
            (submitted_rotations[found] @ submitted_offset[:, :, None])[:, :, 0],
            (true_rotations[found] @ true_offset[:, :, None])[:, :, 0],
        )
        baseline = np.linalg.norm(true_offset, axis=1)
        is_short = np.logical_or(baseline < min_baseline, baseline == 0)
        error[both] = np.where(is_short, rotation_error, np.maximum(rotation_error, direction_error))
        errors.append(error)
    return RelativePoseErrors(num_registered, min_baseline, np.concatenate(errors) if errors else np.zeros(0))


def area_under_recall(errors_deg: FloatArray, thresholds_deg: tuple[float, ...] = AUC_THRESHOLDS_DEG) -> FloatArray:
    """The area (t,) under the recall curve of errors (n,) up to each of t thresholds, in percent; nan without errors.

    The curve runs straight from (0, 0) through each (k-th smallest error, k / n) and level from the last error that
    is not above the threshold. Errors of 0 everywhere give 100.

    Source: COLMAP's benchmark, benchmark/reconstruction/evaluation/utils.py, compute_auc. COLMAP also draws the curve
    level below the known accuracy of its truth (`min_error`); that accuracy isn't known here, so nothing is.
    """
    if not len(errors_deg):
        return np.full(len(thresholds_deg), np.nan)
    errors = np.sort(errors_deg)
    recall = np.arange(len(errors) + 1) / len(errors)
    areas = []
    for threshold in thresholds_deg:
        count = int(np.searchsorted(errors, threshold, side="right"))
        x = np.concatenate([[0.0], errors[:count], [threshold]])
        y = np.concatenate([recall[: count + 1], recall[count : count + 1]])
        areas.append(100 * float(np.trapezoid(y, x)) / threshold)
    return np.array(areas)


def _angle_deg(first: FloatArray, second: FloatArray) -> FloatArray:
    """The angles (n,) between vectors (n, 3); 180 where one has no direction. Exact for tiny angles too."""
    sine = np.linalg.norm(np.cross(first, second), axis=1)
    cosine = (first * second).sum(axis=1)
    angle: FloatArray = np.degrees(np.arctan2(sine, cosine))
    has_direction = np.logical_and(first.any(axis=1), second.any(axis=1))
    error: FloatArray = np.where(has_direction & np.isfinite(angle), angle, FAILURE_DEG)
    return error


def _without_overflow(offsets: FloatArray) -> FloatArray:
    """Offsets (n, 3) scaled to a largest entry of 1, where they aren't zero: only their direction is wanted."""
    largest = np.abs(offsets).max(axis=1, keepdims=True, initial=0)
    scaled: FloatArray = np.divide(offsets, largest, out=np.zeros_like(offsets), where=largest > 0)
    return scaled


def _all_finite(centers: FloatArray) -> BoolArray:
    return np.asarray(np.isfinite(centers).all(axis=1))


def _median_distance(centers: FloatArray) -> float:
    if len(centers) < 2:
        return float("nan")
    distances = [np.linalg.norm(centers[row + 1 :] - centers[row], axis=1) for row in range(len(centers) - 1)]
    return float(np.median(np.concatenate(distances)))
