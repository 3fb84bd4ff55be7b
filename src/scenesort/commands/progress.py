"""What a run shows while it works: bars on a terminal, plain lines elsewhere, nothing when quiet. It goes to stderr."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from scenesort.progress import Progress, StageReport

LINE_INTERVAL_S = 10.0
"""Least time between two plain lines about the same stage."""


class Listener(Progress, ABC):
    """A Progress that shows itself on a console, and lets go of it when it is left as a context manager."""

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        self.console = console
        self.verbose = verbose

    @staticmethod
    def chosen(*, quiet: bool, verbose: bool) -> Listener:
        """Return the listener that suits stderr and the options."""
        console = Console(stderr=True, highlight=False)
        if quiet:
            return Quiet(console)
        if console.is_terminal and not console.is_dumb_terminal:
            return BarsListener(console, verbose=verbose)
        return Lines(console, verbose=verbose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Leave the console as it was found."""

    def say(self, line: str) -> None:
        """Print one line as it is."""
        self.console.print(line, markup=False, soft_wrap=True)

    def collection(self, name: str) -> None:
        """Name the collection whose stages follow."""
        self.say(f"collection {name}")

    def notice(self, sentence: str) -> None:
        """Print something that the user should know."""
        self.say(f"note: {sentence}")


class Quiet(Listener):
    """Shows nothing; what is noticed is in run.log and summary.json."""

    def say(self, line: str) -> None:
        """Print nothing."""

    def close(self) -> None:
        """Nothing is open."""


class Lines(Listener):
    """Plain lines for logs and pipes: when a stage begins and ends, and every ten seconds at most between."""

    def __init__(self, console: Console, *, verbose: bool = False, interval_s: float = LINE_INTERVAL_S) -> None:
        super().__init__(console, verbose=verbose)
        self._interval_s = interval_s
        self._total = self._done = self._fresh = 0
        self._began_s = self._said_s = 0.0

    def begin(self, stage: str, total: int) -> None:
        """Tell that a stage begins."""
        self._total, self._done, self._fresh = total, 0, 0
        self._began_s = self._said_s = time.monotonic()
        if total:
            self.say(f"{stage}: {total} to do")

    def advance(self, stage: str, count: int, reused: bool) -> None:
        """Tell how far a stage is, unless that was told a moment ago."""
        self._done += count
        self._fresh += 0 if reused else count
        now_s = time.monotonic()
        if now_s - self._said_s >= self._interval_s and self._done < self._total:
            self._said_s = now_s
            pace = describe_pace(self._fresh, self._total - self._done, now_s - self._began_s)
            self.say(f"{stage}: {self._done}/{self._total}{pace and f', {pace}'}")

    def end(self, report: StageReport) -> None:
        """Tell what a stage did."""
        if self._total:
            self.say(describe_stage(report, self.verbose))

    def close(self) -> None:
        """Nothing is open."""


class BarsListener(Listener):
    """A bar a stage with rate and time left; a finished stage leaves a line."""

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        super().__init__(console, verbose=verbose)
        self._bars: Bars | None = None
        self._task = TaskID(0)

    def begin(self, stage: str, total: int) -> None:
        """Open the stage's bar."""
        self.close()
        if not total:
            return
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            PaceColumn(),
            console=self.console,
            transient=True,
            expand=True,
        )
        self._task = self._bars.add_task(f"{stage:<18}", total=total, fresh=0)
        self._bars.start()

    def advance(self, stage: str, count: int, reused: bool) -> None:
        """Move the bar."""
        if self._bars is not None:
            fresh = self._bars.tasks[0].fields["fresh"] + (0 if reused else count)
            self._bars.update(self._task, advance=count, fresh=fresh)

    def end(self, report: StageReport) -> None:
        """Put a line in the place of the bar."""
        if self._bars is not None:
            self.close()
            self.say(describe_stage(report, self.verbose))

    def close(self) -> None:
        """Take the bar away."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


class PaceColumn(ProgressColumn):
    """Rate and time left; what an earlier run had done counts for neither."""

    def render(self, task: Task) -> Text:
        """Return the text for a bar."""
        remaining = max(0, round((task.total or 0) - task.completed))
        return Text(describe_pace(task.fields["fresh"], remaining, task.elapsed or 0.0))


def describe_pace(fresh: int, remaining: int, seconds: float) -> str:
    """Return `3.2/s, 1:05 left`, or an empty string while nothing is known."""
    if not fresh or seconds <= 0:
        return ""
    rate = fresh / seconds
    pace = f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
    return f"{pace}, {describe_time(remaining / rate)} left"


def describe_time(seconds: float) -> str:
    """Return `0:07`, `12:30` or `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def describe_stage(report: StageReport, verbose: bool) -> str:
    """Return a finished stage in a line."""
    line = f"{report.name:<18} {report.done + report.reused} done in {report.seconds:.1f} s"
    if report.reused:
        line += f" ({report.reused} reused)"
    if verbose:
        memory = f"{report.peak_memory_mb:.0f} MB a worker, {report.parent_memory_mb:.0f} MB the main process"
        line += f"; CPU {report.cpu_s:.1f} s, peak {memory}"
    return line
