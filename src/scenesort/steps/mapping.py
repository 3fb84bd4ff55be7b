"""Steps from the verified view graph to posed models."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scenesort import artefacts, mapping, work
from scenesort.execution import WorkerPool
from scenesort.mapping import MappingTask
from scenesort.progress import StageCounter
from scenesort.steps.common import Context, VerifiedPairs, loaded
from scenesort.steps.found_models import Attempt, FoundModels
from scenesort.steps.mapping_pool import mapping_pool
from scenesort.steps.mapping_tasks import mapping_photo, mapping_task, task_key
from scenesort.types import Photo, PosedScene
from scenesort.work import PhotoKeys
from scenesort.workspace import key

MAPPING_SHARE = 0.7
"""How much of the time left the mapper may take; the rest is for its last steps and for writing down."""
LEAST_MAPPING_S = 3.0
"""With less time than this left, no part is begun."""


@dataclass(frozen=True, slots=True)
class _Job:
    """An attempt that is to be made; `shard` is the key of its models, `photos` go to members that see pixels."""

    attempt: Attempt
    task: MappingTask
    shard: str
    photos: tuple[Photo, ...]
    device: str


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
    attempts = _attempts(context, sides, parts)
    if schedule.is_limited:
        attempts.sort(key=lambda attempt: attempt.is_second)
    found = FoundModels(len(parts))
    tries = [_tries(context, len(part)) for part in parts]
    with mapping_pool(context, parts) as pool:
        for name in (stage_name, f"{stage_name} (again)"):
            num_photos = sum(len(parts[item.part]) for item in attempts)
            with context.progress.stage(name, num_photos, context.stages) as stage:
                while attempts:
                    jobs = _Jobs(context, sides, parts, verified, attempts, found, stage)
                    attempts = _made(context, pool, jobs, found, stage, others)
                    late = {item.part for item in jobs.late if not item.is_second}
                    if late:
                        num_photos = sum(len(parts[part]) for part in late)
                        context.notice(f"time limit: {stage_name} left out {len(late)} parts with {num_photos} photos")
            # Only now: whether cameras are shared is settled by the first try of a part.
            attempts = found.further(tries)
            if not attempts:
                break
    return found.chosen()


class _Jobs:
    """What is left to do of some attempts, one job after the other, so that few parts' keypoints are in memory.

    Models that an earlier run left are taken on the way; `late` are the attempts that no time is left for.
    """

    def __init__(
        self,
        context: Context,
        sides: Mapping[str, PhotoKeys],
        parts: Sequence[Sequence[str]],
        verified: VerifiedPairs,
        attempts: Sequence[Attempt],
        found: FoundModels,
        stage: StageCounter,
    ) -> None:
        self._context, self._sides, self._parts, self._verified = context, sides, parts, verified
        self._attempts, self._found, self._stage = attempts, found, stage
        self.late: list[Attempt] = []

    def __iter__(self) -> Iterator[_Job]:
        workspace = self._context.workspace
        for attempt in self._attempts:
            job = self._unfailed(attempt)
            if job is None:
                self._found.fail(attempt)
                self._stage.skip(len(self._parts[attempt.part]))
            elif workspace.has("models", job.shard):
                arrays, meta = loaded(self._context, "models", job.shard)
                for sentence in meta["notices"]:
                    self._context.notice(sentence)
                self._found.add(job.attempt, artefacts.unpack_scenes(arrays, meta), meta["health"])
                self._stage.skip(len(job.task.photos))
            elif self._context.schedule.left_s < LEAST_MAPPING_S:
                self.late.append(attempt)
            else:
                yield self._limited(job)

    def _unfailed(self, attempt: Attempt) -> _Job | None:
        """Skip the attempts that are known to fail: a resumed run must not wait for them again."""
        part = self._parts[attempt.part]
        task = mapping_task(self._context, self._sides, self._verified, part)
        photos = tuple(self._sides[name].photo for name in part)
        sees_pixels = bool(mapping.used_pose_models(task.mapping))
        if attempt.is_shared:
            task = dataclasses.replace(task, photos=mapping.with_shared_cameras(task.photos) or task.photos)
        task = dataclasses.replace(task, trial=attempt.trial)
        for number in range(attempt.number, attempt.most):
            task = dataclasses.replace(task, attempt=number)
            shard = task_key(task, photos)
            if not self._context.workspace.has("failures", _failure_key(self._context, shard)):
                attempt = dataclasses.replace(attempt, number=number)
                return _Job(attempt, task, shard, photos if sees_pixels else (), self._context.device)
        return None

    def _limited(self, job: _Job) -> _Job:
        """The job with the time that is left for it, of which some is kept to write the models down."""
        schedule = self._context.schedule
        if not schedule.is_limited:
            return job
        # Whole seconds, as COLMAP has them: what took longer was cut short.
        max_runtime_s = max(1, math.floor(MAPPING_SHARE * schedule.left_s))
        return dataclasses.replace(job, task=dataclasses.replace(job.task, max_runtime_s=max_runtime_s))


def _made(
    context: Context,
    pool: WorkerPool,
    jobs: _Jobs,
    found: FoundModels,
    stage: StageCounter,
    others: Sequence[PosedScene],
) -> list[Attempt]:
    """Make attempts, and return those that failed and are worth another."""
    again: list[Attempt] = []
    for outcome in pool.run(
        _map,
        jobs,
        timeout_s=context.options.mapping.timeout_s,
        until_s=context.schedule.end_s,
        ordered=False,
        window=pool.workers,
    ):
        job, attempt = outcome.task, outcome.task.attempt
        num_photos = len(job.task.photos)
        if outcome.error is None:
            part = outcome.result()
            arrays, meta = artefacts.pack_scenes(part.models)
            packed = arrays, {**meta, "notices": list(part.notices), "health": part.health}
            # What a time limit cut short is no artefact: a later run may have more time.
            if outcome.seconds < job.task.max_runtime_s:
                context.workspace.save_arrays("models", job.shard, *packed)
            found.add(attempt, artefacts.unpack_scenes(*packed), part.health)
            for sentence in part.notices:
                context.notice(sentence)
            stage.count(outcome, num_photos)
            context.on_models([*others, *found.chosen()])
            continue
        found.fail(attempt)
        is_last = attempt.number + 1 >= attempt.most or context.schedule.is_limited
        stage.count(outcome, num_photos if is_last else 0)
        lost = "the models of other tries are kept" if attempt.trial else "they get no poses from it"
        then = lost if is_last else "trying once more with safer options"
        first = job.task.photos[0].name
        context.notice(f"mapping {num_photos} photos ({first} …) failed: {outcome.error}; {then}")
        context.workspace.log(outcome.log)
        if not context.schedule.is_limited:
            error = {"error": str(outcome.error)}
            context.workspace.save_arrays("failures", _failure_key(context, job.shard), {}, error)
        if not is_last:
            again.append(dataclasses.replace(attempt, number=attempt.number + 1))
    return again


def _attempts(context: Context, sides: Mapping[str, PhotoKeys], parts: Sequence[Sequence[str]]) -> list[Attempt]:
    """List the first attempts: large parts first, shared cameras beside own ones where the option says so."""
    share = context.options.mapping.share_cameras
    if share == "auto" and mapping.is_pose_model(context.options.mapping.backend):
        # A model's answer doesn't depend on it, and refinement has an option of its own for cameras.
        share = "always"
    attempts = []
    for part, names in enumerate(parts):
        photos = [mapping_photo(sides[name].photo, np.zeros((0, 2))) for name in names]
        is_shared = share != "never" and mapping.with_shared_cameras(photos) is not None
        if is_shared:
            attempts.append(Attempt(part, is_shared=True, is_second=False))
        if not is_shared or share == "auto":
            attempts.append(Attempt(part, is_shared=False, is_second=is_shared))
    return attempts


def _tries(context: Context, num_photos: int) -> int:
    """How often a part is mapped: once with a time limit, and with pose models, whose answer is the same each time."""
    options = context.options.mapping
    is_once = context.schedule.is_limited or mapping.used_pose_models(options) or num_photos > options.tries_photos
    return 1 if is_once else options.tries


def _map(job: _Job) -> work.MappedPart:
    return work.map_part(work.MapJob(job.task, job.photos, job.device))


def _failure_key(context: Context, shard: str) -> str:
    """A failure holds for one time limit: a longer one is worth another attempt."""
    return key("failures", shard, context.options.mapping.timeout_s)
