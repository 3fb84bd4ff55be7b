"""The score of the Image Matching Challenge 2025, official faults and all, and the repaired score beside it.

A collection's score is the harmonic mean of mAA (mean average accuracy: the share of photos whose camera centre comes
within a threshold of its true place) and clusterness (the share of the chosen clusters' photos that belong there). The
final score is the mean over collections. All scores are in percent. Only camera centres count, not rotations.

Source: the challenge's own scoring code in its sixth published version, reproduced to the digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from scenesort.errors import EvaluationError
from scenesort.evaluation.registration import MIN_CAMERAS, Registration, register
from scenesort.evaluation.tables import (
    NUM_UNSCORED_THRESHOLDS,
    PoseTable,
    check_thresholds,
    read_poses,
    read_thresholds,
)
from scenesort.evaluation.validation import OUTLIERS, check_submission, find_doubtful_poses, find_doubts
from scenesort.types import FloatArray

Groups = dict[str, dict[str, dict[str, int]]]
"""dataset → scene or cluster → photo → row of its table, each in the order of first appearance."""


@dataclass(frozen=True, slots=True)
class SceneScore:
    """One true scene against the cluster that it was matched with.

    `cluster` is None where the scene shares no photo with any cluster; `num_common` and `cluster_size` are then 0.
    `num_common` counts the shared photos, with or without a pose. `thresholds` are t distances in the unit of the true
    cameras and `inliers` the number of cameras nearer than each; the first two are not scored. `photos` are the shared
    photos in the order of the labels, the rows of `registration.errors`.
    """

    scene: str
    cluster: str | None
    num_photos: int
    num_common: int
    cluster_size: int
    thresholds: tuple[float, ...]
    inliers: tuple[int, ...]
    photos: tuple[str, ...]
    registration: Registration = field(repr=False, compare=False)

    @property
    def accurate(self) -> int:
        """Cameras that count: inliers beyond the three that any similarity fits, summed over the scored thresholds."""
        return _count_accurate(self.inliers)


@dataclass(frozen=True, slots=True)
class CollectionScore:
    """One collection in percent; `scenes` in the order of the labels, without the outliers.

    `score`, `mAA` and `clusterness` are the official ones. In `repaired`, a scene that shares no photo with any cluster
    counts with its full size in mAA and adds nothing to clusterness.
    """

    score: float
    repaired: float
    mAA: float
    clusterness: float
    scenes: tuple[SceneScore, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The final scores in percent, the collections in the order of the labels, and what is doubtful, in sentences."""

    score: float
    repaired: float
    collections: dict[str, CollectionScore]
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The scores alone, in percent, ready for `json.dump`."""
        return {
            "score": self.score,
            "repaired": self.repaired,
            "collections": {
                name: {
                    "score": collection.score,
                    "repaired": collection.repaired,
                    "mAA": collection.mAA,
                    "clusterness": collection.clusterness,
                }
                for name, collection in self.collections.items()
            },
        }


def score(
    labels: Path | PoseTable,
    submission: Path | PoseTable,
    thresholds: Path | Mapping[tuple[str, str], FloatArray],
    strict: bool = False,
) -> Evaluation:
    """Score a submission against labels.

    `thresholds` maps (dataset, scene) to (t,) distances in the unit of the scene's true cameras. Raises
    `EvaluationError` where a table can't be understood, a scene has no thresholds, or the submission doesn't hold every
    photo of the labels' collections exactly once and no other. Collections that the labels lack are ignored.

    Poses that are partly not finite, matrices that are not quite rotations, and labels without a pose are scored as the
    official code does, with a warning; with `strict` they raise `EvaluationError`.
    """
    label_table = read_poses(labels) if isinstance(labels, Path) else labels
    submitted_table = read_poses(submission) if isinstance(submission, Path) else submission
    scene_thresholds = _Thresholds(thresholds)
    check_submission(label_table, submitted_table)
    doubtful_poses = find_doubtful_poses(label_table, submitted_table)
    if strict and doubtful_poses:
        raise EvaluationError(f"{' '.join(doubtful_poses)} Correct these poses, or score without strict checks.")
    warnings = find_doubts(label_table, submitted_table) + doubtful_poses
    matcher = _Matcher(label_table.center_in_world, submitted_table.center_in_world)
    all_clusters = _group(submitted_table)
    collections = {}
    for dataset, true_scenes in _group(label_table).items():
        scenes = [
            matcher.match(scene, photos, all_clusters[dataset], scene_thresholds.of(dataset, scene))
            for scene, photos in true_scenes.items()
            if scene != OUTLIERS
        ]
        first_cluster, first_photos = next(iter(all_clusters[dataset].items()))
        collections[dataset] = _score_collection(scenes, first_cluster, len(first_photos))
        warnings += [f"Collection '{dataset}': {sentence}" for sentence in _find_faults(scenes, first_cluster)]
    return Evaluation(
        score=_mean([collection.score for collection in collections.values()]),
        repaired=_mean([collection.repaired for collection in collections.values()]),
        collections=collections,
        warnings=tuple(warnings),
    )


class _Thresholds:
    """The thresholds of each scene, from a file or given, with a name for messages."""

    def __init__(self, thresholds: Path | Mapping[tuple[str, str], FloatArray]) -> None:
        if isinstance(thresholds, Path):
            self.source, self.table = str(thresholds), read_thresholds(thresholds)
        else:
            self.source = "The thresholds"
            self.table = {key: np.asarray(values, dtype=np.float64) for key, values in thresholds.items()}
            check_thresholds(self.table, self.source)

    def of(self, dataset: str, scene: str) -> FloatArray:
        if (dataset, scene) not in self.table:
            raise EvaluationError(
                f"{self.source}: scene '{scene}' of collection '{dataset}' has no thresholds. Add a row for it."
            )
        return self.table[dataset, scene]


@dataclass(frozen=True, slots=True)
class _Matcher:
    """Finds the cluster of each true scene; holds the camera centres of both tables, one a row."""

    true_centers: FloatArray
    submitted_centers: FloatArray

    def match(
        self, scene: str, photos: dict[str, int], clusters: dict[str, dict[str, int]], thresholds: FloatArray
    ) -> SceneScore:
        """The scene against the cluster with the most common photos, then the best registration, then the first.

        `photos` and each of `clusters` map a photo to its row. Outliers are never matched.
        """
        common = {
            name: tuple(photo for photo in photos if photo in cluster)
            for name, cluster in clusters.items()
            if name != OUTLIERS
        }
        most = max(map(len, common.values()), default=0)
        candidates = [name for name, shared in common.items() if len(shared) == most] if most else [None]
        scores = []
        for name in candidates:
            cluster = clusters[name] if name is not None else {}
            shared = common[name] if name is not None else ()
            true_rows, submitted_rows = [photos[photo] for photo in shared], [cluster[photo] for photo in shared]
            registration = register(self.submitted_centers[submitted_rows], self.true_centers[true_rows], thresholds)
            scores.append(
                SceneScore(
                    scene=scene,
                    cluster=name,
                    num_photos=len(photos),
                    num_common=len(shared),
                    cluster_size=len(cluster),
                    thresholds=tuple(thresholds.tolist()),
                    inliers=registration.inliers,
                    photos=shared,
                    registration=registration,
                )
            )
        # The first of equals is the first in the submission.
        return max(scores, key=lambda candidate: candidate.accurate)


def _group(table: PoseTable) -> Groups:
    groups: Groups = {}
    for row, (dataset, scene, image) in enumerate(zip(table.dataset, table.scene, table.image, strict=True)):
        groups.setdefault(dataset, {}).setdefault(scene, {})[image] = row
    return groups


def _score_collection(scenes: list[SceneScore], first_cluster: str, first_cluster_size: int) -> CollectionScore:
    """The official and the repaired score of one collection, whose submission begins with `first_cluster`."""
    num_scored = len(scenes[0].thresholds) - NUM_UNSCORED_THRESHOLDS if scenes else 1
    accurate = sum(scene.accurate for scene in scenes)
    num_common = sum(scene.num_common for scene in scenes)
    num_photos = sum(scene.num_photos for scene in scenes)
    cluster_sizes = sum(scene.cluster_size for scene in scenes)
    removed = MIN_CAMERAS * len(scenes)
    repaired_accuracy = _ratio(accurate, num_scored * (num_photos - removed))
    repaired_clusterness = _ratio(num_common, cluster_sizes)

    # The official code compares a scene that shares no photo with any cluster with the first cluster of the submission.
    # Where that is `outliers`, it leaves out the scene's photos, yet not the three that each scene has removed.
    lost = [scene for scene in scenes if scene.cluster is None]
    if first_cluster == OUTLIERS:
        num_photos -= sum(scene.num_photos for scene in lost)
    else:
        cluster_sizes += first_cluster_size * len(lost)
    accuracy = _ratio(accurate, num_scored * (num_photos - removed))
    clusterness = _ratio(num_common, cluster_sizes)
    return CollectionScore(
        score=100 * _harmonic_mean(accuracy, clusterness),
        repaired=100 * _harmonic_mean(repaired_accuracy, repaired_clusterness),
        mAA=100 * accuracy,
        clusterness=100 * clusterness,
        scenes=tuple(scenes),
    )


def _find_faults(scenes: list[SceneScore], first_cluster: str) -> list[str]:
    """Sentences on the scenes that the official score treats oddly."""
    sentences = []
    for scene in scenes:
        if scene.cluster is None and first_cluster == OUTLIERS:
            sentences.append(
                f"scene '{scene.scene}' shares no photo with any cluster, and the submission begins with outliers; the"
                " official score leaves its photos out, so it can be too high, even above 100. Read the repaired score."
            )
        elif scene.cluster is None:
            sentences.append(
                f"scene '{scene.scene}' shares no photo with any cluster; the official score compares it with the"
                f" submission's first, '{first_cluster}', and lowers clusterness. Read the repaired score."
            )
        if scene.num_photos <= MIN_CAMERAS:
            sentences.append(
                f"scene '{scene.scene}' has {scene.num_photos} photo{'s' * (scene.num_photos != 1)};"
                f" {MIN_CAMERAS} or fewer can't raise the score."
            )
    served = [scene.cluster for scene in scenes if scene.cluster is not None]
    for cluster in dict.fromkeys(served):
        if served.count(cluster) > 1:
            names = ", ".join(f"'{scene.scene}'" for scene in scenes if scene.cluster == cluster)
            sentences.append(f"cluster '{cluster}' serves the scenes {names}, and its photos count once for each.")
    return sentences


def _count_accurate(inliers: tuple[int, ...]) -> int:
    return sum(max(0, count - MIN_CAMERAS) for count in inliers[NUM_UNSCORED_THRESHOLDS:])


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator > 0 else 0.0


def _harmonic_mean(first: float, second: float) -> float:
    return 2 * first * second / (first + second) if first + second > 0 else 0.0


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
