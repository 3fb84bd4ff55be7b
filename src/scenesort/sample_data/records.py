"""SHA-256 of archives whose authors publish none, from their first download on, in the form of `sha256sum`."""

from __future__ import annotations

import re
from pathlib import Path

from scenesort.workspace import files

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def read(path: Path) -> dict[str, str]:
    """Return the recorded SHA-256 by address; empty when there is no record."""
    if not path.is_file():
        return {}
    with files.explained(path, "read"):
        found = map(_LINE.fullmatch, path.read_text(encoding="utf-8", errors="replace").splitlines())
        return {match[2]: match[1] for match in found if match}


def add(path: Path, url: str, digest: str) -> None:
    """Record what an address gave; raises WorkspaceError."""
    known = read(path) | {url: digest}
    content = "".join(f"{known[address]}  {address}\n" for address in sorted(known))
    files.write_bytes(path, content.encode(), sync=True)
