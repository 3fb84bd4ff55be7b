"""Checking a bundle that is here, in folders or in archives, every byte of it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scenesort.bundle.packing import archives, part_folders
from scenesort.bundle.standalone.contents import (
    MANIFEST,
    UNLISTED,
    BundleFault,
    Manifest,
    Piece,
    extra_files,
    find_parts,
    flaw_of,
    parse_manifest,
    pieces_of,
    place_of,
    read_manifest,
)
from scenesort.errors import BundleError, WeightsError
from scenesort.weights.sources.archive import member_names


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found in a bundle. `parts` are those that are here, `absent` those that aren't, both from 1.

    `missing`, `damaged` and `extra` are lines about files: not there, not the bytes that were bundled, not of the
    bundle.
    """

    manifest: Manifest
    parts: tuple[int, ...]
    absent: tuple[int, ...]
    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether all parts that are here are complete, undamaged and without anything else."""
        return not (self.missing or self.damaged or self.extra)


def verify(path: Path) -> Verified:
    """Read a bundle, one of its parts, or one of its archives, and compare every byte with its manifest.

    Raises BundleError when it is no bundle, or unsafe: names that lead outside, links.
    """
    try:
        if path.is_file():
            return _verify_archives([path])
        if not path.is_dir():
            raise BundleError(f"there is no bundle {path}")
        parts = part_folders(path)
        if parts:
            return _verify_folders(parts)
        if found := archives(path):
            return _verify_archives(found)
    except BundleFault as fault:
        raise BundleError(str(fault)) from fault
    raise BundleError(f"{path} is not a bundle: it has neither {MANIFEST} nor parts nor archives")


def _verify_folders(folders: Sequence[Path]) -> Verified:
    manifest = read_manifest(folders[0])
    for folder in folders[1:]:
        if read_manifest(folder).identity != manifest.identity:
            raise BundleError(f"{folder} and {folders[0]} are parts of different bundles: keep them apart")
    places = find_parts(manifest, folders[0], folders[1:]) if len(folders) == 1 else list(folders)

    def check(piece: Piece) -> str | None:
        holders = places if piece.part == 0 else [None]
        wrong = None
        for holder in holders:
            path = place_of(piece, [holder] if holder else places)
            if path is not None:
                _refuse_links(piece, path)
            found = "missing" if path is None else flaw_of(piece, path)
            wrong = wrong or found
        return wrong

    extra = [str(folder / name) for folder in places for name in extra_files(manifest, folder)]
    _check_wheels(places)
    return _judge(manifest, check, extra)


def _refuse_links(piece: Piece, path: Path) -> None:
    steps = [path, *list(path.parents)[: len(PurePosixPath(piece.path).parts) - 1]]
    if any(step.is_symlink() for step in steps):
        raise BundleError(f"{path} is a link or lies behind one: a bundle has none; copy it here again")


def _check_wheels(folders: Sequence[Path]) -> None:
    """Raise BundleError for a wheel with paths outside its folder: pip would refuse it, but only at the target."""
    for folder in folders:
        for wheel in sorted((folder / "wheels").glob("*.whl")):
            if zipfile.is_zipfile(wheel):
                _safe_members(wheel)


def _safe_members(archive: Path) -> list[str]:
    try:
        return member_names(archive)
    except WeightsError as error:
        raise BundleError(str(error)) from error


def _verify_archives(paths: Sequence[Path]) -> Verified:
    where: dict[str, list[zipfile.ZipFile]] = {}
    opened: list[zipfile.ZipFile] = []
    try:
        for path in paths:
            names = _safe_members(path)
            if MANIFEST not in names:
                raise BundleError(f"{path} is not an archive of a bundle: it has no {MANIFEST}")
            archive = zipfile.ZipFile(path)
            opened.append(archive)
            for name in names:
                where.setdefault(name, []).append(archive)
        manifests = [parse_manifest(_text(archive), str(archive.filename)) for archive in opened]
        if len({manifest.identity for manifest in manifests}) > 1:
            raise BundleError("these archives are parts of different bundles: keep them apart")
        manifest = manifests[0]

        def check(piece: Piece) -> str | None:
            holders = where.get(piece.path, [])
            if not holders or (piece.part == 0 and len(holders) < len(opened)):
                return "missing"
            return next((wrong for archive in holders if (wrong := _member_flaw(archive, piece))), None)

        known = {piece.path for piece in pieces_of(manifest.files)} | set(UNLISTED)
        extra = [f"{archive.filename}: {name}" for name in sorted(set(where) - known) for archive in where[name]]
        return _judge(manifest, check, extra)
    finally:
        for archive in opened:
            archive.close()


def _text(archive: zipfile.ZipFile) -> str:
    try:
        return archive.read(MANIFEST).decode()
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise BundleError(f"{archive.filename}: {MANIFEST} can't be read: copy it here again") from error


def _member_flaw(archive: zipfile.ZipFile, piece: Piece) -> str | None:
    size = archive.getinfo(piece.path).file_size
    if size != piece.size_bytes:
        return f"it has {size:,} bytes instead of {piece.size_bytes:,}"
    try:
        with archive.open(piece.path) as member:
            digest = hashlib.sha256()
            while block := member.read(1 << 20):
                digest.update(block)
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        return f"it can't be read: {error}"
    return None if digest.hexdigest() == piece.sha256 else "its bytes are not those that were bundled"


def _judge(manifest: Manifest, check: Callable[[Piece], str | None], extra: Sequence[str]) -> Verified:
    """Sort what `check` says of every piece; a part of which nothing is here counts as absent, not as damaged."""
    results = [(piece, check(piece)) for piece in pieces_of(manifest.files)]
    here = {piece.part for piece, wrong in results if piece.part and wrong != "missing"}
    numbers = range(1, manifest.num_parts + 1)
    if manifest.num_parts == 1:
        here = {1}
    relevant = [(piece, wrong) for piece, wrong in results if wrong and (piece.part == 0 or piece.part in here)]
    return Verified(
        manifest,
        parts=tuple(number for number in numbers if number in here),
        absent=tuple(number for number in numbers if number not in here),
        missing=tuple(piece.path for piece, wrong in relevant if wrong == "missing"),
        damaged=tuple(f"{piece.path}: {wrong}" for piece, wrong in relevant if wrong != "missing"),
        extra=tuple(extra),
    )
