"""Colours of points, from the photos that see them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from scenesort import work
from scenesort.steps.common import Context, InTime
from scenesort.types import PosedScene
from scenesort.work import PhotoKeys


def colour_points(context: Context, scenes: Sequence[PosedScene], sides: Mapping[str, PhotoKeys]) -> list[PosedScene]:
    """Colour every point with the mean of the pixels that see it, read from our own decoded photos."""
    with context.progress.stage("colours", sum(len(scene.photos) for scene in scenes), context.stages) as stage:
        coloured = []
        for scene in scenes:
            total = np.zeros((len(scene.points_xyz), 3))
            count = np.zeros(len(scene.points_xyz))
            jobs = (work.ColourJob(sides[photo.name].photo, photo.keypoints_px) for photo in scene.photos)
            limit_s = context.options.execution.task_timeout_s
            in_time = InTime(jobs, context.schedule.end_s)
            # What comes too late goes without colour.
            outcomes = context.pool.run(work.colours, in_time, timeout_s=limit_s, until_s=context.schedule.end_s)
            for photo, outcome in zip(scene.photos, outcomes, strict=not context.schedule.is_limited):
                stage.count(outcome)
                if outcome.error is None:
                    np.add.at(total, photo.point_index, outcome.result())
                    np.add.at(count, photo.point_index, 1)
            rgb = np.round(total / np.maximum(count, 1)[:, None]).astype(np.uint8)
            coloured.append(dataclasses.replace(scene, points_rgb=rgb))
    return coloured
