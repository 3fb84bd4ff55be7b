"""Members of every family are found by name through entry points, ours and other packages' alike."""

from __future__ import annotations

import difflib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from scenesort.errors import MissingDependencyError, OptionError


@cache
def _members(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}


def member_names(group: str) -> list[str]:
    """Return the sorted names of all installed members of a family, `scenesort.features` for example."""
    return sorted(_members(group))


def did_you_mean(word: str, known: list[str]) -> str:
    """Return `" (did you mean 'xfeat'?)"` for the nearest known word, or an empty string."""
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def load_member(group: str, name: str) -> Any:
    """Import and return the member `name` of a family.

    Raises OptionError for an unknown name, MissingDependencyError when the member's own import fails.
    """
    known = _members(group)
    if name not in known:
        family = group.rpartition(".")[2]
        names = ", ".join(sorted(known))
        raise OptionError(f"no {family} member '{name}'{did_you_mean(name, list(known))}; installed: {names}")
    try:
        return known[name].load()
    except ImportError as error:
        raise MissingDependencyError(
            f"'{name}' needs a package that can't be imported: {error}; install it with pip and run again"
        ) from error
