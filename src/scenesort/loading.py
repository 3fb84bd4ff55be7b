"""A finished run folder, read back as values."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

from scenesort import colmap
from scenesort.errors import EvaluationError, WorkspaceError
from scenesort.export import SubmissionRow
from scenesort.progress import StageReport
from scenesort.results import CollectionResult, RunResult
from scenesort.scenes import scene_without_model
from scenesort.steps.submitting import read_rows
from scenesort.types import PosedScene, SkippedPhoto


def load(out: str | Path) -> RunResult:
    """Read the results of a finished run from its folder; `evaluation` is not read back (score the submission again).

    Raises WorkspaceError when the folder holds no finished run.
    """
    folder = Path(out).expanduser()
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        names = list(summary["collections"])
        rows = read_rows(folder / "submission.csv")
        single = not summary["nested"]
        collections = {
            name: _collection(
                name, folder if single else folder / name, summary["collections"][name], rows.get(name, [])
            )
            for name in names
        }
    except (OSError, KeyError, ValueError, EvaluationError) as error:
        raise WorkspaceError(f"{folder} holds no finished run of scenesort ({error}); run it again") from error
    return RunResult(folder, collections)


def _collection(name: str, folder: Path, summary: dict[str, Any], rows: list[SubmissionRow]) -> CollectionResult:
    with (folder / "skipped.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        skipped = tuple(SkippedPhoto(row["photo"], row["reason"]) for row in csv.DictReader(file))
    with (folder / "outliers.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        outliers = tuple(row["photo"] for row in csv.DictReader(file))
    scenes = tuple(
        _scene(path) for path in sorted((folder / "scenes").iterdir(), key=lambda path: (len(path.name), path.name))
    )
    stages = tuple(StageReport(**stage) for stage in summary["stages"])
    notices = tuple(summary["notices"])
    return CollectionResult(name, scenes, outliers, skipped, summary["copies"], notices, stages, tuple(rows))


def _scene(folder: Path) -> PosedScene:
    with (folder / "photos.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    unposed = tuple(row["photo"] for row in rows if row["posed"] == "no")
    if len(unposed) == len(rows):
        return scene_without_model(folder.name, unposed)
    return dataclasses.replace(colmap.read_model(folder / "sparse" / "0", folder.name), unposed=unposed)
