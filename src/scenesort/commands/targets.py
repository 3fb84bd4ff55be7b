"""Files that a command is to write: never a folder, never what it reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from scenesort.errors import OptionError


def check_target(option: str, target: Path | None, inputs: Iterable[Path]) -> None:
    """Raise `OptionError` where the file that an option names is a folder, or one of the inputs by whatever name.

    Inputs may be files, run folders (whose submission is meant), or absent.
    """
    from scenesort.pose_files.finding import find_table

    if target is None:
        return
    if target.is_dir():
        raise OptionError(f"{option} {target}: that is a folder; give a file")
    for path in inputs:
        source = path if path.is_file() else find_table(path) if path.is_dir() else None
        if source is not None and target.exists() and target.samefile(source):
            raise OptionError(f"{option} {target}: that is {source} itself, which is kept as it is; give another file")
