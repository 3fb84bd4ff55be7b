"""Running pip: this environment's, with the user's settings."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from scenesort.bundle.standalone.machine import reason_of
from scenesort.errors import BundleError
from scenesort.execution.program import run_program

TIMEOUT_S = 6 * 3600.0
POLL_S = 0.5

Progress = Callable[[str, int, int | None], None]
"""Called with what is downloaded, the bytes that are here, and all bytes where that is known."""


def run_pip(words: Sequence[str], *, temporary: Path, progress: Progress | None = None) -> None:
    """Run pip with `words`; raises BundleError, with pip's reason, when it fails.

    Its unfinished downloads lie in `temporary`, whose growth is shown.
    """
    if find_spec("pip") is None:
        raise BundleError(f"this environment has no pip: install it with: {sys.executable} -m ensurepip")
    temporary.mkdir(parents=True, exist_ok=True)
    command = ["env", f"TMPDIR={temporary}", sys.executable, "-m", "pip", "--disable-pip-version-check"]
    with _watched(temporary, progress):
        # In the main thread, so that Ctrl-C ends pip, too.
        finished = run_program([*command, *words, "--quiet"], timeout_s=TIMEOUT_S)
    if finished.returncode != 0:
        raise BundleError(reason_of(finished.stderr))


@contextlib.contextmanager
def _watched(folder: Path, progress: Progress | None) -> Iterator[None]:
    if progress is None:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        while not done.wait(POLL_S):
            if size := _bytes_below(folder):
                progress("wheels", size, None)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _bytes_below(folder: Path) -> int:
    total = 0
    with contextlib.suppress(OSError):  # pip moves and removes files all the time
        for path in folder.rglob("*"):
            total += path.stat().st_size if path.is_file() else 0
    return total
