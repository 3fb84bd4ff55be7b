"""What a run gives back, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scenesort.evaluation import Evaluation
from scenesort.export import SubmissionRow
from scenesort.progress import StageReport
from scenesort.types import PosedScene, SkippedPhoto


@dataclass(frozen=True, slots=True)
class CollectionResult:
    """One collection: its scenes, the photos in none, and what was noticed.

    Scenes come largest first, those without poses last.
    """

    name: str
    scenes: tuple[PosedScene, ...]
    outliers: tuple[str, ...]
    skipped: tuple[SkippedPhoto, ...]
    duplicates: Mapping[str, str]
    notices: tuple[str, ...]
    stages: tuple[StageReport, ...]
    rows: tuple[SubmissionRow, ...] = field(repr=False)

    @property
    def num_posed(self) -> int:
        """Photos with a pose, copies not counted."""
        return sum(len(scene.photos) for scene in self.scenes)

    def summary(self) -> dict[str, Any]:
        """Return counts and stages as JSON values."""
        return {
            "photos": len(self.rows),
            "posed": self.num_posed,
            "scenes": {
                scene.name: {
                    "photos": len(scene.members),
                    "posed": len(scene.photos),
                    "points": len(scene.points_xyz),
                    "reprojection_error_px": float(np.mean(scene.points_error_px)) if len(scene.points_xyz) else None,
                }
                for scene in self.scenes
            },
            "outliers": len(self.outliers),
            "skipped": len(self.skipped),
            "duplicates": len(self.duplicates),
            "copies": dict(self.duplicates),
            "notices": list(self.notices),
            "stages": [
                {
                    "name": stage.name,
                    "done": stage.done,
                    "reused": stage.reused,
                    "seconds": round(stage.seconds, 3),
                    "cpu_s": round(stage.cpu_s, 3),
                    "peak_memory_mb": round(stage.peak_memory_mb, 1),
                    "parent_memory_mb": round(stage.parent_memory_mb, 1),
                }
                for stage in self.stages
            ],
        }


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: the folder it wrote, its collections by name, and the score if labels were given."""

    out: Path
    collections: Mapping[str, CollectionResult]
    evaluation: Evaluation | None = None

    @property
    def scenes(self) -> tuple[PosedScene, ...]:
        """All scenes of all collections."""
        return tuple(scene for collection in self.collections.values() for scene in collection.scenes)
