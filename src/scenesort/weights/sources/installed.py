"""Files that an installed package ships; the package is found, and never imported."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from scenesort.weights.entries import WeightsEntry, WheelSource


def installed_files(entry: WeightsEntry) -> dict[str, Path] | None:
    """Return the model's files in an installed package by name, or None when no package ships all of them."""
    for source in entry.sources:
        if isinstance(source, WheelSource):
            found = {name: path for name, member in source.members if (path := _installed(member)) is not None}
            if all(file.name in found for file in entry.required()):
                return found
    return None


def _installed(member: str) -> Path | None:
    package, _, inner = member.partition("/")
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / inner
        if path.is_file():
            return path
    return None
