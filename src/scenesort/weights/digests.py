"""Whether files have the bytes they should have: pinned hashes, hashes recorded at the first download, names of blobs.

A record is a text file in the form of `sha256sum`, beside the model in its weights folder: `<name>.sha256`. It holds
what a download had when it came, so that later change is seen even where nobody published a hash.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

from scenesort.weights.entries import WeightsEntry, WeightsFile

_RECORD_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def digest_of(path: Path, algorithm: str = "sha256") -> str:
    """Return the hexadecimal digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def blob_digest_of(path: Path) -> str:
    """Return git's name of a file's content: the SHA-1 by which the hub names small files."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def has_digest(path: Path, digest: str) -> bool:
    """Whether a file has this SHA-256 (64 digits), blob name (40) or MD5 (32); each state of a file is read once."""
    status = path.stat()
    return _digest_by_state(path, len(digest), status.st_size, status.st_mtime_ns) == digest


@cache
def _digest_by_state(path: Path, digits: int, size: int, changed_ns: int) -> str:
    """Size and time of change are there so that a mended file is read again."""
    if digits == 40:
        return blob_digest_of(path)
    return digest_of(path, "sha256" if digits == 64 else "md5")


def pinned_digests(file: WeightsFile) -> list[str]:
    """Return the published digests of a file, strongest first."""
    return [digest for digest in (file.sha256, file.md5) if digest]


def flaw(path: Path, file: WeightsFile, recorded: str | None) -> str | None:
    """Return what is wrong with a file that should be `file`, or None; `recorded`: the digest of its first download."""
    size = path.stat().st_size
    if file.size_bytes is not None and size != file.size_bytes:
        return f"it has {size:,} bytes instead of {file.size_bytes:,}"
    expected = [*pinned_digests(file), *([recorded] if recorded else [])]
    if not all(has_digest(path, digest) for digest in expected):
        return "its bytes are not those that were published" if pinned_digests(file) else "its bytes have changed"
    return None


def record_path(folder: Path, entry: WeightsEntry) -> Path:
    """Return where a model's recorded hashes lie in a weights folder."""
    return folder / f"{entry.name}.sha256"


def read_record(folder: Path, entry: WeightsEntry) -> dict[str, str]:
    """Return the recorded SHA-256 by file name (as in the entry), empty when there is no readable record."""
    try:
        lines = record_path(folder, entry).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found = (_RECORD_LINE.fullmatch(line) for line in lines)
    prefix = f"{entry.name}/" if entry.folder else ""
    return {match[2].removeprefix(prefix): match[1] for match in found if match}


def record_text(entry: WeightsEntry, digests: dict[str, str]) -> str:
    """Return the content of a record, which `sha256sum -c` reads too."""
    prefix = f"{entry.name}/" if entry.folder else ""
    return "".join(f"{digest}  {prefix}{name}\n" for name, digest in sorted(digests.items()))
