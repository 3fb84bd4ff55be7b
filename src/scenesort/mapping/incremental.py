"""Incremental mapping (Schönberger and Frahm, CVPR 2016) through COLMAP."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from scenesort import colmap
from scenesort.mapping.base import MappingTask
from scenesort.types import PosedScene

TRIAL_SEEDS = 1000
"""Seeds of a run are small numbers, so no trial repeats another seed's."""
SEEDS = 2**31 - 1
"""COLMAP's seeds are 32 bits wide."""
NEXT_PHOTO: tuple[colmap.NextPhoto, ...] = ("uncertainty", "share", "number")
"""How a model's next photo is chosen, by trial: another order is another path to a model, more so than another seed."""


class Incremental:
    """COLMAP's incremental mapper, several models a part."""

    name: ClassVar[str] = "incremental"
    version: ClassVar[str] = "5"

    def map(self, task: MappingTask, folder: Path) -> list[PosedScene]:
        """Map one part; see MappingMember."""
        return colmap.map_incrementally(task.photos, task.geometries, mapper_settings(task), folder)


def mapper_settings(task: MappingTask) -> colmap.MapperSettings:
    """Return how the options of a task ask COLMAP's mappers to work."""
    return colmap.MapperSettings(
        seed=(task.seed + task.attempt + TRIAL_SEEDS * task.trial) % SEEDS,
        next_photo=NEXT_PHOTO[task.trial % len(NEXT_PHOTO)],
        min_model_size=task.scenes.min_photos,
        max_models=task.mapping.max_models,
        init_min_inliers=task.mapping.init_min_inliers,
        pose_min_inliers=task.mapping.pose_min_inliers,
        max_reprojection_error_px=task.mapping.max_reprojection_error_px,
        min_pair_inliers=task.verification.min_inliers,
        robust_loss_px=task.mapping.robust_loss_px,
        # A second attempt follows a crash or a hang: nothing that isn't needed.
        fill_min_inliers=0 if task.attempt else task.mapping.fill_min_inliers,
        safer=task.attempt > 0,
        is_large=len(task.photos) > colmap.LARGE_PART_PHOTOS,
        max_runtime_s=task.max_runtime_s,
    )
