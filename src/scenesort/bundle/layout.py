"""Dividing a bundle's files into parts of a chosen size, cutting those that are larger than a part."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from scenesort.bundle.models import PlacedFile
from scenesort.bundle.standalone.contents import BundledFile, Piece, digest_of
from scenesort.errors import BundleError

OVERHEAD_BYTES = 200_000
"""What a part needs for its manifest, its descriptions and the archive's own tables."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A run of bytes of a file that goes into one part: `path` is its place there, `part` counts from 1."""

    path: str
    part: int
    start: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file and the slices that it is divided into; one slice of its own name where it isn't cut."""

    file: PlacedFile
    size_bytes: int
    slices: tuple[Slice, ...]


def size_of(file: PlacedFile) -> int:
    """Return a file's size in bytes."""
    return file.source.stat().st_size if file.source else len(file.text.encode())


def plan_parts(
    files: Iterable[tuple[PlacedFile, int]], part_bytes: int | None, common_bytes: int
) -> tuple[list[PlannedFile], int]:
    """Give each file (with its size in bytes) a part, the first that has room; returns the plan and how many parts.

    `common_bytes` is what every part holds anyway. A file larger than a part is cut into pieces `NAME.part-000`, …
    Raises BundleError when a part is too small for anything.
    """
    room_of_part = None if part_bytes is None else part_bytes - common_bytes - OVERHEAD_BYTES
    if room_of_part is not None and room_of_part <= 0:
        raise BundleError(f"--part-size: a part needs {(common_bytes + OVERHEAD_BYTES) / 1e6:.1f} MB for itself alone")
    rooms: list[int] = []

    def place(size: int) -> int:
        if room_of_part is None:
            return 1
        for index, room in enumerate(rooms):
            if size <= room:
                rooms[index] -= size
                return index + 1
        rooms.append(room_of_part - size)
        return len(rooms)

    planned = []
    for file, size in files:
        if room_of_part is None or size <= room_of_part:
            slices: tuple[Slice, ...] = (Slice(file.path, place(size), 0, size),)
        else:
            starts = range(0, size, room_of_part)
            slices = tuple(
                Slice(f"{file.path}.part-{number:03}", place(length), start, length)
                for number, start in enumerate(starts)
                for length in [min(room_of_part, size - start)]
            )
        planned.append(PlannedFile(file, size, slices))
    return planned, max(1, len(rooms))


def part_folder(out: Path, part: int, num_parts: int) -> Path:
    """Return the folder of a part: the bundle's own where there is one part alone."""
    return out if num_parts == 1 else out / f"part-{part}"


def write_files(planned: Sequence[PlannedFile], out: Path, num_parts: int) -> list[BundledFile]:
    """Put files into their parts below `out` and return them with their hashes.

    Whole files are linked where the disk permits it, so that a bundle takes little room beside the files that it is
    made of; nobody writes into either.
    """
    return [_write_file(item, out, num_parts) for item in planned]


def _write_file(item: PlannedFile, out: Path, num_parts: int) -> BundledFile:
    targets = [part_folder(out, piece.part, num_parts) / piece.path for piece in item.slices]
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
    (first, *others) = item.slices
    path = item.file.path
    if not others:
        if item.file.source is None:
            targets[0].write_bytes(item.file.text.encode())
        else:
            link_or_copy(item.file.source, targets[0])
        digest = digest_of(targets[0])
        return BundledFile(path, item.size_bytes, digest, (Piece(path, first.part, item.size_bytes, digest),))
    if item.file.source is None:
        raise ValueError(f"{path}: a text is never larger than a part")
    whole, pieces = hashlib.sha256(), []
    with item.file.source.open("rb") as source:
        for piece, target in zip(item.slices, targets, strict=True):
            digest = _cut(source, piece.size_bytes, target, whole)
            pieces.append(Piece(piece.path, piece.part, piece.size_bytes, digest))
    return BundledFile(path, item.size_bytes, whole.hexdigest(), tuple(pieces))


def _cut(source: IO[bytes], size_bytes: int, target: Path, whole: Any) -> str:
    """Copy the next bytes of an open file; `whole` is the digest over all of them. Returns the piece's SHA-256."""
    digest, left = hashlib.sha256(), size_bytes
    with target.open("wb") as piece:
        while left:
            block = source.read(min(left, 1 << 20))
            if not block:
                raise BundleError(f"{target.name}: its source became shorter while the bundle was made: start again")
            digest.update(block)
            whole.update(block)
            piece.write(block)
            left -= len(block)
    return digest.hexdigest()


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the disk doesn't permit that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
