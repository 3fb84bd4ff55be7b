"""Writing files so that a kill at any moment leaves the old content or the new, and never a part."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from scenesort.errors import WorkspaceError

PREFIX = ".tmp-"
"""How names of unfinished files and folders begin: `.tmp-<host>-<pid>-<number>-<name>`."""

FOREIGN_AGE_S = 7 * 86_400.0
"""After how many seconds an unfinished file of another machine counts as abandoned."""

DEAD_AGE_S = 3_600.0
"""The same for a process of this machine that is gone; it may live in another container."""

_counter = itertools.count()

_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space, or choose another place",
    errno.EDQUOT: "your disk quota is used up: free some space, or choose another place",
    errno.EACCES: "you have no permission to write there: choose another place",
    errno.EPERM: "the system doesn't permit it: choose another place",
    errno.EROFS: "the disk is read-only: choose another place",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another place",
    errno.ENAMETOOLONG: "the path is too long: choose a shorter one",
    errno.EIO: "the disk reports an error: check it, or choose another place",
}


@contextlib.contextmanager
def explained(path: Path, action: str) -> Iterator[None]:
    """Turn an OSError inside into a WorkspaceError that names `path` and says what to do."""
    try:
        yield
    except OSError as error:
        reason = _ADVICE.get(error.errno or 0, str(error))
        raise WorkspaceError(f"can't {action} {path}: {reason}") from error


def aside(target: Path) -> Path:
    """A new name beside `target` for its unfinished content."""
    # The name may be as long as the system permits: leave room for the prefix.
    return target.with_name(f"{PREFIX}{_host()}-{os.getpid()}-{next(_counter)}-{target.name[-80:]}")


def write_file(target: Path, build: Callable[[Path], None], *, sync: bool) -> None:
    """Write a file by `build(path)` aside and put it in the place of `target`, whose folder is created if need be.

    `sync` waits until the content is on the disk, so that it survives a power failure too. Raises WorkspaceError.
    """
    with explained(target, "write"):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = aside(target)
        try:
            build(temporary)
            if sync:
                _sync(temporary)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def write_bytes(target: Path, content: bytes, *, sync: bool) -> None:
    """Write a file by `write_file` whose content is known."""

    def build(path: Path) -> None:
        path.write_bytes(content)

    write_file(target, build, sync=sync)


def replace_folder(target: Path, build: Callable[[Path], None]) -> None:
    """Have `build(path)` fill a new, empty folder aside and put it in the place of `target`. Raises WorkspaceError."""
    with explained(target, "write"):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary, old = aside(target), aside(target)
        try:
            temporary.mkdir()
            build(temporary)
            if os.path.lexists(target):
                os.rename(target, old)
            try:
                os.rename(temporary, target)
            except BaseException:
                if os.path.lexists(old):
                    os.rename(old, target)
                raise
        finally:
            remove(temporary)
            remove(old)


def remove(path: Path) -> None:
    """Remove a file, link or folder, as far as the system permits."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def sweep(folder: Path, *, is_ours: bool) -> None:
    """Remove unfinished files from `folder`, not from folders below it.

    All of them if `is_ours` (no other process writes there); otherwise those whose process is gone.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and (is_ours or _is_abandoned(entry)):
                remove(Path(entry.path))


def _is_abandoned(entry: os.DirEntry[str]) -> bool:
    try:
        age_s = time.time() - entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return False
    own = f"{PREFIX}{_host()}-"
    pid = entry.name.removeprefix(own).partition("-")[0]
    if entry.name.startswith(own) and pid.isdigit() and not _is_alive(int(pid)):
        return age_s > DEAD_AGE_S
    return age_s > FOREIGN_AGE_S


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _host() -> str:
    return "".join(c if c.isalnum() else "_" for c in socket.gethostname())[:40]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
