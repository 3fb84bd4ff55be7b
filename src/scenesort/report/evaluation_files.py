"""An evaluation as files: a CSV row a photo, everything in JSON, and a page to read."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scenesort.evaluation import CollectionStatistics, CollectionTable, Evaluation, SceneStatistics, SceneTable
from scenesort.evaluation.pose_errors import AUC_THRESHOLDS_DEG
from scenesort.evaluation.statistics import PERCENTILES, percentiles
from scenesort.report.evaluation_page import page
from scenesort.workspace.files import write_bytes

TABLE = "registration.csv"
EVERYTHING = "evaluation.json"
PAGE = "evaluation.html"

Tables = Mapping[str, CollectionTable]
Statistics = Mapping[str, CollectionStatistics]


def write(folder: Path, evaluation: Evaluation, tables: Tables, statistics: Statistics) -> None:
    """Write the three files into a folder, which is created; raises WorkspaceError where it can't be written."""
    write_bytes(folder / TABLE, registration_csv(tables).encode("utf-8", "surrogateescape"), sync=False)
    write_bytes(folder / EVERYTHING, evaluation_json(evaluation, tables, statistics).encode(), sync=False)
    write_bytes(folder / PAGE, page(evaluation, tables, statistics).encode(), sync=False)


def registration_csv(tables: Tables) -> str:
    """Return the registration table with a row for each photo of each true scene.

    `met_k` and `removed_k` are 1 or 0 for the k-th threshold; `error` is empty where there is none; `mAA` is the share
    of the scored thresholds that the photo meets, in percent.
    """
    scenes = [(table.name, scene) for table in tables.values() for scene in table.scenes]
    numbers = range(1, max((len(scene.thresholds) for _, scene in scenes), default=0) + 1)
    with io.StringIO(newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        marks = [*(f"met_{number}" for number in numbers), *(f"removed_{number}" for number in numbers)]
        writer.writerow(["dataset", "scene", "image", "cluster", "state", "error", *marks, "mAA"])
        for dataset, scene in scenes:
            for row in scene.rows:
                error = repr(row.error) if math.isfinite(row.error) else ""
                flags = [int(flag) for flag in (*row.is_met, *row.is_removed)]
                names = [dataset, scene.scene, row.photo, row.cluster, row.state.value]
                writer.writerow([*names, error, *flags, repr(100 * row.accuracy)])
        return file.getvalue()


def evaluation_json(evaluation: Evaluation, tables: Tables, statistics: Statistics) -> str:
    """Return everything that is known of an evaluation, in full precision; null where a figure doesn't exist."""
    scores = evaluation.to_json()
    content = {
        "score": scores["score"],
        "repaired": scores["repaired"],
        "warnings": list(evaluation.warnings),
        "collections": {name: _collection(table, statistics[name]) for name, table in tables.items()},
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _collection(table: CollectionTable, found: CollectionStatistics) -> dict[str, Any]:
    score, agreement = table.score, found.agreement
    return {
        "score": score.score,
        "repaired": score.repaired,
        "mAA": score.mAA,
        "clusterness": score.clusterness,
        "marks_counted": table.num_accurate,
        "marks_possible": table.num_possible,
        "photos": found.num_photos,
        "registered": found.num_registered,
        "clusters": {
            "homogeneity": agreement.homogeneity,
            "completeness": agreement.completeness,
            "v_measure": agreement.v_measure,
            "adjusted_rand": agreement.adjusted_rand,
            "outlier_precision": agreement.outlier_precision,
            "outlier_recall": agreement.outlier_recall,
        },
        "confusion": {
            "scenes": found.confusion.scenes,
            "clusters": found.confusion.clusters,
            "photos": found.confusion.photos,
        },
        "relative_pose_auc": {
            "degrees": AUC_THRESHOLDS_DEG,
            "mean_of_scenes": _numbers(found.mean_aucs),
            "all_pairs": _numbers(found.pooled_aucs),
        },
        "scenes": [
            _scene(scene, beside) | _beside(beside) for scene, beside in zip(table.scenes, found.scenes, strict=True)
        ],
    }


def _scene(scene: SceneTable, beside: SceneStatistics) -> dict[str, Any]:
    rotation_of = dict(zip(beside.aligned.photos, beside.aligned.rotations_deg.tolist(), strict=True))
    return {
        "scene": scene.scene,
        "cluster": scene.cluster,
        "cluster_size": scene.cluster_size,
        "thresholds": scene.thresholds,
        "thresholds_unscored": scene.num_unscored,
        "mAA": scene.mAA,
        "marks": scene.num_met,
        "marks_removed": scene.num_removed,
        "marks_counted": scene.num_accurate,
        "marks_possible": scene.num_possible,
        "photos": [
            {
                "image": row.photo,
                "cluster": row.cluster,
                "state": row.state.value,
                "error": _number(row.error),
                "rotation_error_deg": rotation_of.get(row.photo),
                "errors": _numbers(row.errors),
                "met": row.is_met,
                "removed": row.is_removed,
                "mAA": 100 * row.accuracy,
            }
            for row in scene.rows
        ],
        "other_photos_in_cluster": [
            {"image": photo.photo, "scene": photo.scene, "posed": photo.has_pose} for photo in scene.foreign
        ],
    }


def _beside(scene: SceneStatistics) -> dict[str, Any]:
    names = [f"percentile_{percent:g}" for percent in PERCENTILES]
    centers, rotations = percentiles(scene.aligned.centers), percentiles(scene.aligned.rotations_deg)
    return {
        "registered": scene.num_registered,
        "registered_in_own_cluster": scene.num_registered_together,
        "camera_distance": _number(scene.aligned.camera_distance),
        "center_error": dict(zip(names, _numbers(centers), strict=True)),
        "rotation_error_deg": dict(zip(names, _numbers(rotations), strict=True)),
        "relative_pose": {
            "pairs": len(scene.relative.errors_deg),
            "pairs_registered": scene.relative.num_registered,
            "min_baseline": scene.relative.min_baseline,
            "auc": _numbers(scene.relative_aucs),
        },
    }


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [_number(value) for value in values]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
