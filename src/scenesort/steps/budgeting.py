"""A run's limits of time and memory, split over its collections."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from scenesort import matching, planning
from scenesort.config import Options, with_values
from scenesort.errors import OptionError
from scenesort.members import needed_descriptors
from scenesort.photos import Survey
from scenesort.planning import Plan, Schedule
from scenesort.scenes import NONE

WRITING_SHARE = 0.03
"""How much of a time limit is kept for writing results down."""
LEAST_WRITING_S = 2.0
WRITING_S_PER_PHOTO = 0.02


class Clock:
    """Shares the time of a run among its collections; without a time limit it asks nothing of anybody."""

    def __init__(self, options: Options, sizes: Mapping[str, int], workers: int, started_s: float) -> None:
        """`sizes` are the numbers of photos of the collections, `started_s` the run's start by `time.monotonic`."""
        self._options, self._sizes, self._workers = options, sizes, workers
        self._learned = _learned(options)
        self._waiting = {
            name: sum(planning.predict(options, self._learned, size, workers).values()) for name, size in sizes.items()
        }
        limit_s = options.budget.time_limit_s
        writing_s = max(LEAST_WRITING_S, WRITING_SHARE * limit_s) + WRITING_S_PER_PHOTO * sum(sizes.values())
        self._end_s = started_s + max(0.5 * limit_s, limit_s - writing_s) if limit_s > 0 else None

    @property
    def order(self) -> list[str]:
        """The collections in the order of work; under a limit the cheap first, since each counts alike in a score."""
        return list(self._sizes) if self._end_s is None else sorted(self._sizes, key=lambda name: self._waiting[name])

    def begin(self, name: str) -> tuple[Plan, Schedule]:
        """Plan a collection that begins now, with its share of the time that is left."""
        size = self._sizes[name]
        if self._end_s is None:
            return Plan(self._options, (), {}), Schedule()
        now_s = time.monotonic()
        left_s = max(0.0, self._end_s - now_s)
        share_s = planning.share_time(self._waiting, left_s)[name]
        del self._waiting[name]
        plan = planning.plan_time(self._options, self._learned, size, share_s, self._workers)
        return plan, Schedule(now_s + share_s, plan.stage_s)


def describe(plan: Plan, schedule: Schedule) -> str:
    """A sentence on what a plan gives up; empty if nothing."""
    if not plan.given_up:
        return ""
    without = ", ".join(plan.given_up)
    return f"time limit: {schedule.left_s:.0f} s are left for this collection, so it goes without {without}"


def fit_memory(options: Options, workers: int, surveys: Iterable[Survey]) -> tuple[Options, int]:
    """Lower the number of workers, and the largest photo read, until the run should stay below its memory limit.

    Raises OptionError when not even one worker fits.
    """
    limit_mb = options.budget.memory_limit_mb
    if limit_mb <= 0:
        return options, workers
    seen = list(surveys)
    largest = max((item.largest_megapixels for item in seen), default=0.0)
    num_photos = max((len(item.names) for item in seen), default=0)
    has_learned = (
        any(_learned(options))
        or bool(options.second_look.matcher)
        or any(feature != "sift" for feature, _ in matching.parse_mix(options.matching.mix))
        or needed_descriptors(options, num_photos) not in ((), ("vlad",))
    )
    if not has_learned:
        # Its model alone would take more than everything else.
        options = with_values(options, {"scenes.likeness": NONE})
    plan = planning.plan_memory(limit_mb, workers, has_learned, largest, options.photos.max_megapixels, num_photos)
    if plan is None:
        least_mb = planning.least_memory_mb(has_learned, num_photos)
        raise OptionError(
            f"memory limit {limit_mb:.0f} MB: one worker for {num_photos} photos needs about {least_mb:.0f} MB; "
            "raise the limit, or take matching.mix=sift+nearest, which needs least"
        )
    return with_values(options, {"photos.max_megapixels": float(plan.max_megapixels)}), plan.workers


def _learned(options: Options) -> tuple[bool, ...]:
    """For each member of the mix, whether its matcher is learned."""
    return tuple(matching.load(matcher).learned for _, matcher in matching.parse_mix(options.matching.mix))
