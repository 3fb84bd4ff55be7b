"""Run another program with a time limit."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from scenesort.errors import WorkerError


def run_program(command: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run `command` to its end and return its exit status and output; raises WorkerError when it takes too long."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise WorkerError(f"{command[0]} did not finish within {timeout_s:.0f} s and was stopped") from error
