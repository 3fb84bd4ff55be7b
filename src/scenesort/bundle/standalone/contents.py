"""What lies in a bundle: its manifest, its parts, and whether their bytes are what they should be."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

MANIFEST = "scenesort-bundle.json"
FORMAT = 1
UNLISTED = ("dataset-metadata.json", "scenesort-challenge.ipynb", "scenesort-challenge.ipynb.old", MANIFEST)
"""Files of a part that are its user's to change, and the manifest itself: no hash of them is kept."""


class BundleFault(Exception):
    """A bundle is damaged, incomplete or unsafe, or doesn't fit this machine; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A file as it lies in one part of the bundle; `part` counts from 1, 0 stands for every part."""

    path: str
    part: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class BundledFile:
    """A file of the bundle: `path` is its place in it, `pieces` what to join to get it (one, unless it was cut)."""

    path: str
    size_bytes: int
    sha256: str
    pieces: tuple[Piece, ...]

    @property
    def is_cut(self) -> bool:
        """Whether the file lies in pieces."""
        return len(self.pieces) > 1 or self.pieces[0].path != self.path


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself; `identity` is the same in all its parts.

    `python` and `platform` are those that its wheels are for, `requirements` what pip is asked for, `without` the
    packages that must be there already, with the version that the rest was chosen for.
    """

    identity: str
    scenesort: str
    python: str
    platform: str
    accelerator: str
    requirements: tuple[str, ...]
    without: dict[str, str]
    num_parts: int
    files: tuple[BundledFile, ...]

    def below(self, folder: str) -> Iterator[BundledFile]:
        """Yield the files in one of the bundle's folders."""
        return (file for file in self.files if file.path.startswith(f"{folder}/"))


def is_safe(path: str) -> bool:
    """Whether a path with `/` between its parts stays inside the folder that it is read from."""
    parts = PurePosixPath(path).parts
    has_odd = any(odd in path for odd in ("\\", "\0", "\n", "\r", "//")) or path[1:2] == ":"
    return bool(parts) and not has_odd and not path.startswith("/") and ".." not in parts


def parse_manifest(text: str, where: str) -> Manifest:
    """Read a manifest. Raises BundleFault when it isn't one, or when a path in it leads outside the bundle."""
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise BundleFault(f"{where}: format {data['format']} is not known here: use the version that made it")
        manifest = Manifest(
            identity=str(data["identity"]),
            scenesort=str(data["scenesort"]),
            python=str(data["python"]),
            platform=str(data["platform"]),
            accelerator=str(data["accelerator"]),
            requirements=tuple(map(str, data["requirements"])),
            without={str(name): str(version) for name, version in data["without"].items()},
            num_parts=int(data["num_parts"]),
            files=tuple(_parse_file(item) for item in data["files"]),
        )
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleFault(f"{where} is not a manifest of a bundle ({error!r}): copy the bundle here again") from error
    for file in manifest.files:
        for path in (file.path, *(piece.path for piece in file.pieces)):
            if not is_safe(path):
                raise BundleFault(f"{where}: '{path}' leads outside the bundle: nothing of it is used")
    if manifest.identity != identity_of(manifest.files):
        raise BundleFault(f"{where}: the list of files was changed: copy the bundle here again")
    return manifest


def _parse_file(item: dict[str, Any]) -> BundledFile:
    path, size, digest = str(item["path"]), int(item["size"]), str(item["sha256"])
    if "pieces" not in item:
        return BundledFile(path, size, digest, (Piece(path, int(item["part"]), size, digest),))
    pieces = tuple(
        Piece(str(piece["path"]), int(piece["part"]), int(piece["size"]), str(piece["sha256"]))
        for piece in item["pieces"]
    )
    if not pieces:
        raise ValueError(f"{path} has no pieces")
    return BundledFile(path, size, digest, pieces)


def identity_of(files: Iterable[BundledFile]) -> str:
    """Return what names a bundle by its content: a digest over all files and pieces."""
    digest = hashlib.sha256()
    for file in files:
        whole = Piece(file.path, 0, file.size_bytes, file.sha256)
        for piece in (whole, *file.pieces):
            digest.update(f"{piece.path}\n{piece.size_bytes}\n{piece.sha256}\n".encode())
    return digest.hexdigest()[:16]


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the part in `folder`. Raises BundleFault."""
    path = folder / MANIFEST
    try:
        return parse_manifest(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BundleFault(f"{path} can't be read ({error}): is {folder} a bundle, or one of its parts?") from error


def find_parts(manifest: Manifest, start: Path, named: Sequence[Path] = ()) -> list[Path]:
    """Return the folders of the bundle's parts that are here: `start`, those that are named, and those around them."""
    found = {folder.resolve(): folder for folder in (start, *named)}
    if manifest.num_parts > 1:
        # Parts that are data sets of their own lie beside each other, a level or two below the same folder.
        around = [start, start.parent, start.parent.parent]
        for root, depth in ((root, depth) for root in around for depth in ("*", "*/*")):
            if len(found) >= manifest.num_parts:
                break
            for path in sorted(root.glob(f"{depth}/{MANIFEST}")):
                if f'"{manifest.identity}"' in path.read_text(encoding="utf-8", errors="replace"):
                    found.setdefault(path.parent.resolve(), path.parent)
    return list(found.values())


def place_of(piece: Piece, folders: Sequence[Path]) -> Path | None:
    """Return where a piece lies, or None."""
    return next((folder / piece.path for folder in folders if os.path.lexists(folder / piece.path)), None)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flaw_of(piece: Piece, path: Path, *, by_size: bool = False) -> str | None:
    """Return what is wrong with a piece that is here, or None; `by_size` doesn't read it."""
    if not path.is_file():
        return "it is not a file"
    size = path.stat().st_size
    if size != piece.size_bytes:
        return f"it has {size:,} bytes instead of {piece.size_bytes:,}"
    if not by_size and digest_of(path) != piece.sha256:
        return "its bytes are not those that were bundled"
    return None


def pieces_of(files: Iterable[BundledFile]) -> Iterator[Piece]:
    """Yield all pieces of files."""
    return (piece for file in files for piece in file.pieces)


def extra_files(manifest: Manifest, folder: Path) -> list[str]:
    """Return the files and links in a part's folder that the manifest doesn't list, sorted."""
    known = {piece.path for piece in pieces_of(manifest.files)} | set(UNLISTED)
    found = []
    for root, folders, names in os.walk(folder):
        inside = Path(root).relative_to(folder)
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        # Another part may lie below this one's folder; it is looked at by itself.
        folders[:] = [name for name in folders if name not in links and not (Path(root) / name / MANIFEST).exists()]
        found += [(inside / name).as_posix() for name in (*names, *links)]
    return sorted(set(found) - known)


def join(file: BundledFile, folders: Sequence[Path], target: Path) -> None:
    """Write a file that was cut to `target`, whose hash is checked before it gets its name. Raises BundleFault."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".tmp-{os.getpid()}-{target.name}")
    digest = hashlib.sha256()
    try:
        with aside.open("wb") as joined:
            for piece in file.pieces:
                path = place_of(piece, folders)
                if path is None:
                    raise BundleFault(f"{piece.path} of part {piece.part} is missing: bring all parts of the bundle")
                with path.open("rb") as source:
                    while block := source.read(1 << 20):
                        digest.update(block)
                        joined.write(block)
        if digest.hexdigest() != file.sha256:
            raise BundleFault(f"{file.path}: its joined pieces are not what was bundled: copy the bundle here again")
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)
