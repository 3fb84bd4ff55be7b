"""Source trees of projects that have no wheel: what of them goes into a bundle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from scenesort.bundle.models import PlacedFile
from scenesort.bundle.standalone.contents import is_safe
from scenesort.errors import BundleError

LEFT_OUT = frozenset({".git", ".hg", ".svn", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".venv"})
"""Folders (`.git` is a file in submodules) that no program needs to run."""


def tree_files(name: str, folder: Path) -> Iterator[PlacedFile]:
    """Yield a source tree's files with their places in the bundle, sorted, less version control and caches.

    A link to a file inside the tree is bundled as that file. Raises BundleError for links that lead elsewhere, and for
    names that an archive can't hold.
    """
    root = folder.resolve()
    found = 0
    for place, folders, names in os.walk(root):
        folders[:] = sorted(inner for inner in folders if inner not in LEFT_OUT)
        for inner in folders:
            if (Path(place) / inner).is_symlink():
                raise BundleError(f"--source {name}: {Path(place) / inner} is a link to a folder: put the folder there")
        for file in sorted(names):
            path = Path(place) / file
            if file in LEFT_OUT or file.endswith(".pyc"):
                continue
            inside = path.relative_to(root).as_posix()
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise BundleError(f"--source {name}: {path} is a link that leads outside the tree: put the file there")
            if not path.is_file():
                raise BundleError(f"--source {name}: {path} is neither a file nor a folder: remove it")
            if not is_safe(inside) or not inside.isprintable():
                raise BundleError(f"--source {name}: the file name {inside!r} can't be bundled: rename it")
            found += 1
            yield PlacedFile(f"sources/{name}/{inside}", path.resolve())
    if not found:
        raise BundleError(f"--source {name}: {folder} has no files: if it is a submodule, fetch it first")


def empty_submodules(folder: Path) -> list[str]:
    """Return the submodules of a tree that were not fetched: their folders are empty."""
    listed = folder / ".gitmodules"
    if not listed.is_file():
        return []
    lines = listed.read_text(encoding="utf-8", errors="replace").splitlines()
    paths = [value.strip() for key, _, value in (line.partition("=") for line in lines) if key.strip() == "path"]
    return [path for path in paths if not (folder / path).is_dir() or not any((folder / path).iterdir())]


def licence_files(name: str, files: list[PlacedFile]) -> list[str]:
    """Return the places of a tree's licence texts."""
    prefix = f"sources/{name}/"
    tops = [file.path for file in files if file.path.startswith(prefix) and "/" not in file.path.removeprefix(prefix)]
    words = ("licen", "copying", "notice", "checkpoints_notice")
    return [path for path in tops if path.removeprefix(prefix).lower().startswith(words)]
