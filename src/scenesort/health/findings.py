"""What a check is asked and what it finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

State = Literal["ok", "warning", "problem"]

_ORDER: tuple[State, ...] = ("ok", "warning", "problem")

MARK = "scenesort doctor is at: "
"""What a check's output says of where it is, so that a crash can be placed."""


@dataclass(frozen=True, slots=True)
class Request:
    """What every check is told.

    `preset`: whose weights must be there, and what the self-test starts from. `folder`: where runs would be started.
    `with_paths`: paths may be named in what is found.
    """

    preset: str
    folder: Path
    with_paths: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    A `problem` keeps runs from working or from being right; a `warning` may. `remedy` says what to do about either.
    `check`: the name of the check, such as `disk`. `is_brief`: when it is ok, `text` is a few words that stand in one
    line with others. `values`: the same in numbers and names, for programs; units are in their names.
    """

    check: str
    state: State
    text: str
    remedy: str = ""
    is_brief: bool = False
    values: dict[str, float | str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Return the finding as JSON values."""
        return {
            "check": self.check,
            "state": self.state,
            "text": self.text,
            "remedy": self.remedy,
            "values": dict(self.values),
        }


def worst(findings: Iterable[Finding]) -> State:
    """Return the worst state of all, `ok` when there is none."""
    return max((finding.state for finding in findings), key=_ORDER.index, default="ok")


def mark(place: str) -> None:
    """Say where a check is, in the output that is kept of a child process."""
    print(f"{MARK}{place}", flush=True)


def last_mark(log: str) -> str:
    """Return the last place that a check's output names, empty when it names none."""
    places = [line.removeprefix(MARK) for line in log.splitlines() if line.startswith(MARK)]
    return places[-1] if places else ""
