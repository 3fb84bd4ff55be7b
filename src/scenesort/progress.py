"""What a run tells while it works, whoever listens: stages with counts, notices, and a report of each stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from scenesort.execution import Outcome, own_peak_memory_mb


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one stage did.

    `done` and `reused` count photos or pairs; `seconds` is wall-clock, `cpu_s` the workers' CPU time; `peak_memory_mb`
    is the largest worker's and `parent_memory_mb` the main process's peak resident memory so far, in MB (10^6 bytes).
    """

    name: str
    done: int
    reused: int
    seconds: float
    cpu_s: float
    peak_memory_mb: float
    parent_memory_mb: float


class Progress(Protocol):
    """Listens to a run. The base class is silent."""

    def collection(self, name: str) -> None:
        """One of several collections begins."""
        return

    def begin(self, stage: str, total: int) -> None:
        """A stage begins; `total` photos or pairs lie ahead."""
        return

    def advance(self, stage: str, count: int, reused: bool) -> None:
        """So many more are done, or were found done."""
        return

    def end(self, report: StageReport) -> None:
        """A stage is over."""
        return

    def notice(self, sentence: str) -> None:
        """Something the user should know."""
        return

    @contextmanager
    def stage(self, name: str, total: int, reports: list[StageReport]) -> Iterator[StageCounter]:
        """Count one stage, and add its report to `reports`."""
        counter = StageCounter(self, name)
        self.begin(name, total)
        started = time.monotonic()
        yield counter
        report = StageReport(
            name,
            counter.done,
            counter.reused,
            time.monotonic() - started,
            counter.cpu_s,
            counter.peak_memory_mb,
            own_peak_memory_mb(),
        )
        reports.append(report)
        self.end(report)


class Silent(Progress):
    """Tells nobody."""


@dataclass(slots=True)
class StageCounter:
    """The counts of a stage under way."""

    listener: Progress
    name: str
    done: int = 0
    reused: int = 0
    cpu_s: float = 0.0
    peak_memory_mb: float = 0.0

    def count(self, outcome: Outcome[Any, Any], amount: int = 1) -> None:
        """Count a finished job."""
        self.done += amount
        self.cpu_s += outcome.cpu_s
        self.peak_memory_mb = max(self.peak_memory_mb, outcome.peak_memory_mb)
        self.listener.advance(self.name, amount, reused=False)

    def skip(self, amount: int) -> None:
        """Count what an earlier run has left done."""
        if amount:
            self.reused += amount
            self.listener.advance(self.name, amount, reused=True)
