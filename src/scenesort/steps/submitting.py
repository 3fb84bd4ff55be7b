"""The submission that stands at every moment of a run: first all photos as outliers, then what was found so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scenesort import export, scenes
from scenesort.errors import EvaluationError
from scenesort.evaluation import read_poses
from scenesort.export import SubmissionRow
from scenesort.photos import Survey
from scenesort.types import PhotoSet, PosedScene
from scenesort.workspace import Workspace

NAME = "submission.csv"


class Submission:
    """Rows of every collection, written anew whenever one of them has better ones."""

    def __init__(self, workspace: Workspace, surveys: Mapping[str, Survey], sample: Path | None) -> None:
        """Begin with all photos as outliers, or with the rows that an earlier run left for the same photos.

        `surveys` name the photos of each collection, in the order that the submission keeps. Raises OptionError when
        `sample` can't be read or asks for other photos.
        """
        self._workspace, self._sample = workspace, sample
        self._rows = {
            dataset: [SubmissionRow(dataset, export.OUTLIERS, name, None) for name in survey.names]
            for dataset, survey in surveys.items()
        }
        self.path = workspace.path(NAME)
        written_s = self.path.stat().st_mtime if self.path.is_file() else 0.0
        earlier = _earlier(self.path)
        for dataset, survey in surveys.items():
            stood = earlier.get(dataset, [])
            if {row.image for row in stood} == set(survey.names) and survey.changed_s < written_s:
                self._rows[dataset] = stood
        self._write()

    def offer(self, dataset: str, found: PhotoSet, models: Sequence[PosedScene], min_photos: int) -> None:
        """Take models that are not final in place of rows that pose fewer photos."""
        chosen = scenes.one_scene_a_photo(models, min_photos)
        posed = {photo.name for scene in chosen for photo in scene.photos}
        rest = [photo.name for photo in found.photos if photo.name not in posed]
        rows = export.submission_rows(dataset, found, chosen, rest)
        if num_posed(rows) > num_posed(self._rows[dataset]):
            self.settle(dataset, rows)

    def num_posed(self, dataset: str) -> int:
        """How many photos of a collection have a pose as it stands."""
        return num_posed(self._rows[dataset])

    def settle(self, dataset: str, rows: Sequence[SubmissionRow]) -> None:
        """Take the rows of a collection as they are."""
        self._rows[dataset] = list(rows)
        self._write()

    def _write(self) -> None:
        rows = [row for rows in self._rows.values() for row in rows]
        self._workspace.write_file(NAME, lambda path: export.write_rows(path, rows, self._sample))


def num_posed(rows: Sequence[SubmissionRow]) -> int:
    """The number of rows with a pose."""
    return sum(row.cam_from_world is not None for row in rows)


def read_rows(path: Path) -> dict[str, list[SubmissionRow]]:
    """Read a submission: the rows of each collection in the file's order. Raises EvaluationError."""
    table = read_poses(path)
    poses = np.concatenate([table.rotation, table.translation[:, :, None]], axis=2)
    rows: dict[str, list[SubmissionRow]] = {}
    for dataset, scene, image, pose in zip(table.dataset, table.scene, table.image, poses, strict=True):
        row = SubmissionRow(dataset, scene, image, pose if np.isfinite(pose).all() else None)
        rows.setdefault(dataset, []).append(row)
    return rows


def _earlier(path: Path) -> dict[str, list[SubmissionRow]]:
    """The rows that stand from an earlier run; none where there is no file, or one that was tampered with."""
    try:
        return read_rows(path) if path.is_file() else {}
    except EvaluationError:
        return {}
