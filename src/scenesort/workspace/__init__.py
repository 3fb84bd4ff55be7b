"""The only module that knows the run folder: results, artefacts, their keys, the lock, the log.

A run folder is made ours by its `.lock`, whose first line says so. The system frees the lock when the process ends,
however it ends.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import fcntl
import io
import json
import logging
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from scenesort.errors import WorkspaceError
from scenesort.workspace import files
from scenesort.workspace.keys import key
from scenesort.workspace.shards import Json, ShardStore

__all__ = ["Json", "Workspace", "is_run_folder", "key", "run_folders_below"]

MARKER = "scenesort run folder"
LOCK = ".lock"
RESERVED = frozenset({"work", "scenes"})


class Workspace:
    """One run folder, locked as long as it is open. Use it as a context manager.

    Paths given to its methods are relative to the run folder, with `/` between parts. Its methods raise WorkspaceError
    when the disk refuses.
    """

    def __init__(self, root: Path, cache: Path | None, lock: int) -> None:
        self.root = root
        self.work = root / "work"
        self._cache = cache
        self._lock = lock
        self._log = logging.Logger("scenesort.run", logging.INFO)
        with files.explained(root / "run.log", "write"):
            handler = _LogFile(root / "run.log", encoding="utf-8", errors="backslashreplace")
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
        self._log.addHandler(handler)
        self._shards = ShardStore((cache or self.work) / "shards", self.log)
        self._shards.sweep(is_ours=cache is None)
        _sweep_results(root)

    @property
    def shard_root(self) -> Path:
        """The folder of the artefact store, for worker processes to read from."""
        return self._shards.root

    @classmethod
    def open(cls, out: Path, cache: Path | None = None, collection: str | None = None) -> Self:
        """Open the run folder `out`, or its part for one collection, and lock it; create it if need be.

        Artefacts lie in `cache`, which other runs may use at the same time, or else inside the run folder. Raises
        WorkspaceError if the folder holds something else, another process uses it, or it can't be written.
        """
        root = _claim(Path(out).expanduser().absolute())
        if collection is not None:
            root = _claim(root / _collection_name(collection))
        if cache is not None:
            cache = Path(cache).expanduser().absolute()
            with files.explained(cache, "create the cache folder"):
                cache.mkdir(parents=True, exist_ok=True)
        lock = _take_lock(root)
        try:
            with files.explained(root, "create"):
                (root / "work").mkdir(exist_ok=True)
            return cls(root, cache, lock)
        except BaseException:
            os.close(lock)
            raise

    def collection(self, name: str) -> Workspace:
        """The run folder of one collection below this one, opened and locked for itself."""
        return type(self).open(self.root, self._cache, name)

    def close(self) -> None:
        """Free the lock and close the log. More calls do nothing."""
        for handler in list(self._log.handlers):
            self._log.removeHandler(handler)
            handler.close()
        if self._lock >= 0:
            # A child that is just being started, or was forked, has the descriptor too: closing ours isn't enough.
            with contextlib.suppress(OSError):
                fcntl.flock(self._lock, fcntl.LOCK_UN)
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def path(self, relative: str) -> Path:
        """The full path of something in the run folder. Raises WorkspaceError if it would lie outside."""
        parts = relative.split("/")
        if {"", ".", ".."} & set(parts) or "\0" in relative:
            raise WorkspaceError(f"'{relative}' doesn't lie inside the run folder {self.root}")
        return self.root.joinpath(*parts)

    def has(self, kind: str, key: str) -> bool:
        """Whether there is an artefact, arrays or a folder; damage shows only when it is loaded."""
        return self._shards.has_arrays(kind, key) or self._shards.has_folder(kind, key)

    def save_arrays(self, kind: str, key: str, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Json]) -> None:
        """Keep an artefact of named arrays (bool, int or float, any shape) and a JSON object."""
        self._shards.save_arrays(kind, key, arrays, meta)

    def load_arrays(
        self, kind: str, key: str, names: Iterable[str] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        """An artefact's arrays (all, or those in `names`) and JSON object, or None if it is absent or damaged."""
        return self._shards.load_arrays(kind, key, names)

    def save_folder(self, kind: str, key: str, source: Path) -> None:
        """Keep a copy of a folder as an artefact."""
        self._shards.save_folder(kind, key, source)

    def load_folder(self, kind: str, key: str) -> Path | None:
        """An artefact's folder, to be read only, or None if it is absent or damaged."""
        return self._shards.load_folder(kind, key)

    def write_file(self, relative: str, build: Callable[[Path], None]) -> Path:
        """Write a result file by `build(path)`, given a path aside, and put it in its place when it is complete."""
        target = self.path(relative)
        files.write_file(target, build, sync=True)
        return target

    def write_text(self, relative: str, text: str) -> Path:
        """Write a text file in UTF-8; file names that aren't UTF-8 keep their bytes."""
        target = self.path(relative)
        files.write_bytes(target, text.encode("utf-8", "surrogateescape"), sync=True)
        return target

    def write_json(self, relative: str, value: Any) -> Path:
        """Write JSON, indented; NumPy arrays and numbers and paths are taken too. Raises ValueError for NaN."""
        return self.write_text(relative, json.dumps(value, indent=2, allow_nan=False, default=_plain) + "\n")

    def write_csv(self, relative: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
        """Write a table, lines ended by a line feed; floats with all their digits."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        return self.write_text(relative, buffer.getvalue())

    def remove(self, relative: str) -> None:
        """Remove a result file of an earlier run, if it is there."""
        files.remove(self.path(relative))

    def replace_folder(self, relative: str, build: Callable[[Path], None]) -> Path:
        """Have `build(path)` fill an empty folder aside, and put it in the place of the old one when it is complete."""
        target = self.path(relative)
        files.replace_folder(target, build)
        return target

    def log(self, message: str) -> None:
        """Append a line with the time to `run.log`; never fails."""
        self._log.info("%s", message)


def is_run_folder(folder: Path) -> bool:
    """Whether a folder is a run folder."""
    return (folder / LOCK).is_file() and _is_ours(folder)


def run_folders_below(folder: Path) -> list[Path]:
    """Return the run folders inside `folder`, sorted: what lies there are links to photos, not photos."""
    found = []
    for parent, names, _ in os.walk(folder):
        if is_run_folder(Path(parent)):
            found.append(Path(parent))
            names.clear()
    return sorted(found)


class _LogFile(logging.FileHandler):
    """A log that is no reason to stop a run."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the line: on a full disk the results' writers report it."""


def _claim(root: Path) -> Path:
    """Create the folder, or see that it is empty or ours."""
    with files.explained(root, "create the run folder"):
        if root.exists() and not root.is_dir():
            raise WorkspaceError(f"{root} is a file: name a new or empty folder for the results")
        root.mkdir(parents=True, exist_ok=True)
        if not _is_ours(root):
            raise WorkspaceError(
                f"{root} is neither empty nor a run folder of scenesort: name a new or empty folder for the results"
            )
        with (root / LOCK).open("a", encoding="utf-8") as file:
            if not file.tell():
                file.write(f"{MARKER}\n")
    return root


def _is_ours(root: Path) -> bool:
    names = {entry.name for entry in root.iterdir()}
    if not names - {LOCK, ".DS_Store"} or {"work", "config.toml"} <= names:
        return True
    return LOCK in names and (root / LOCK).read_text(encoding="utf-8", errors="replace").startswith(MARKER)


def _take_lock(root: Path) -> int:
    """Lock the folder for this process and return the lock's descriptor; closing it frees the lock."""
    path = root / LOCK
    with files.explained(path, "lock"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = ", ".join(os.pread(descriptor, 1000, 0).decode(errors="replace").splitlines()[1:])
                raise WorkspaceError(
                    f"{root} is in use by another run ({holder or 'starting'}): wait for it, or name another folder"
                ) from None
            except OSError as error:
                # Some network disks have no locks: better to run without than not at all.
                if error.errno not in {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}:
                    raise
            since = datetime.now().astimezone().isoformat(timespec="seconds")
            content = f"{MARKER}\npid {os.getpid()}\nhost {socket.gethostname()}\nsince {since}\n".encode()
            os.pwrite(descriptor, content, 0)
            os.ftruncate(descriptor, len(content))
        except BaseException:
            os.close(descriptor)
            raise
    return descriptor


def _sweep_results(root: Path) -> None:
    """Remove unfinished results; we hold the lock, so nobody is writing them."""
    files.sweep(root, is_ours=True)
    files.sweep(root / "work", is_ours=True)
    for left in (root / "work").glob("scenesort-*"):
        files.remove(left)
    for folder, names, _ in os.walk(root / "scenes"):
        files.sweep(Path(folder), is_ours=True)
        names[:] = [name for name in names if not name.startswith(files.PREFIX)]


def _collection_name(name: str) -> str:
    if not name or name in RESERVED or name.startswith(".") or "/" in name or "\0" in name:
        raise WorkspaceError(f"collection '{name}' can't have a folder of that name: rename it")
    return name


def _plain(value: object) -> Any:
    """What JSON can hold in the place of a NumPy value or a path."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__name__} can't be written as JSON")
