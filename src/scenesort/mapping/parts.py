"""One part of the view graph mapped as the options say: by one member or the better of two, gaps filled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scenesort.errors import ScenesortError
from scenesort.mapping import health, hybrid
from scenesort.mapping.base import MappingTask
from scenesort.mapping.finding import load
from scenesort.types import PosedScene


def map_part(task: MappingTask, folder: Path) -> list[PosedScene]:
    """Return the models of a part, largest first; see MappingMember.map.

    `mapping.compare_with` and `mapping.fill_with` only ever add: where they fail, the backend's models stand.
    """
    options = task.mapping
    models = _mapped(options.backend, task, folder)
    # A second attempt follows a crash or a hang, which may be the other mapper's.
    if options.compare_with and not task.attempt:
        try:
            models = _healthier(models, task, folder)
        except ScenesortError as error:
            task.surroundings.tell(f"{options.compare_with} could not map the {len(task.photos)} photos: {error}")
    if options.fill_with and models:
        models = hybrid.fill(task, models, options.fill_with)
    return sorted(models, key=lambda model: (-len(model.photos), [photo.name for photo in model.photos]))


def _mapped(name: str, task: MappingTask, folder: Path) -> Sequence[PosedScene]:
    own = folder / name
    own.mkdir()
    return load(name)().map(task, own)


def _healthier(models: Sequence[PosedScene], task: MappingTask, folder: Path) -> Sequence[PosedScene]:
    options = task.mapping
    others = _mapped(options.compare_with, task, folder)
    score, other_score = health.measure(models, task).score, health.measure(others, task).score
    is_other = other_score > score
    kept, left = (options.compare_with, options.backend) if is_other else (options.backend, options.compare_with)
    first = task.photos[0].name
    task.surroundings.tell(
        f"{len(task.photos)} photos ({first} …) are mapped by {kept}: health {max(score, other_score):.2f} against "
        f"{min(score, other_score):.2f} of {left}"
    )
    return others if is_other else models
