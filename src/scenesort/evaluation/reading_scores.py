"""How well each reading of a submission's poses fits the labels.

The score sees camera centres alone, which several readings share; the relative poses of photos tell these apart.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scenesort.evaluation.conventions import Reading, read_as
from scenesort.evaluation.metric import CollectionScore, Evaluation, score
from scenesort.evaluation.pose_errors import relative_pose_errors, scene_poses
from scenesort.evaluation.registration import MIN_CAMERAS
from scenesort.evaluation.tables import NUM_UNSCORED_THRESHOLDS, PoseTable, Thresholds
from scenesort.evaluation.validation import OUTLIERS
from scenesort.types import FloatArray

MAX_PHOTOS = 30
"""Photos of a true scene that readings are compared on, evenly chosen; the time grows with the cube."""

AGREEMENT_DEG = 10.0
"""A pair of photos agrees with the truth where its relative pose is off by less, in rotation and in direction."""


@dataclass(frozen=True, slots=True)
class ReadingScore:
    """How well one reading fits: of one collection, or of all together.

    `score` and `repaired` are in percent. `error_deg` is the median error of the relative pose of two photos of a scene
    that share a cluster, `agreement` the share of these pairs, 0 to 1, that are off by less than `AGREEMENT_DEG`; they
    are nan and 0 without pairs. `photos_in_place` counts photos beyond three a scene at its best scored threshold.
    """

    reading: Reading
    score: float
    repaired: float
    error_deg: float
    agreement: float
    photos_in_place: int

    def to_json(self) -> dict[str, object]:
        """The numbers, with None for an error without pairs."""
        return {
            "reading": self.reading.name,
            "score": self.score,
            "repaired": self.repaired,
            "error_deg": None if math.isnan(self.error_deg) else self.error_deg,
            "agreement": self.agreement,
        }


@dataclass(frozen=True, slots=True)
class MeasuredReading:
    """The score of a reading in one collection, with the errors of its pairs in degrees."""

    score: ReadingScore
    errors_deg: FloatArray


class Sample:
    """Evenly chosen photos of both tables, on which readings are measured.

    Readings with the same centres share one score.
    """

    def __init__(self, labels: PoseTable, submission: PoseTable, thresholds: Thresholds) -> None:
        by_scene: dict[tuple[str, str], list[int]] = {}
        for row, key in enumerate(zip(labels.dataset, labels.scene, strict=True)):
            by_scene.setdefault(key, []).append(row)
        kept: list[int] = []
        for (_, scene), rows in by_scene.items():
            num_kept = len(rows) if scene == OUTLIERS else min(MAX_PHOTOS, len(rows))
            kept += [rows[index] for index in np.linspace(0, len(rows) - 1, num_kept).round().astype(int)]
        self.labels = _take(labels, sorted(kept))
        photos = set(zip(self.labels.dataset, self.labels.image, strict=True))
        both = enumerate(zip(submission.dataset, submission.image, strict=True))
        self.submission = _take(submission, [row for row, photo in both if photo in photos])
        self.thresholds = thresholds
        self.names = tuple(dict.fromkeys(labels.dataset))
        self._tables: dict[str, PoseTable] = {}
        self._scores: dict[str, Evaluation] = {}

    def measure(self, name: str, reading: Reading) -> MeasuredReading:
        """Measure a reading in the collection of that name."""
        if reading.name not in self._tables:
            self._tables[reading.name] = read_as(self.submission, dict.fromkeys(self.names, reading))
        table = self._tables[reading.name]
        if reading.centers not in self._scores:
            self._scores[reading.centers] = score(self.labels, table, self.thresholds)
        collection = self._scores[reading.centers].collections[name]
        errors_deg = self._pair_errors(name, table)
        found = ReadingScore(
            reading=reading,
            score=collection.score,
            repaired=collection.repaired,
            photos_in_place=_photos_in_place(collection),
            error_deg=_median(errors_deg),
            agreement=_agreement(errors_deg),
        )
        return MeasuredReading(found, errors_deg)

    def _pair_errors(self, name: str, table: PoseTable) -> FloatArray:
        """Errors in degrees of the relative poses of all pairs of a scene's photos with two poses in one cluster."""
        found = [np.zeros(0)]
        for scene, poses in scene_poses(self.labels, table, name).items():
            usable = poses.is_registered & poses.has_truth
            in_cluster = Counter(
                cluster for cluster, is_usable in zip(poses.clusters, usable, strict=True) if is_usable
            )
            num_pairs = sum(count * (count - 1) for count in in_cluster.values())
            # Between two mirrored cameras the relative pose is right, and yet neither pose is one.
            with np.errstate(all="ignore"):
                is_rotation = np.linalg.det(poses.submitted_rotations) > 0
            poses = replace(poses, submitted_centers=np.where(is_rotation[:, None], poses.submitted_centers, np.nan))
            limits = self.thresholds[name, scene]
            errors = relative_pose_errors(poses, float(min(limits[limits > 0], default=0.0)))
            # All other pairs have failed with 180 degrees and come last.
            found.append(np.sort(errors.errors_deg)[:num_pairs])
        return np.concatenate(found)


def pool(found: Sequence[MeasuredReading]) -> ReadingScore:
    """Return one reading over all collections: mean scores, pairs thrown together."""
    errors_deg = np.concatenate([each.errors_deg for each in found])
    return ReadingScore(
        reading=found[0].score.reading,
        score=float(np.mean([each.score.score for each in found])),
        repaired=float(np.mean([each.score.repaired for each in found])),
        photos_in_place=sum(each.score.photos_in_place for each in found),
        error_deg=_median(errors_deg),
        agreement=_agreement(errors_deg),
    )


def _median(errors_deg: FloatArray) -> float:
    return float(np.median(errors_deg)) if len(errors_deg) else float("nan")


def _agreement(errors_deg: FloatArray) -> float:
    return float(np.mean(errors_deg < AGREEMENT_DEG)) if len(errors_deg) else 0.0


def _photos_in_place(collection: CollectionScore) -> int:
    return sum(
        max((max(0, count - MIN_CAMERAS) for count in scene.inliers[NUM_UNSCORED_THRESHOLDS:]), default=0)
        for scene in collection.scenes
    )


def _take(table: PoseTable, rows: list[int]) -> PoseTable:
    return replace(
        table,
        dataset=tuple(table.dataset[row] for row in rows),
        scene=tuple(table.scene[row] for row in rows),
        image=tuple(table.image[row] for row in rows),
        rotation=table.rotation[rows],
        translation=table.translation[rows],
        line=tuple(table.line[row] for row in rows),
    )
