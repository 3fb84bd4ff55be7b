"""Whether a bundle fits this machine, and which packages that are here already it would clash with."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from .contents import BundleFault, Manifest

NOTABLE = ("torch", "numpy", "transformers", "torchvision", "pillow", "opencv-python-headless", "kornia")
"""Packages that other code of a notebook is likely to have imported: they are named first."""


@dataclass(frozen=True, slots=True)
class Change:
    """A package that is here in one version and comes in another."""

    name: str
    here: str
    bundled: str


def check_machine(manifest: Manifest) -> None:
    """Raise BundleFault when the bundle's wheels are for another Python or another kind of machine."""
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if running != manifest.python:
        raise BundleFault(f"this bundle is for Python {manifest.python}, and this is Python {running}")
    matched = re.fullmatch(r"manylinux_(\d+)_(\d+)_(\w+)", manifest.platform)
    if matched is None:
        raise BundleFault(f"this bundle is for '{manifest.platform}', which is not known here")
    if sys.platform != "linux" or platform.machine() != matched[3]:
        raise BundleFault(f"this bundle is for Linux on {matched[3]}, and this is {sys.platform} {platform.machine()}")
    needed = (int(matched[1]), int(matched[2]))
    found = _glibc_version()
    if found is None:
        raise BundleFault("this bundle needs glibc, the C library of most Linux systems, and this one has another")
    if found < needed:
        raise BundleFault(
            f"this bundle needs glibc {needed[0]}.{needed[1]}, and here is {found[0]}.{found[1]}: "
            f"make it with --platform manylinux_{found[0]}_{found[1]}_{matched[3]}"
        )


def _glibc_version() -> tuple[int, int] | None:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):
        return None
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return (int(numbers[1]), int(numbers[2])) if name == "glibc" and numbers else None


def plain_name(name: str) -> str:
    """Return a package's name as the package registry compares it: `Pillow_HEIF` is `pillow-heif`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wheel_version(file_name: str) -> tuple[str, str]:
    """Return name and version that a wheel's file name tells."""
    name, version, *_ = file_name.split("-")
    return plain_name(name), version


def installed_version(name: str) -> str | None:
    """Return the version of a package of this environment, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_without(manifest: Manifest) -> None:
    """Raise BundleFault when a package that was left out of the bundle isn't here either."""
    for name, version in manifest.without.items():
        if installed_version(name) is None:
            raise BundleFault(
                f"{name} was left out of this bundle (--without) and is not here: make the bundle with it, "
                f"or install {name} {version} first"
            )


def pip_command() -> list[str]:
    """Return how pip is started: this Python's. Raises BundleFault where it has none."""
    if installed_version("pip") is None:
        raise BundleFault(f"{sys.executable} has no pip: start install.py with a Python that has it")
    return [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def pip_environment() -> dict[str, str]:
    """Return an environment in which pip has no setting but those that it is given, and no network."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_ROOT_USER_ACTION": "ignore"}


def planned_changes(arguments: Sequence[str]) -> list[Change]:
    """Ask pip what it would replace: packages that are here in another version. Raises BundleFault."""
    command = [*pip_command(), "install", "--dry-run", "--quiet", "--report", "-", *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=pip_environment())
    if finished.returncode != 0:
        raise BundleFault(f"pip can't install this bundle here: {reason_of(finished.stderr)}")
    planned = [item["metadata"] for item in json.loads(finished.stdout)["install"]]
    return changes({item["name"]: item["version"] for item in planned})


def changes(bundled: Mapping[str, str]) -> list[Change]:
    """Return which of the packages (versions by name) are here in another version, the notable ones first."""
    found = []
    for name, version in bundled.items():
        here = installed_version(name)
        if here is not None and here != version:
            found.append(Change(plain_name(name), here, version))
    return sorted(found, key=lambda change: (change.name not in NOTABLE, change.name))


def reason_of(output: str) -> str:
    """Return what pip said in its own error lines, or else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return "; ".join(errors[:2]) or (lines[-1] if lines else "it said nothing")


def warn_of_replaced(found: Sequence[Change]) -> list[str]:
    """Return sentences about packages that an installation into the environment replaces."""
    sentences = [f"{change.name} {change.here} is here and would be replaced by {change.bundled}" for change in found]
    if found:
        sentences.append(
            "install before anything imports these (first cell of a notebook), restart the kernel if something has, "
            "or leave them as they are with: --target DIR"
        )
    return sentences


def wheels_in(folders: Sequence[Path]) -> list[Path]:
    """Return the wheels in folders, sorted by name."""
    return sorted((path for folder in folders for path in folder.glob("*.whl")), key=lambda path: path.name)
