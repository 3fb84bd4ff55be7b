"""What the steps share: the context they work in, and how artefacts are made and loaded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

from scenesort import artefacts
from scenesort.config import Options
from scenesort.errors import ArtefactLostError, PhotoError, ScenesortError, WorkerError
from scenesort.execution import WorkerPool
from scenesort.planning import Schedule
from scenesort.progress import Progress, StageReport
from scenesort.retrieval import RowArray
from scenesort.types import Pair, PosedScene, TwoViewGeometry
from scenesort.weights import fingerprint
from scenesort.workspace import Workspace

Job = TypeVar("Job")
Value = TypeVar("Value")


@dataclass(slots=True)
class Context:
    """What every step needs: where work is kept, who does it, what was chosen, how long it may take, who watches.

    `on_models` is told the models found so far whenever there are new ones.
    """

    workspace: Workspace
    pool: WorkerPool
    options: Options
    device: str
    progress: Progress
    schedule: Schedule = field(default_factory=Schedule)
    on_models: Callable[[Sequence[PosedScene]], None] = lambda models: None
    notices: list[str] = field(default_factory=list)
    stages: list[StageReport] = field(default_factory=list)

    def notice(self, sentence: str) -> None:
        """Tell the user something, once."""
        if sentence not in self.notices:
            self.notices.append(sentence)
            self.workspace.log(sentence)
            self.progress.notice(sentence)


@dataclass(frozen=True, slots=True)
class Unmade(Generic[Job]):
    """The jobs of a step whose artefacts were not made: those that failed, with the reason, and those without time."""

    failed: list[tuple[Job, ScenesortError]]
    late: list[Job]


@dataclass(frozen=True, slots=True)
class MatchedPairs:
    """Where the matches of one mix member lie: pair → (shard key, row in the shard)."""

    slot: int
    where: dict[Pair, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class VerifiedPairs:
    """The verified view graph, and where each pair's geometry lies: pair → (shard key, row in the shard)."""

    inliers: dict[Pair, int]
    where: dict[Pair, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class FoundGroups:
    """Groups of the photos in the order of their sorted names.

    `labels`: (n,) int64, -1 for photos in no group. `is_gate`: only pairs within a group are matched; otherwise they
    come first.
    """

    labels: RowArray
    is_gate: bool

    @property
    def sizes(self) -> RowArray:
        """Photos in the group of each photo, (n,); 0 for those in none."""
        counts = np.bincount(self.labels[self.labels >= 0], minlength=1)
        sizes: RowArray = np.where(self.labels >= 0, counts[np.maximum(self.labels, 0)], 0)
        return sizes


def make(
    context: Context,
    stage_name: str,
    kind: str,
    jobs: Sequence[tuple[str, Job]],
    function: Callable[[Job], Value],
    pack: Callable[[Value], tuple[artefacts.Arrays, artefacts.Meta]],
    weight: Callable[[Job], int] = lambda job: 1,
    pool: WorkerPool | None = None,
) -> Unmade[Job]:
    """Make the artefacts that aren't there yet, first jobs first, and return the jobs that failed or came too late.

    `pool` does the work in place of the context's. Errors that aren't the job's own (missing weights, a wrong option)
    are raised.
    """
    workspace = context.workspace
    failed: list[tuple[Job, ScenesortError]] = []
    with context.progress.stage(stage_name, sum(weight(job) for _, job in jobs), context.stages) as stage:
        todo = [(shard, job) for shard, job in jobs if not workspace.has(kind, shard)]
        stage.skip(sum(weight(job) for _, job in jobs) - sum(weight(job) for _, job in todo))
        shard_of = {id(job): shard for shard, job in todo}
        limit_s = context.options.execution.task_timeout_s
        schedule = context.schedule
        in_time = InTime((job for _, job in todo), schedule.until_s(stage_name))
        killed_s = schedule.killed_s(stage_name)
        late = []
        pool = pool or context.pool
        window = pool.workers if schedule.is_limited else None
        outcomes = pool.run(function, in_time, timeout_s=limit_s, until_s=killed_s, ordered=False, window=window)
        for outcome in outcomes:
            stage.count(outcome, weight(outcome.task))
            if isinstance(outcome.error, WorkerError) and time.monotonic() >= killed_s:
                late.append(outcome.task)
            elif isinstance(outcome.error, WorkerError | PhotoError):
                workspace.log(outcome.log)
                failed.append((outcome.task, outcome.error))
            else:
                workspace.save_arrays(kind, shard_of[id(outcome.task)], *pack(outcome.result()))
    if len(failed) == len(jobs) > 2:
        # Nothing at all worked: that is no bad photo or pair, and an empty result would hide it.
        raise failed[0][1]
    late += [job for _, job in todo[in_time.num_taken :]]
    if not late and len(todo) == len(jobs):
        context.schedule.finished(stage_name, context.stages[-1].seconds)
    return Unmade(failed, late)


class InTime(Generic[Job]):
    """Yields jobs until it is `until_s` on the clock of `time.monotonic`, and counts them."""

    def __init__(self, jobs: Iterable[Job], until_s: float) -> None:
        self._jobs, self._until_s = jobs, until_s
        self.num_taken = 0

    def __iter__(self) -> Iterator[Job]:
        for job in self._jobs:
            if time.monotonic() >= self._until_s:
                return
            self.num_taken += 1
            yield job


def loaded(
    context: Context, kind: str, shard: str, names: Sequence[str] | None = None
) -> tuple[artefacts.Arrays, artefacts.Meta]:
    """Load an artefact that an earlier step made; raises ArtefactLostError when it is damaged or gone."""
    found = context.workspace.load_arrays(kind, shard, names)
    if found is None:
        raise ArtefactLostError(
            f"an artefact was damaged or removed ({kind} {shard[:12]}…); run the same command again"
        )
    return found


def load_geometries(context: Context, where: Mapping[Pair, tuple[str, int]]) -> Iterator[TwoViewGeometry]:
    """Yield verified pairs, reading each shard once; `where` as in VerifiedPairs."""
    by_shard: dict[str, list[tuple[Pair, int]]] = {}
    for pair, (shard, row) in where.items():
        by_shard.setdefault(shard, []).append((pair, row))
    for shard, spots in by_shard.items():
        arrays, meta = loaded(context, "geometries", shard)
        for pair, row in spots:
            yield artefacts.unpack_geometry(arrays, meta, row, pair)


def identity(member: Any) -> tuple[str, str, list[str]]:
    """What a member's output depends on besides its options: its name, version and weights."""
    return member.name, member.version, [fingerprint(name) for name in member.weights]
