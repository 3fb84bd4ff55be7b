"""Platform tags of wheels for Linux: which older ones a target takes, too (PEP 600)."""

from __future__ import annotations

import platform
import re
import sys

from scenesort.errors import OptionError

_ALIASES = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
"""Names that were in use before PEP 600, and the version of glibc that they mean."""

_OLDEST_MINOR = {"x86_64": 5, "i686": 5}
"""Oldest glibc 2.x that any wheel was built for; other machines began with 2.17."""


def parse_platform(text: str) -> tuple[int, str]:
    """Return (minor version of glibc 2, machine) of a tag such as `manylinux_2_28_x86_64` or `manylinux2014_aarch64`.

    Raises OptionError.
    """
    if matched := re.fullmatch(r"manylinux_2_(\d+)_([a-z0-9_]+)", text):
        return int(matched[1]), matched[2]
    for alias, (_, minor) in _ALIASES.items():
        if text.startswith(f"{alias}_"):
            return minor, text.removeprefix(f"{alias}_")
    raise OptionError(f"--platform {text}: give a Linux tag such as manylinux_2_28_x86_64 or manylinux2014_aarch64")


def normal_platform(text: str) -> str:
    """Return a platform in the form of PEP 600. Raises OptionError."""
    minor, machine = parse_platform(text)
    return f"manylinux_2_{minor}_{machine}"


def accepted_platforms(text: str) -> list[str]:
    """Return the tags that a target accepts, newest first: a system runs wheels built for an older glibc.

    Raises OptionError.
    """
    newest, machine = parse_platform(text)
    oldest = min(newest, _OLDEST_MINOR.get(machine, 17))
    names = {minor: alias for alias, (_, minor) in _ALIASES.items()}
    tags = []
    for minor in range(newest, oldest - 1, -1):
        tags.append(f"manylinux_2_{minor}_{machine}")
        if minor in names:
            tags.append(f"{names[minor]}_{machine}")
    return tags


def differs_from_here(text: str) -> bool:
    """Whether the target is another kind of machine than this one, so that pip's choice by system may be wrong."""
    return sys.platform != "linux" or parse_platform(text)[1] != platform.machine()
