"""One part of the view graph mapped as the options say: by one member or the better of two, gaps filled."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from scenesort import colmap
from scenesort.errors import ScenesortError
from scenesort.mapping import health, hybrid, merging
from scenesort.mapping.base import MappingTask
from scenesort.mapping.finding import load
from scenesort.mapping.incremental import mapper_settings
from scenesort.types import PosedScene

LEAST_S = 5.0
"""Seconds below which mapping once more isn't begun."""


def map_part(task: MappingTask, folder: Path) -> list[PosedScene]:
    """Return the models of a part, largest first; see MappingMember.map.

    `mapping.start_with`, `mapping.compare_with` and `mapping.fill_with` only ever add: where they fail, the backend's
    models stand.
    """
    options = task.mapping
    started_s = time.monotonic()
    name, models = options.backend, _mapped(options.backend, task, folder)
    # A second attempt follows a crash or a hang, which may be the other mapper's.
    ways: dict[str, Callable[[MappingTask], Sequence[PosedScene]]] = {}
    if options.start_with and not task.attempt:
        ways[f"incremental from {options.start_with}"] = lambda left: _started(left, folder)
    if options.compare_with and not task.attempt:
        ways[options.compare_with] = lambda left: _mapped(options.compare_with, left, folder)
    for other, map_so in ways.items():
        left_s = task.max_runtime_s - (time.monotonic() - started_s)
        if left_s < LEAST_S:
            task.surroundings.tell(f"time limit: no time was left for {other} to map {len(task.photos)} photos")
            break
        try:
            others = map_so(dataclasses.replace(task, max_runtime_s=left_s))
            name, models = _healthier(task, name, models, other, others)
        # What COLMAP throws, too.
        except (ScenesortError, RuntimeError, ValueError) as error:
            task.surroundings.tell(f"{other} could not map the {len(task.photos)} photos: {error}")
    if options.merge_models and len(models) > 1:
        name, models = _merged(task, name, models, folder, task.max_runtime_s - (time.monotonic() - started_s))
    if options.fill_with and models:
        models = hybrid.fill(task, models, options.fill_with)
    return sorted(models, key=lambda model: (-len(model.photos), [photo.name for photo in model.photos]))


def _mapped(name: str, task: MappingTask, folder: Path) -> Sequence[PosedScene]:
    own = folder / name
    own.mkdir()
    return load(name)().map(task, own)


def _started(task: MappingTask, folder: Path) -> Sequence[PosedScene]:
    """Let COLMAP's incremental mapper go on from the refined poses of a pose model."""
    own = folder / "started"
    own.mkdir()
    starts = _mapped(task.mapping.start_with, task, own)
    return colmap.map_from_poses(task.photos, task.geometries, starts, mapper_settings(task), own)


def _merged(
    task: MappingTask, name: str, models: Sequence[PosedScene], folder: Path, left_s: float
) -> tuple[str, Sequence[PosedScene]]:
    """Join models that share points, where the mapper makes a healthier one of them; else return them as they are."""
    if left_s < LEAST_S or task.attempt:
        return name, models
    own = folder / "merged"
    own.mkdir()
    try:
        starts = merging.merge(task, models)
        if len(starts) == len(models):
            return name, models
        settings = mapper_settings(dataclasses.replace(task, max_runtime_s=left_s))
        others = colmap.map_from_poses(task.photos, task.geometries, starts, settings, own)
    except (ScenesortError, RuntimeError, ValueError) as error:
        task.surroundings.tell(f"{len(models)} models of {len(task.photos)} photos could not be joined: {error}")
        return name, models
    return _healthier(task, name, models, f"{name}, {len(models)} models joined to {len(starts)}", others)


def _healthier(
    task: MappingTask, name: str, models: Sequence[PosedScene], other: str, others: Sequence[PosedScene]
) -> tuple[str, Sequence[PosedScene]]:
    score, other_score = health.measure(models, task).score, health.measure(others, task).score
    is_other = other_score > score
    kept, left = (other, name) if is_other else (name, other)
    first = task.photos[0].name
    task.surroundings.tell(
        f"{len(task.photos)} photos ({first} …) are mapped by {kept}: health {max(score, other_score):.2f} against "
        f"{min(score, other_score):.2f} of {left}"
    )
    return (other, others) if is_other else (name, models)
