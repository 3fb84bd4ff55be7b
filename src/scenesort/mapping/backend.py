"""Any pose model as a mapping member: photos in order, in windows, joined, refined on verified matches."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from scenesort.config import PoseModelsOptions
from scenesort.mapping import pose_models, refinement
from scenesort.mapping.base import MappingMember, MappingTask, Surroundings
from scenesort.mapping.pose_models import PoseModel, PoseModelOptions, ScenePrediction
from scenesort.mapping.refinement import RefinementSettings
from scenesort.mapping.scene_memory import WindowPlan, plan_window, predict_scene
from scenesort.types import PosedScene

VERSION = "1"
"""Of the way from a model's answer to scenes; part of every artefact's key."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A model in memory, and the memory in MB that was free before it was loaded, None where unknown."""

    model: PoseModel
    free_mb: float | None


_loaded: dict[tuple[str, PoseModelOptions, str], _Loaded] = {}
"""The one model of this process: all scenes share it, each has a memory of its own."""


def backend_of(name: str) -> type[MappingMember]:
    """Return a mapping member that maps with the pose model `name`; raises as `pose_models.load` does."""
    member = pose_models.load(name)
    return type(
        f"{member.__name__}Backend",
        (_Backend,),
        {"__doc__": f"Mapping with {name}.", "name": name, "version": f"{VERSION}-{member.version}"},
    )


class _Backend:
    """Maps with the pose model that its `name` says."""

    name: ClassVar[str]
    version: ClassVar[str]

    def map(self, task: MappingTask, folder: Path) -> Sequence[PosedScene]:
        """Map one part; see MappingMember."""
        settings = refinement_settings(task)
        models = []
        for prediction in predict(self.name, task):
            names = {photo.name for photo in prediction.photos}
            if len(names) < task.scenes.min_photos:
                continue
            refined = refinement.refine(only(task, names), prediction, settings)
            if not refined.accepted:
                task.surroundings.tell(
                    f"{self.name}: the poses of {len(names)} photos stay unadjusted: {refined.reason}"
                )
            if len(refined.scene.photos) >= task.scenes.min_photos:
                models.append(refined.scene)
        return sorted(models, key=lambda model: (-len(model.photos), [photo.name for photo in model.photos]))


def predict(name: str, task: MappingTask) -> list[ScenePrediction]:
    """Pose the photos of a task with the pose model `name`; see scene_memory.predict_scene."""
    around, options = task.surroundings, task.pose_models
    loaded = _load(name, model_options(options, task.seed), around)
    plan = window_plan(name, options, len(task.photos), loaded.free_mb)
    return predict_scene(
        loaded.model,
        task.photos,
        task.links,
        around.load_image,
        window_photos=plan.photos,
        overlap_photos=options.overlap_photos,
        tell=around.tell,
    )


def window_plan(name: str, options: PoseModelsOptions, num_photos: int, free_mb: float | None) -> WindowPlan:
    """Return how many photos of a scene the model sees at once; `free_mb` is free before the model is loaded.

    Raises WeightsError when memory is too small for any window.
    """
    member = pose_models.load(name)
    return plan_window(
        name,
        member.memory_mb,
        num_photos,
        side_px=options.side_px,
        least_photos=member.least_photos,
        wanted=options.window_photos,
        free_mb=free_mb,
    )


def model_options(options: PoseModelsOptions, seed: int) -> PoseModelOptions:
    """Return the options of a run as a pose model takes them."""
    return PoseModelOptions(
        model=options.model,
        side_px=options.side_px,
        precision=options.precision,  # type: ignore[arg-type]  # the options allow no other word
        accept_licence=options.accept_licence,
        seed=seed,
    )


def refinement_settings(task: MappingTask) -> RefinementSettings:
    """Return how the options of a task ask for refinement; a second attempt does without."""
    options = task.pose_models
    return RefinementSettings(
        variant="none" if task.attempt else options.refinement,  # type: ignore[arg-type]
        intrinsics=options.intrinsics,  # type: ignore[arg-type]
        max_reprojection_error_px=task.mapping.max_reprojection_error_px,
        robust_loss_px=task.mapping.robust_loss_px,
        seed=task.seed,
    )


def only(task: MappingTask, names: set[str]) -> MappingTask:
    """Return a task with some of its photos, and the pairs among them."""
    return dataclasses.replace(
        task,
        photos=tuple(photo for photo in task.photos if photo.name in names),
        geometries=tuple(geometry for geometry in task.geometries if names.issuperset(geometry.pair)),
    )


def _load(name: str, options: PoseModelOptions, around: Surroundings) -> _Loaded:
    wanted = (name, options, around.device)
    if wanted not in _loaded:
        _loaded.clear()
        _loaded[wanted] = _Loaded(pose_models.load(name)(options, around.device), around.free_memory_mb)
    return _loaded[wanted]
