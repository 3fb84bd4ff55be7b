"""Checks before scoring: errors where a submission doesn't fit the labels, warnings where a table is doubtful."""

from __future__ import annotations

import numpy as np

from scenesort.errors import EvaluationError
from scenesort.evaluation.tables import PoseTable

OUTLIERS = "outliers"
"""The scene of photos that belong nowhere; any other spelling is an ordinary cluster."""

_ROTATION_TOLERANCE = 1e-3
"""Largest entry of RᵀR - I that rounding in a table explains."""


def check_submission(labels: PoseTable, submission: PoseTable) -> None:
    """Raise `EvaluationError` unless each photo of the labels' collections is in the submission once, and no other.

    Collections that the labels lack may hold anything.
    """
    if not len(labels):
        raise EvaluationError(f"{labels.source}: the labels have no rows. Give one row for each photo.")
    true_rows = _row_of_each_photo(labels, set(labels.dataset))
    submitted_rows = _row_of_each_photo(submission, set(labels.dataset))
    submitted_datasets = set(submission.dataset)
    for dataset in dict.fromkeys(labels.dataset):
        if dataset not in submitted_datasets:
            raise EvaluationError(
                f"{submission.source}: collection '{dataset}' of {labels.source} is missing. Add a row for each of its"
                " photos; those without a pose get nan."
            )
    missing = [row for photo, row in true_rows.items() if photo not in submitted_rows]
    if missing:
        raise EvaluationError(
            f"{submission.source}: a photo of the labels is missing: {labels.where(missing[0])}{_and_more(missing)}."
            f" Add a row for it; without a pose its numbers are nan, and without a cluster its scene is {OUTLIERS}."
        )
    unknown = [row for photo, row in submitted_rows.items() if photo not in true_rows]
    if unknown:
        raise EvaluationError(
            f"{submission.where(unknown[0])}{_and_more(unknown)}: the labels ({labels.source}) have no such photo in"
            " this collection. Delete the row, or correct the name."
        )


def find_doubts(labels: PoseTable, submission: PoseTable) -> list[str]:
    """Sentences on scenes and collections that can be scored but may not be meant."""
    scored = set(labels.dataset)
    ignored = [dataset for dataset in dict.fromkeys(submission.dataset) if dataset not in scored]
    doubts = []
    if ignored:
        doubts.append(f"{submission.source}: collections that the labels lack are ignored: {', '.join(ignored)}.")
    clusters = dict.fromkeys(zip(submission.dataset, submission.scene, strict=True))
    doubts += [
        f"{submission.source}: cluster '{cluster}' of collection '{dataset}' counts as an ordinary cluster: outliers"
        f" are the scene '{OUTLIERS}', spelled so."
        for dataset, cluster in clusters
        if dataset in scored and cluster != OUTLIERS and cluster.strip().lower() == OUTLIERS
    ]
    return doubts


def find_doubtful_poses(labels: PoseTable, submission: PoseTable) -> list[str]:
    """Sentences on poses that are scored but are hardly right, each with the first row and the number of others.

    These are poses that are partly not finite, matrices that are no rotations, and labels of a scene without a pose.
    """
    has_center = np.all(np.isfinite(labels.center_in_world), axis=1).tolist()
    unposed = [row for row in range(len(labels)) if not has_center[row] and labels.scene[row] != OUTLIERS]
    doubts = []
    if unposed:
        doubts.append(
            f"{labels.where(unposed[0])}{_and_more(unposed)}: the labels give no pose, so no pose of it can be right;"
            " it counts in its scene's size."
        )
    for table in (labels, submission):
        doubts += _doubtful_poses(table, set(labels.dataset))
    return doubts


def _doubtful_poses(table: PoseTable, datasets: set[str]) -> list[str]:
    numbers = np.concatenate([table.rotation.reshape(-1, 9), table.translation], axis=1)
    is_scored = np.array([dataset in datasets for dataset in table.dataset])
    is_posed = np.isfinite(numbers).all(axis=1) & np.isfinite(table.center_in_world).all(axis=1)
    doubts = []
    not_posed: list[int] = np.flatnonzero(is_scored & ~is_posed & ~np.isnan(numbers).all(axis=1)).tolist()
    if not_posed:
        doubts.append(
            f"{table.where(not_posed[0])}{_and_more(not_posed)}: the pose is not finite, yet not all nan;"
            " the photo counts as not reconstructed."
        )
    rotation = np.where(is_posed[:, None, None], table.rotation, np.eye(3))
    with np.errstate(over="ignore", invalid="ignore"):
        deviation = np.abs(rotation.transpose(0, 2, 1) @ rotation - np.eye(3)).max(axis=(1, 2))
        is_rotation = (deviation <= _ROTATION_TOLERANCE) & (np.linalg.det(rotation) > 0)
    not_rotations: list[int] = np.flatnonzero(is_scored & ~is_rotation).tolist()
    if not_rotations:
        doubts.append(
            f"{table.where(not_rotations[0])}{_and_more(not_rotations)}: rotation_matrix is not quite a rotation;"
            " the camera centre is taken as -Rᵀt all the same."
        )
    return doubts


def _row_of_each_photo(table: PoseTable, datasets: set[str]) -> dict[tuple[str, str], int]:
    """The row of each (dataset, image); raises `EvaluationError` where one occurs twice in `datasets`."""
    rows: dict[tuple[str, str], int] = {}
    for row, photo in enumerate(zip(table.dataset, table.image, strict=True)):
        if photo[0] not in datasets:
            continue
        if photo in rows:
            raise EvaluationError(
                f"{table.where(row)}: the photo is already in line {table.line[rows[photo]]}. Each photo has one row,"
                " in one scene."
            )
        rows[photo] = row
    return rows


def _and_more(rows: list[int]) -> str:
    return f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
