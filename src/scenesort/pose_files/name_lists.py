"""Lists of photos for formats that name none: one photo a line, or TUM's `timestamp path`, as in its rgb.txt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scenesort.errors import EvaluationError
from scenesort.pose_files.base import PoseSource, data_lines, parse_number


@dataclass(frozen=True, slots=True)
class NameList:
    """Photos in the file's order, with their line numbers, and their timestamps in seconds where it gives them."""

    image: tuple[str, ...]
    number: tuple[int, ...]
    timestamp_s: tuple[float, ...] = ()

    @property
    def by_timestamp(self) -> bool:
        """Whether each line begins with a timestamp."""
        return bool(self.timestamp_s)


def read_names(path: Path) -> NameList:
    """Read a list of photos; where every line is a number and more, the numbers are timestamps.

    Lines that are blank or begin with '#' are skipped. Raises `EvaluationError` where it can't be read, is empty, or
    gives a timestamp twice.
    """
    lines = data_lines(PoseSource(path))
    if not lines:
        raise EvaluationError(f"{path}: no names in it. Give one photo a line.")
    numbers = tuple(number for number, _ in lines)
    pairs = [text.split(maxsplit=1) for _, text in lines]
    stamps = [parse_number(pair[0]) if len(pair) == 2 else None for pair in pairs]
    timestamps = tuple(stamp for stamp in stamps if stamp is not None)
    if len(timestamps) < len(lines):
        return NameList(tuple(text for _, text in lines), numbers)
    first: dict[float, int] = {}
    for number, stamp in zip(numbers, timestamps, strict=True):
        if stamp in first:
            raise EvaluationError(f"{path}, line {number}: the timestamp of line {first[stamp]} again. Delete one.")
        first[stamp] = number
    return NameList(tuple(pair[1] for pair in pairs), numbers, timestamps)
