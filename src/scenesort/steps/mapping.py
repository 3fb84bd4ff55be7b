"""Steps from the verified view graph to posed, coloured models."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scenesort import artefacts, mapping, work
from scenesort.config import ScenesOptions
from scenesort.mapping import MappingTask
from scenesort.planning import Schedule
from scenesort.scenes import weakest_cut
from scenesort.steps.common import Context, InTime, VerifiedPairs, load_geometries, loaded
from scenesort.types import MappingPhoto, PosedScene
from scenesort.versions import library_versions
from scenesort.work import PhotoKeys
from scenesort.workspace import key

MAPPING_ATTEMPTS = 2
SPLIT_ROUNDS = 3
LEAST_MAPPING_S = 3.0
"""With less time than this left, no part is begun."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One attempt at one part, with own or shared cameras; `shard` is the key of its models.

    `is_second`: the part's other cameras are mapped, too, and before.
    """

    part: int
    shared: bool
    is_second: bool
    number: int
    task: MappingTask
    shard: str


def map_parts(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    parts: Sequence[Sequence[str]],
    verified: VerifiedPairs,
    stage_name: str = "mapping",
    others: Sequence[PosedScene] = (),
) -> list[PosedScene]:
    """Map every connected part of the view graph, with own and with shared cameras where neither is known to be right.

    `others` are the models of photos in none of the parts. A part whose mapper fails is tried once more with safer
    options; one that fails again has no models and is reported.
    """
    schedule = context.schedule
    attempts = [_unfailed(context, item) for item in _attempts(context, sides, parts, verified)]
    attempts = [item for item in attempts if item.number < MAPPING_ATTEMPTS]
    if schedule.is_limited:
        attempts.sort(key=lambda item: item.is_second)
    models: dict[tuple[int, bool], list[PosedScene]] = {}
    with context.progress.stage(stage_name, sum(len(item.task.photos) for item in attempts), context.stages) as stage:
        while attempts:
            for item in attempts:
                if context.workspace.has("models", item.shard):
                    models[item.part, item.shared] = artefacts.unpack_scenes(*loaded(context, "models", item.shard))
                    stage.skip(len(item.task.photos))
            todo = [item for item in attempts if (item.part, item.shared) not in models]
            in_time = InTime((_limited(item, schedule) for item in todo), schedule.end_s - LEAST_MAPPING_S)
            failed = []
            for outcome in context.pool.run(
                _map,
                in_time,
                timeout_s=context.options.mapping.timeout_s,
                until_s=schedule.end_s,
                ordered=False,
                window=context.pool.workers,
            ):
                item = outcome.task
                if outcome.error is None:
                    packed = artefacts.pack_scenes(outcome.result())
                    # What a time limit cut short is no artefact: a later run may have more time.
                    if outcome.seconds < item.task.max_runtime_s:
                        context.workspace.save_arrays("models", item.shard, *packed)
                    models[item.part, item.shared] = artefacts.unpack_scenes(*packed)
                    stage.count(outcome, len(item.task.photos))
                    context.on_models([*others, *_chosen(models, len(parts))])
                    continue
                last = item.number + 1 >= MAPPING_ATTEMPTS or schedule.is_limited
                stage.count(outcome, len(item.task.photos) if last else 0)
                then = "its models are lost" if last else "trying once more with safer options"
                first = item.task.photos[0].name
                context.notice(f"mapping {len(item.task.photos)} photos ({first} …) failed: {outcome.error}; {then}")
                context.workspace.log(outcome.log)
                if schedule.is_limited:
                    continue
                context.workspace.save_arrays(
                    "failures", _failure_key(context, item), {}, {"error": str(outcome.error)}
                )
                failed.append(item)
            late = [item for item in todo[in_time.num_taken :] if not item.is_second]
            if late:
                num_photos = sum(len(item.task.photos) for item in late)
                context.notice(f"time limit: {stage_name} left out {len(late)} parts with {num_photos} photos")
            attempts = [_next(item) for item in failed if item.number + 1 < MAPPING_ATTEMPTS]
    return _chosen(models, len(parts))


def _chosen(models: Mapping[tuple[int, bool], list[PosedScene]], num_parts: int) -> list[PosedScene]:
    """The models of each part that has any: of own and shared cameras the better."""
    chosen: list[PosedScene] = []
    for part in range(num_parts):
        own, shared = models.get((part, False)), models.get((part, True))
        chosen += mapping.choose(own, shared) if own and shared else own or shared or []
    return chosen


def _limited(item: _Attempt, schedule: Schedule) -> _Attempt:
    """The attempt with the time that is left for it, of which some is kept to write the models down."""
    if not schedule.is_limited:
        return item
    return dataclasses.replace(item, task=dataclasses.replace(item.task, max_runtime_s=0.8 * schedule.left_s))


def split_look_alikes(
    context: Context, sides: Mapping[str, PhotoKeys], models: Sequence[PosedScene], verified: VerifiedPairs
) -> list[PosedScene]:
    """Split models into which two look-alike places were folded, and map their sides anew, each by itself."""
    options = context.options.scenes
    settled: list[PosedScene] = []
    waiting = list(models)
    for _ in range(SPLIT_ROUNDS):
        parts: list[tuple[str, ...]] = []
        for model in waiting:
            cut = weakest_cut(model, options.min_photos) if options.max_cut_ratio > 0 else None
            if cut is None or cut.ratio >= options.max_cut_ratio:
                settled.append(model)
                continue
            parts += [cut.side, cut.other]
            context.notice(
                f"{len(model.photos)} photos had been joined, but {cut.side[0]} … and {cut.other[0]} … "
                f"share {100 * cut.ratio:.1f}% of what photos of one place would: they are mapped apart"
            )
        if not parts:
            return settled
        if context.schedule.left_s < LEAST_MAPPING_S:
            context.notice("time limit: no time was left to map them apart")
            return list(models)
        waiting = map_parts(context, sides, parts, verified, "mapping (split)", settled)
    return settled + waiting


def _map(item: _Attempt) -> list[PosedScene]:
    return work.map_part(item.task)


def _attempts(
    context: Context, sides: Mapping[str, PhotoKeys], parts: Sequence[Sequence[str]], verified: VerifiedPairs
) -> list[_Attempt]:
    """List the first attempts: large parts first, shared cameras beside own ones where the option says so."""
    share = context.options.mapping.share_cameras
    attempts = []
    for part, names in enumerate(parts):
        task = _mapping_task(context, sides, verified, names)
        shared = mapping.with_shared_cameras(task.photos) if share != "never" else None
        if shared is not None:
            variant = dataclasses.replace(task, photos=shared)
            attempts.append(_Attempt(part, True, False, 0, variant, _key(variant)))
        if shared is None or share == "auto":
            attempts.append(_Attempt(part, False, shared is not None, 0, task, _key(task)))
    return attempts


def _next(item: _Attempt) -> _Attempt:
    task = dataclasses.replace(item.task, attempt=item.number + 1)
    return dataclasses.replace(item, number=item.number + 1, task=task, shard=_key(task))


def _unfailed(context: Context, item: _Attempt) -> _Attempt:
    """Skip the attempts that are known to fail: a resumed run must not wait for them again."""
    while item.number < MAPPING_ATTEMPTS and context.workspace.has("failures", _failure_key(context, item)):
        item = _next(item)
    return item


def _failure_key(context: Context, item: _Attempt) -> str:
    """A failure holds for one time limit: a longer one is worth another attempt."""
    return key("failures", item.shard, context.options.mapping.timeout_s)


def _key(task: MappingTask) -> str:
    """The key of a task's models: everything that the mapper sees, but not how long it may take."""
    member = mapping.load(task.mapping.backend)
    what = dataclasses.replace(
        task,
        max_runtime_s=math.inf,
        mapping=dataclasses.replace(task.mapping, timeout_s=0.0, share_cameras=""),
        scenes=ScenesOptions(min_photos=task.scenes.min_photos),
    )
    return key("models", what, member.name, member.version, library_versions())


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
            outcomes = context.pool.run(work.colours, in_time, timeout_s=limit_s)
            for photo, outcome in zip(scene.photos, outcomes, strict=not context.schedule.is_limited):
                stage.count(outcome)
                if outcome.error is None:
                    np.add.at(total, photo.point_index, outcome.result())
                    np.add.at(count, photo.point_index, 1)
            rgb = np.round(total / np.maximum(count, 1)[:, None]).astype(np.uint8)
            coloured.append(dataclasses.replace(scene, points_rgb=rgb))
    return coloured


def _mapping_task(
    context: Context, sides: Mapping[str, PhotoKeys], verified: VerifiedPairs, part: Sequence[str]
) -> MappingTask:
    """Collect what the mapper needs; only keypoints that some verified pair uses go along."""
    inside = set(part)
    geometries = list(
        load_geometries(context, {pair: spot for pair, spot in verified.where.items() if inside >= set(pair)})
    )
    geometries.sort(key=lambda geometry: geometry.pair)
    used: dict[str, list[Any]] = {name: [np.zeros(0, dtype=np.uint32)] for name in part}
    for geometry in geometries:
        for side, name in enumerate(geometry.pair):
            used[name].append(geometry.inlier_matches[:, side])
    kept = {name: np.unique(np.concatenate(indices)) for name, indices in used.items()}
    store = context.workspace.shard_root
    chosen = tuple(
        MappingPhoto(
            name,
            sides[name].photo.camera_group,
            sides[name].photo.camera,
            work.frame_keypoints(store, sides[name])[kept[name]],
        )
        for name in part
    )
    compact = tuple(
        dataclasses.replace(
            geometry,
            inlier_matches=np.stack(
                [
                    np.searchsorted(kept[name], geometry.inlier_matches[:, side])
                    for side, name in enumerate(geometry.pair)
                ],
                axis=1,
            ).astype(np.uint32),
        )
        for geometry in geometries
    )
    options = context.options
    return MappingTask(chosen, compact, options.mapping, options.scenes, options.verification, options.seed)
