"""Versions of what shapes results: part of every artefact's key and of summary.json."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

SHAPING = ("scenesort", "torch", "kornia", "pycolmap", "numpy", "opencv-python-headless", "pillow", "pillow-heif")


@cache
def library_versions() -> dict[str, str]:
    """Return the versions of scenesort and of the libraries whose numbers end up in results."""
    found = {}
    for package in SHAPING:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found
