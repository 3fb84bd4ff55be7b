"""Lists of files in repositories at one commit: digest, bytes (or `-`) and path on a line, below the commit's line."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from scenesort.sample_data.entries import DataFile

_HEAD = re.compile(r"# github\.com/(\S+) at ([0-9a-f]{40})")
_LINE = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) (\d+|-) (\S+)")


@cache
def repository(name: str) -> tuple[str, str, tuple[DataFile, ...]]:
    """Return the repository (`owner/name`), the commit and the files of the list `<name>.txt`."""
    first, *lines = files(__package__).joinpath(f"{name}.txt").read_text(encoding="utf-8").splitlines()
    head = _HEAD.fullmatch(first)
    matches = [_LINE.fullmatch(line) for line in lines]
    assert head, f"{name}.txt doesn't begin with its repository and commit"
    listed = []
    for match in matches:
        assert match, f"{name}.txt has a line of another form"
        digest, size, path = match.groups()
        url = f"https://raw.githubusercontent.com/{head[1]}/{head[2]}/{path}"
        listed.append(DataFile(path, url, None if size == "-" else int(size), digest))
    return head[1], head[2], tuple(listed)


def files_below(name: str, *folders: str) -> tuple[DataFile, ...]:
    """Return the listed files whose paths begin with one of `folders`, all of them when none is given."""
    return tuple(file for file in repository(name)[2] if not folders or file.path.startswith(folders))
