"""The parent's side of one worker process: start it, talk to it, end it."""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any

from scenesort.errors import WorkerError
from scenesort.execution import worker as child

START_LIMIT_S = 300.0
"""How long a new worker may take to start Python and run the pool's initializer, in seconds."""

IMPORT_LIMIT_S = 900.0
"""How long a worker may take to import what a job needs before its time counts, in seconds (cold network disks)."""

EXIT_LIMIT_S = 10.0
"""How long to wait for a process that was killed; one stuck in the system's kernel is given up after that."""

NUMBER_VARIABLE = "SCENESORT_WORKER"

LOG_BYTES = 64_000
"""How much of what a task printed is kept (its end)."""

SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONHASHSEED": "0",
}
"""Environment of every worker: one thread, and sets of text in the same order each time."""

CAUSES = {
    "SIGKILL": "the system does so when memory runs out: use fewer workers or smaller images",
    "SIGABRT": "a native library gave up",
    "SIGSEGV": "a native library crashed",
    "SIGBUS": "a native library crashed, or a disk or shared memory is full",
    "SIGILL": "a native library doesn't suit this processor",
    "SIGFPE": "a native library crashed",
}


class WorkerGone(Exception):
    """The process ended while an answer was due."""


class WorkerLate(Exception):
    """No answer came within the time allowed."""


class WorkerProcess:
    """One child process. All methods but `kill` belong to the thread that made it, which must outlive the process.

    `folder` becomes the worker's own: its temporary files lie there and go with it. `number` tells it from the workers
    that live beside it; one that takes a dead worker's place has its number.
    """

    def __init__(self, folder: Path, setup: bytes, number: int = 0) -> None:
        self._folder = folder
        (folder / "tmp").mkdir(parents=True)
        self._output = os.open(folder / "output.txt", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._connection, theirs = Pipe(duplex=True)
        self._lock = threading.Lock()
        self._exit_code: int | None = None
        self.usage: resource.struct_rusage | None = None
        environment = {**os.environ, **SETTINGS, "TMPDIR": str(folder / "tmp"), NUMBER_VARIABLE: str(number)}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", child.__file__, str(theirs.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                env=environment,
                pass_fds=(theirs.fileno(),),
            )
        except BaseException:
            self._exit_code = -1
            self.end()
            raise
        finally:
            theirs.close()
        self._setup = setup

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Send the set-up and wait until the worker can take jobs. Raises WorkerError, WorkerGone or WorkerLate."""
        self.send(self._setup)
        tag, *rest = self.receive(START_LIMIT_S)
        if tag != "ready":
            raise WorkerError(f"a worker's set-up failed: {rest[1]}")

    def send(self, payload: bytes) -> None:
        """Send one message to a worker that waits for it. Raises WorkerGone."""
        try:
            self._connection.send_bytes(payload)
        except OSError as error:
            raise WorkerGone from error

    def receive(self, limit_s: float | None) -> tuple[Any, ...]:
        """The next message, within `limit_s` seconds. Raises WorkerGone or WorkerLate."""
        message: tuple[Any, ...] = pickle.loads(self.receive_bytes(limit_s))
        return message

    def receive_bytes(self, limit_s: float | None) -> bytes:
        """The bytes of the next message, within `limit_s` seconds. Raises WorkerGone or WorkerLate."""
        deadline = None if limit_s is None else time.monotonic() + limit_s
        try:
            while True:
                pause_s = 1.0 if deadline is None else min(1.0, max(0.0, deadline - time.monotonic()))
                if self._connection.poll(pause_s):
                    return self._connection.recv_bytes()
                # The end of the process normally shows as the end of its messages. A process that it started itself
                # could hold the connection open, so look at the process too.
                if self._has_ended() and not self._connection.poll(0):
                    raise WorkerGone
                if deadline is not None and time.monotonic() >= deadline:
                    raise WorkerLate
        except (EOFError, OSError) as error:
            raise WorkerGone from error

    def clear_output(self) -> None:
        """Forget what the worker printed so far."""
        os.ftruncate(self._output, 0)

    def output(self) -> str:
        """The end of what the worker printed since `clear_output`."""
        size = os.fstat(self._output).st_size
        return os.pread(self._output, LOG_BYTES, max(0, size - LOG_BYTES)).decode(errors="replace")

    def peak_memory_mb(self) -> float:
        """Peak memory of the running process in MB, 0 if unknown."""
        return child.peak_memory_mb(self.pid)

    def kill(self) -> None:
        """Kill the process, from any thread; nothing happens if it has ended."""
        with self._lock:
            if self._exit_code is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)

    def wait(self, limit_s: float) -> int | None:
        """The exit code (negative: minus a signal's number), or None if the process lives after `limit_s` seconds."""
        deadline = time.monotonic() + limit_s
        while not self._has_ended() and time.monotonic() < deadline:
            time.sleep(0.002)
        return self._exit_code

    def end(self) -> None:
        """Kill the process, wait for it and remove its folder."""
        self.kill()
        self.wait(EXIT_LIMIT_S)
        self._connection.close()
        os.close(self._output)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _has_ended(self) -> bool:
        with self._lock:
            if self._exit_code is None:
                try:
                    pid, status, usage = os.wait4(self.pid, os.WNOHANG)
                except ChildProcessError:  # somebody else waited for it
                    pid, status, usage = self.pid, 0, None
                if pid:
                    self.usage = usage
                    self._exit_code = self._process.returncode = os.waitstatus_to_exitcode(status)
            return self._exit_code is not None


def describe_exit(code: int | None) -> str:
    """A sentence on how a worker ended, from its exit code."""
    if code is None:
        return "the worker process stopped answering without ending, and was stopped"
    if code >= 0:
        return f"the worker process ended by itself with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    cause = CAUSES.get(name)
    return f"the worker process was ended by {name}" + (f" ({cause})" if cause else "")
