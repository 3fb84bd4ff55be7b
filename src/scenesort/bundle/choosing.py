"""The wheels of a bundle: those of a stopped call or of the bundle that is here, else downloaded."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from scenesort.bundle.own_wheel import make_wheel
from scenesort.bundle.packing import Notice, part_folders, require_room
from scenesort.bundle.pip import Progress
from scenesort.bundle.request import BundleRequest
from scenesort.bundle.standalone.contents import MANIFEST, BundleFault, digest_of, join, read_manifest
from scenesort.bundle.standalone.machine import wheel_version
from scenesort.bundle.wheels import (
    accelerator_warnings,
    base_constraints,
    constraint_lines,
    download_wheels,
    versions_without,
)
from scenesort.workspace import files

STATE = "state.json"
"""Which wheels a stopped call has left, with their hashes."""

_ROOM_BYTES = {"cpu": 1e9, "cuda": 8e9}
"""Asked for before wheels are downloaded: those of a CPU took 0.3 GB when this was written, CUDA's take up to 4."""


@dataclass(frozen=True, slots=True)
class ChosenWheels:
    """Wheels on this machine, scenesort's among them.

    `version` is scenesort's; `without` the packages that were left out, with their versions; `key` identifies what
    chose the wheels.
    """

    paths: tuple[Path, ...]
    version: str
    without: dict[str, str]
    key: str
    warnings: tuple[str, ...]


def choose_wheels(
    request: BundleRequest, out: Path, work: Path, *, progress: Progress | None, notice: Notice
) -> ChosenWheels:
    """Return the wheels in the working folder `work` of a bundle that is to be in `out`.

    pip is asked only if the same wasn't asked for before. Raises BundleError, OptionError.
    """
    own_folder, folder, scratch = work / "own", work / "wheels", work / "scratch"
    base = base_constraints(request.constraints)
    without = versions_without(request, base)
    files.remove(own_folder)
    notice("scenesort's own wheel")
    own = make_wheel(own_folder, scratch)
    constraints = constraint_lines(request, base, without)
    key = _key(request, constraints, own)
    warnings: list[str] = []
    if not _is_complete(work, key) and not _take_from_earlier(out, work, key, notice):
        needs_cuda = request.accelerator != "cpu" and "torch" not in without
        require_room(work, _ROOM_BYTES["cuda" if needs_cuda else "cpu"], "downloading wheels", out)
        notice(f"wheels for Python {request.python}, {request.platform}, {request.accelerator}")
        fresh = work / "fresh-wheels"
        files.remove(fresh)
        warnings = download_wheels(request, own, constraints, without, fresh, scratch=scratch, progress=progress)
        files.remove(folder)
        os.rename(fresh, folder)
    for path in folder.glob("*.whl"):
        # What pip chose stays; scenesort itself may have changed since.
        if wheel_version(path.name)[0] == "scenesort":
            path.unlink()
    shutil.copyfile(own, folder / own.name)
    _record(work, key)
    files.remove(scratch)
    paths = sorted(folder.glob("*.whl"))
    warnings += accelerator_warnings(request.accelerator, [path.name for path in paths])
    return ChosenWheels(tuple(paths), wheel_version(own.name)[1], without, key, tuple(warnings))


def _key(request: BundleRequest, constraints: list[str], own: Path) -> str:
    asked = (request.python, request.platform, request.accelerator, request.pins, request.index_url)
    places = (
        request.extra_index_urls,
        [sorted(path.name for path in place.glob("*.whl")) for place in request.wheel_folders],
    )
    return hashlib.sha256(repr((asked, places, constraints, _needs(own))).encode()).hexdigest()


def _needs(wheel: Path) -> list[str]:
    """Return what a wheel says that it needs."""
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        lines = opened.read(name).decode().partition("\n\n")[0].splitlines()
    return sorted(line for line in lines if line.startswith("Requires-"))


def _record(work: Path, key: str) -> None:
    wheels = {path.name: digest_of(path) for path in sorted((work / "wheels").glob("*.whl"))}
    files.write_bytes(work / STATE, json.dumps({"key": key, "wheels": wheels}, indent=1).encode(), sync=False)


def _is_complete(work: Path, key: str) -> bool:
    """Whether a stopped call has left all wheels, undamaged."""
    folder = work / "wheels"
    try:
        state = json.loads((work / STATE).read_text(encoding="utf-8"))
        wheels: dict[str, str] = state["wheels"]
    except (OSError, json.JSONDecodeError, KeyError):
        return False
    if state["key"] != key:
        return False
    here = {path.name for path in folder.glob("*.whl")}
    return here == set(wheels) and all(digest_of(folder / name) == digest for name, digest in wheels.items())


def _take_from_earlier(out: Path, work: Path, key: str, notice: Notice) -> bool:
    """Take the wheels out of the bundle that is here, if the same was asked for and they are undamaged."""
    folder, parts = work / "wheels", part_folders(out)
    if not parts:
        return False
    text = (parts[0] / MANIFEST).read_text(encoding="utf-8", errors="replace")
    if f'"wheels_key": "{key}"' not in text:
        return False
    files.remove(folder)
    try:
        for file in read_manifest(parts[0]).below("wheels"):
            join(file, parts, folder / Path(file.path).name)
    except (BundleFault, OSError):
        files.remove(folder)
        return False
    notice(f"the wheels of the bundle in {out} are used again")
    return True
