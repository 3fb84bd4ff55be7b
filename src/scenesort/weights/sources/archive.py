"""Taking single files out of zip, wheel and tar archives, none of which is trusted."""

from __future__ import annotations

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from scenesort.errors import WeightsError


def is_safe(member: str) -> bool:
    """Whether a member's path stays inside the folder that its archive would be unpacked into."""
    if not member or "\\" in member or "\0" in member or (len(member) > 1 and member[1] == ":"):
        return False
    path = PurePosixPath(member)
    return not path.is_absolute() and ".." not in path.parts


def member_names(archive: Path) -> list[str]:
    """Return the paths of an archive's files.

    Raises WeightsError when it is no zip or tar archive, or holds a path outside its folder or a link: such an archive
    was made to do harm or is broken, and nothing is taken from it.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                infos = opened.infolist()
                links = [info.filename for info in infos if stat.S_ISLNK(info.external_attr >> 16)]
                names = [info.filename for info in infos]
                files = [info.filename for info in infos if not info.is_dir()]
        else:
            with tarfile.open(archive) as opened_tar:
                members = opened_tar.getmembers()
                links = [member.name for member in members if not (member.isfile() or member.isdir())]
                names = [member.name for member in members]
                files = [member.name for member in members if member.isfile()]
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, NotImplementedError) as error:
        raise WeightsError(f"{archive} is not a readable zip, wheel or tar archive: {error}") from error
    for name in links:
        raise WeightsError(f"{archive}: '{name}' is a link or a device; nothing was taken from this archive")
    for name in names:
        if not is_safe(name):
            raise WeightsError(f"{archive}: '{name}' lies outside its folder; nothing was taken from this archive")
    return files


def take(archive: Path, wanted: Mapping[str, Path]) -> None:
    """Write members of an archive to files: `wanted` maps paths in the archive to paths on the disk.

    Raises WeightsError when a member is missing, the archive is damaged or unsafe (see member_names).
    """
    present = set(member_names(archive))
    for member in wanted:
        if member not in present:
            raise WeightsError(f"'{member}' is not in {archive.name}")
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                for member, path in wanted.items():
                    with opened.open(member) as source:
                        _copy(source, path)
        else:
            with tarfile.open(archive) as opened_tar:
                for member, path in wanted.items():
                    extracted = opened_tar.extractfile(member)
                    if extracted is not None:
                        with extracted:
                            _copy(extracted, path)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, RuntimeError) as error:
        raise WeightsError(f"{archive} is damaged: {error}") from error


def _copy(source: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
