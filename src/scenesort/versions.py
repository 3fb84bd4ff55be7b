"""Versions of what shapes results: part of every artefact's key and of summary.json."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

SHAPING = ("scenesort", "torch", "kornia", "pycolmap", "numpy", "opencv-python-headless", "pillow", "pillow-heif")


def package_version(package: str) -> str:
    """Return the installed version of a package, `absent` where there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


@cache
def library_versions() -> dict[str, str]:
    """Return the versions of scenesort and of the libraries whose numbers end up in results."""
    return {package: package_version(package) for package in SHAPING}
