"""True and estimated cameras of each scene in one frame: the true one.

The similarity that the metric found for one threshold moves the estimated cameras. Poses are inverted first, with
R_c2w = Rᵀ and t_c2w = -Rᵀt: the whole similarity moves the centres, its rotation alone turns the cameras.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from scenesort.errors import EvaluationError
from scenesort.evaluation.metric import Evaluation, SceneScore
from scenesort.evaluation.tables import NUM_UNSCORED_THRESHOLDS, PoseTable
from scenesort.geometry import Similarity, nearest_rotation
from scenesort.types import FloatArray

BoolArray = NDArray[np.bool_]


class Status(StrEnum):
    """What became of one photo of a true scene."""

    WITHIN = "within"
    """Its camera is nearer to its true place than the threshold."""
    BEYOND = "beyond"
    """Its camera is not."""
    UNMEASURED = "unmeasured"
    """It was given a pose, but no transform fits its cluster, or the labels give no pose."""
    UNPOSED = "unposed"
    """It is in the scene's cluster without a pose."""
    ELSEWHERE = "elsewhere"
    """It was submitted in another cluster or as an outlier, so its pose is in a frame of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class AlignedScene:
    """One true scene with n photos, in the order of the labels, and its cluster. Lengths are in the true cameras' unit.

    `cluster` is None where the scene shares no photo with any cluster. `clusters` are the n clusters that the photos
    were submitted in. `true_from_submitted` is the similarity of `thresholds[threshold_index]`, None where no triple of
    cameras gives one.

    `true_world_from_cam` and `estimated_world_from_cam`: (n, 3, 4) float64, rotation beside centre, both in the true
    frame, OpenCV axes; nan where there is no pose, or no similarity to move it. `errors`: (n,) float64, distance of the
    centre from its true place, nan where it can't be measured. `accuracy`: (n,) float64, the share of the scored
    thresholds that the camera keeps, each under its own similarity: the photo's part in mAA.

    `strangers` are the m photos of the cluster that belong to other scenes, `strangers_world_from_cam` (m, 3, 4) their
    poses in the true frame, likewise.
    """

    dataset: str
    scene: str
    cluster: str | None
    thresholds: tuple[float, ...]
    threshold_index: int
    true_from_submitted: Similarity | None
    photos: tuple[str, ...]
    clusters: tuple[str, ...]
    status: tuple[Status, ...]
    true_world_from_cam: FloatArray
    estimated_world_from_cam: FloatArray
    errors: FloatArray
    accuracy: FloatArray
    strangers: tuple[str, ...]
    strangers_world_from_cam: FloatArray

    @property
    def threshold(self) -> float:
        """The distance that was chosen."""
        return self.thresholds[self.threshold_index]

    def count(self, *wanted: Status) -> int:
        """Return the number of photos with one of these states."""
        return sum(status in wanted for status in self.status)


def align(
    labels: PoseTable, submission: PoseTable, evaluation: Evaluation, threshold_index: int | None = None
) -> tuple[AlignedScene, ...]:
    """Return every scored scene in the order of the labels, with its cameras in the true frame.

    `evaluation` is `score` of the same two tables. `threshold_index` counts from 0; None is each scene's largest
    threshold. Raises `EvaluationError` where there is no such threshold.
    """
    label_rows: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(labels.dataset, labels.scene, strict=True)):
        label_rows.setdefault(key, []).append(row)
    submitted_row = {key: row for row, key in enumerate(zip(submission.dataset, submission.image, strict=True))}
    cluster_rows: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(submission.dataset, submission.scene, strict=True)):
        cluster_rows.setdefault(key, []).append(row)
    scenes = []
    for dataset, collection in evaluation.collections.items():
        for found in collection.scenes:
            rows = label_rows[dataset, found.scene]
            own = [submitted_row[dataset, labels.image[row]] for row in rows]
            others = [] if found.cluster is None else cluster_rows[dataset, found.cluster]
            strangers = sorted(set(others).difference(own))
            index = _chosen(found.thresholds, threshold_index)
            scenes.append(_align_scene(dataset, found, index, labels, rows, submission, own, strangers))
    return tuple(scenes)


def _align_scene(
    dataset: str,
    found: SceneScore,
    index: int,
    labels: PoseTable,
    rows: list[int],
    submission: PoseTable,
    own: list[int],
    strangers: list[int],
) -> AlignedScene:
    """Align the photos in `rows` of the labels, which are the rows `own` of the submission."""
    similarity = _similarity(found.registration.transforms[index])
    photos = tuple(labels.image[row] for row in rows)
    clusters = tuple(submission.scene[row] for row in own)
    in_cluster = np.array([cluster == found.cluster for cluster in clusters])
    submitted = _world_from_cam(submission, own)
    estimated = np.where(in_cluster[:, None, None], _moved(similarity, submitted), np.nan)

    # The rows of the registration are the photos in the cluster, in the order of the labels.
    errors, accuracy = np.full(len(rows), np.nan), np.zeros(len(rows))
    if similarity is not None:
        errors[in_cluster] = found.registration.errors[:, index]
    scored = slice(NUM_UNSCORED_THRESHOLDS, None)
    is_near = found.registration.errors[:, scored] < np.array(found.thresholds)[scored]
    accuracy[in_cluster] = is_near.mean(axis=1)
    errors[~np.isfinite(errors)] = np.nan
    return AlignedScene(
        dataset=dataset,
        scene=found.scene,
        cluster=found.cluster,
        thresholds=found.thresholds,
        threshold_index=index,
        true_from_submitted=similarity,
        photos=photos,
        clusters=clusters,
        status=_status(in_cluster, np.isfinite(submitted[:, 0, 3]), errors, found.thresholds[index]),
        true_world_from_cam=_world_from_cam(labels, rows),
        estimated_world_from_cam=estimated,
        errors=errors,
        accuracy=accuracy,
        strangers=tuple(submission.image[row] for row in strangers),
        strangers_world_from_cam=_moved(similarity, _world_from_cam(submission, strangers)),
    )


def _chosen(thresholds: tuple[float, ...], index: int | None) -> int:
    if index is None:
        return int(np.argmax(thresholds))
    if not 0 <= index < len(thresholds):
        raise EvaluationError(f"There is no threshold {index + 1}: each scene has {len(thresholds)}. Name a lower one.")
    return index


def _similarity(transform: FloatArray) -> Similarity | None:
    """Take a (3, 4) transform apart; None where it is nan or shrinks everything to a point."""
    with np.errstate(all="ignore"):
        scale = float(np.cbrt(np.linalg.det(transform[:, :3])))
    if not np.isfinite(transform).all() or not np.isfinite(scale) or scale <= 0:
        return None
    return Similarity(scale, nearest_rotation(transform[:, :3] / scale), transform[:, 3])


def _world_from_cam(table: PoseTable, rows: list[int]) -> FloatArray:
    """Rotations beside centres (n, 3, 4), nan where there is no pose; what is nearly a rotation becomes one."""
    centers = table.center_in_world[rows]
    poses = np.full((len(rows), 3, 4), np.nan)
    is_posed = np.isfinite(centers).all(axis=1)
    rotation = nearest_rotation(table.rotation[rows][is_posed])
    poses[is_posed] = np.concatenate([np.swapaxes(rotation, -1, -2), centers[is_posed, :, None]], axis=-1)
    return poses


def _moved(similarity: Similarity | None, world_from_cam: FloatArray) -> FloatArray:
    if similarity is None:
        return np.full_like(world_from_cam, np.nan)
    centers = similarity.apply_to_points(world_from_cam[..., 3])
    return np.concatenate([similarity.rotation @ world_from_cam[..., :3], centers[..., None]], axis=-1)


def _status(in_cluster: BoolArray, is_posed: BoolArray, errors: FloatArray, threshold: float) -> tuple[Status, ...]:
    rules = [
        (~in_cluster, Status.ELSEWHERE),
        (~is_posed, Status.UNPOSED),
        (np.isnan(errors), Status.UNMEASURED),
        (errors < threshold, Status.WITHIN),
    ]
    return tuple(next((status for holds, status in rules if holds[row]), Status.BEYOND) for row in range(len(errors)))
