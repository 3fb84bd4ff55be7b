"""A bundle's folder: what is in it, whether something else is, its archives, room on its disk."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from scenesort.bundle.standalone.contents import MANIFEST, UNLISTED, BundleFault, extra_files, read_manifest
from scenesort.errors import BundleError

ARCHIVE = "scenesort-bundle"
SPARE_BYTES = 100e6
"""What must stay free on the disk."""

Notice = Callable[[str], None]

_EPOCH = (1980, 1, 1, 0, 0, 0)


def part_folders(out: Path) -> list[Path]:
    """Return the folders of a bundle's parts, in order; none where `out` has no bundle that lies in folders."""
    if (out / MANIFEST).is_file():
        return [out]
    found = [path.parent for path in out.glob(f"part-*/{MANIFEST}")]
    return sorted(found, key=lambda folder: (len(folder.name), folder.name))


def archives(out: Path) -> list[Path]:
    """Return the archives of a bundle's parts, in order."""
    found = [*out.glob(f"{ARCHIVE}*.zip"), *out.glob(f"part-*/{ARCHIVE}*.zip")]
    return sorted(found, key=lambda path: (len(path.name), path.name))


def check_place(out: Path) -> None:
    """Raise BundleError when a folder that a bundle is to take the place of holds anything else."""
    if out.is_symlink() or out.is_file():
        raise BundleError(f"{out} is a file or a link: name a new or empty folder")
    if not out.is_dir() or not any(out.iterdir()):
        return
    parts = part_folders(out)
    if not parts and not archives(out):
        raise BundleError(f"{out} holds something other than a bundle: name a new or empty folder")
    try:
        foreign = [f"{part}/{name}" for part in parts for name in extra_files(read_manifest(part), part)]
    except BundleFault as fault:
        raise BundleError(f"{fault}; or remove {out} and start again") from fault
    known = {*parts, *archives(out), *(path.parent for path in archives(out)), *(out / name for name in UNLISTED)}
    if out not in parts:
        foreign += [str(path) for path in out.iterdir() if path not in known]
    if foreign:
        raise BundleError(f"{out} has files that are not the bundle's, such as {foreign[0]}: move them away first")


def pack(folder: Path, archive: Path) -> None:
    """Move all files of a part's folder into a new zip file in it, as they are: most of them are compressed already."""
    names = sorted(path for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(archive, "x", zipfile.ZIP_STORED) as opened:
        for path in names:
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            info.external_attr = 0o644 << 16
            info.file_size = path.stat().st_size
            with path.open("rb") as source, opened.open(info, "w", force_zip64=info.file_size > 2**31) as target:
                shutil.copyfileobj(source, target, 1 << 20)
            path.unlink()
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        path.rmdir()


def require_room(place: Path, size_bytes: float, what: str, out: Path) -> None:
    """Raise BundleError when a disk hasn't so much room."""
    free = shutil.disk_usage(place).free
    if free < size_bytes + SPARE_BYTES:
        raise BundleError(
            f"{what} needs {(size_bytes + SPARE_BYTES) / 1e6:,.0f} MB on the disk of {out.parent}, where "
            f"{free / 1e6:,.0f} MB are free: free some space, or choose another place with -o"
        )
