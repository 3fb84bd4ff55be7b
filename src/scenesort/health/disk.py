"""Room on the disks that a run writes to."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from scenesort.health.findings import Finding, Request

_SCARCE_GB = 5.0
_TOO_LITTLE_GB = 0.5
"""A run of 100 photos keeps about 0.3 GB of work."""

_REMEDY = "make room there, or choose another folder"


def check_disk(request: Request) -> list[Finding]:
    """Free space at the working folder, at the folder for temporary files and where weights are fetched to."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return [Finding("disk", "problem", "the working folder was deleted", "change to a folder that is there")]
    places = {"working folder": (request.folder, "-o"), "temp folder": (_temp_folder(), "TMPDIR")}
    # The room of weights needs numpy: this must work without, and another check tells of it.
    with contextlib.suppress(ImportError):
        from scenesort.weights.folders import folders

        places["weights folder"] = (folders()[0], "SCENESORT_WEIGHTS")
    return [judge_folder(name, path, chosen_by, request.with_paths) for name, (path, chosen_by) in places.items()]


def judge_folder(name: str, folder: Path | None, chosen_by: str, with_paths: bool) -> Finding:
    """Tell how much room there is at a folder, or at that above it which exists, and whether it can be written to.

    `chosen_by`: the option or variable that names another folder.
    """
    if folder is None:
        return Finding("disk", "problem", f"{name}: none can be written to", f"set {chosen_by} to one with room")
    folder = folder.absolute()
    here = next(place for place in (folder, *folder.parents) if place.exists())
    where = f" ({folder})" if with_paths else ""
    remedy = f"{_REMEDY} with {chosen_by}"
    free_gb = shutil.disk_usage(here).free / 1e9
    values: dict[str, float | str] = {"folder": name, "free_gb": round(free_gb, 2)}
    if not os.access(here, os.W_OK):
        return Finding("disk", "warning", f"{name}{where}: it can't be written to", remedy, values=values)
    text = f"{name}{where} {free_gb:.1f} GB free"
    if free_gb < _TOO_LITTLE_GB:
        return Finding("disk", "problem", f"{text}: too little", remedy, values=values)
    entries = os.statvfs(here)
    if entries.f_files and not entries.f_favail:
        return Finding("disk", "problem", f"{text}, but no room for more files", remedy, values=values)
    if free_gb < _SCARCE_GB:
        return Finding("disk", "warning", f"{text}: little", remedy, values=values)
    return Finding("disk", "ok", text, is_brief=True, values=values)


def _temp_folder() -> Path | None:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return None
