"""What stands beside the score: clusters against scenes, shares posed, errors of poses, for each collection."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scenesort.evaluation.agreement import Agreement, Confusion, agreement, confusion
from scenesort.evaluation.alignment import AlignedScene, align
from scenesort.evaluation.metric import Evaluation, SceneScore
from scenesort.evaluation.pose_errors import (
    AUC_THRESHOLDS_DEG,
    AlignedErrors,
    RelativePoseErrors,
    ScenePoses,
    aligned_errors,
    area_under_recall,
    relative_pose_errors,
    scene_poses,
)
from scenesort.evaluation.tables import PoseTable
from scenesort.types import FloatArray

PERCENTILES = (50.0, 90.0)
"""Which percentiles of errors are told."""


@dataclass(frozen=True, slots=True, eq=False)
class SceneStatistics:
    """One true scene of `num_photos` photos, matched with `cluster` (None for no cluster).

    `num_registered` photos have a pose in some cluster, `num_registered_together` in the scene's own. `relative_aucs`
    are the areas under the recall curve of relative poses at `AUC_THRESHOLDS_DEG`, in percent, nan without a pair.
    """

    scene: str
    cluster: str | None
    num_photos: int
    num_registered: int
    num_registered_together: int
    aligned: AlignedErrors = field(repr=False)
    relative: RelativePoseErrors = field(repr=False)
    relative_aucs: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CollectionStatistics:
    """One collection; `scenes` in the order of the labels, without the outliers.

    `mean_aucs` are the means of the scenes' areas under the recall curve (COLMAP's "average"), `pooled_aucs` the areas
    under the one curve of all pairs of all scenes (COLMAP's "all"), where large scenes weigh more. Both are in percent,
    at `AUC_THRESHOLDS_DEG`, and nan where no scene has a pair.
    """

    name: str
    confusion: Confusion
    agreement: Agreement
    scenes: tuple[SceneStatistics, ...]
    mean_aucs: tuple[float, ...]
    pooled_aucs: tuple[float, ...]

    @property
    def num_photos(self) -> int:
        """Photos of the true scenes, without outliers."""
        return sum(scene.num_photos for scene in self.scenes)

    @property
    def num_registered(self) -> int:
        """Photos of the true scenes that have a pose in some cluster."""
        return sum(scene.num_registered for scene in self.scenes)


def collection_statistics(
    labels: PoseTable, submission: PoseTable, evaluation: Evaluation
) -> dict[str, CollectionStatistics]:
    """Measure each collection of an `evaluation` of these tables, in the order of the labels."""
    found = {}
    aligned = {(scene.dataset, scene.scene): scene for scene in align(labels, submission, evaluation)}
    for name, collection in evaluation.collections.items():
        poses = scene_poses(labels, submission, name)
        scenes = tuple(
            _scene_statistics(score, poses[score.scene], aligned[name, score.scene]) for score in collection.scenes
        )
        of_pairs = [scene.relative_aucs for scene in scenes if len(scene.relative.errors_deg)]
        mean = np.mean(of_pairs, axis=0) if of_pairs else np.full(len(AUC_THRESHOLDS_DEG), np.nan)
        pooled = area_under_recall(np.concatenate([np.zeros(0), *(scene.relative.errors_deg for scene in scenes)]))
        matrix = confusion(labels, submission, name)
        found[name] = CollectionStatistics(
            name=name,
            confusion=matrix,
            agreement=agreement(matrix),
            scenes=scenes,
            mean_aucs=tuple(mean.tolist()),
            pooled_aucs=tuple(pooled.tolist()),
        )
    return found


def percentiles(values: FloatArray) -> tuple[float, ...]:
    """The `PERCENTILES` of values (n,), nan where there are none."""
    if not len(values):
        return (float("nan"),) * len(PERCENTILES)
    return tuple(float(value) for value in np.percentile(values, PERCENTILES))


def _scene_statistics(score: SceneScore, poses: ScenePoses, aligned: AlignedScene) -> SceneStatistics:
    # The finest distance that the scene is judged by: below it, the truth tells no direction.
    min_baseline = min((threshold for threshold in score.thresholds if threshold > 0), default=0.0)
    relative = relative_pose_errors(poses, min_baseline)
    in_own = np.array([cluster == score.cluster for cluster in poses.clusters], dtype=bool)
    return SceneStatistics(
        scene=score.scene,
        cluster=score.cluster,
        num_photos=score.num_photos,
        num_registered=int(np.count_nonzero(poses.is_registered)),
        num_registered_together=int(np.count_nonzero(poses.is_registered & in_own)),
        aligned=aligned_errors(aligned),
        relative=relative,
        relative_aucs=tuple(area_under_recall(relative.errors_deg).tolist()),
    )
