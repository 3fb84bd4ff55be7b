"""What a fetch of weights shows while it downloads: a bar on a terminal, plain lines elsewhere. It goes to stderr."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Column

LINE_INTERVAL_S = 10.0
"""Least time between two plain lines about the same file."""


class Downloads:
    """Shows how far each file is; use it as a context manager, which leaves the console as it was found."""

    def __init__(self, console: Console | None = None, *, interval_s: float = LINE_INTERVAL_S) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._interval_s = interval_s
        self._said_s: dict[str, float] = {}
        self._tasks: dict[str, TaskID] = {}
        self._bars: Bars | None = None
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            name = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis"))
            size = TextColumn("{task.fields[size]}", table_column=Column(no_wrap=True, justify="right"))
            left = TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True))
            self._bars = Bars(name, BarColumn(bar_width=10), size, left, console=self._console)

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def notice(self, sentence: str) -> None:
        """Print a line above the bars."""
        self._console.print(sentence, markup=False, soft_wrap=True)

    def __call__(self, name: str, done: int, total: int | None) -> None:
        """Show that `done` of `total` bytes of a file are here."""
        if self._bars:
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=total, size="")
            self._bars.update(self._tasks[name], completed=done, total=total, size=_describe(done, total))
            return
        now_s = time.monotonic()
        if now_s - self._said_s.setdefault(name, now_s) >= self._interval_s:
            self._said_s[name] = now_s
            self.notice(f"{name}: {_describe(done, total)}")


def _describe(done: int, total: int | None) -> str:
    return f"{done / 1e6:,.1f} of {total / 1e6:,.1f} MB" if total else f"{done / 1e6:,.1f} MB"
