"""The child's side of the pool: one process, one thread, one task after another.

This file is run as a script by the child's interpreter, so that nothing of the parent's main script is imported again
and scripts need no `if __name__ == "__main__"` guard. It imports the standard library alone: `sys.path` is set before
anything else comes in.

Messages over the connection, each a pickle: the parent sends the set-up, then jobs `(function, task)`; the child
answers the set-up with `ready` and each job with `started`, then `done` followed by the pickled value, or `failed`.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import pickle
import resource
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1


def peak_memory_mb(process: int | str = "self") -> float:
    """Peak resident memory in MB (10^6 bytes) of a process, 0 where the system doesn't tell.

    Linux's `ru_maxrss` starts at the parent's size, because the child is a copy of it until it loads its own program:
    `/proc` is asked first.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return max_rss_mb(resource.getrusage(resource.RUSAGE_SELF)) if process == "self" else 0.0


def max_rss_mb(usage: resource.struct_rusage) -> float:
    """`ru_maxrss` in MB (10^6 bytes)."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def _reset_peak_memory() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _die_with(parent: int) -> None:
    """Make this process end when its parent does, however the parent ends."""
    if sys.platform == "linux":
        # Linux sends the signal when the *thread* that started this process ends: the pool keeps that thread alive.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _limit_threads() -> None:
    """Hold libraries to one thread; the environment, set by the parent, covers those that are imported later."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "set_num_threads"):
        torch.set_num_threads(1)
        with contextlib.suppress(RuntimeError):
            torch.set_num_interop_threads(1)
    cv2: Any = sys.modules.get("cv2")
    if cv2 is not None and hasattr(cv2, "setNumThreads"):
        cv2.setNumThreads(1)


def _failure(error: BaseException) -> tuple[bytes | None, str, str]:
    """The error pickled if it is one of ours and survives it, its text, and its traceback."""
    packed = None
    # A module that never came in can't have raised its own class.
    errors: Any = sys.modules.get("scenesort.errors")
    if errors is not None and isinstance(error, errors.ScenesortError):
        with contextlib.suppress(Exception):
            candidate = pickle.dumps(error)
            pickle.loads(candidate)
            packed = candidate
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return packed, text, "".join(traceback.format_exception(error))


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _perform(connection: Connection, payload: bytes) -> None:
    """Do one job and send its messages."""
    _reset_peak_memory()
    try:
        function, task = pickle.loads(payload)
        _limit_threads()
        # pycolmap's import puts a handler of its own in the place of this one, which tells the line of Python code.
        faulthandler.disable()
        faulthandler.enable()
    except BaseException as error:
        _send(connection, "failed", *_failure(error), 0.0, 0.0, peak_memory_mb())
        return
    del payload
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _send(connection, "started", usage.ru_utime + usage.ru_stime, max_rss_mb(usage), peak_memory_mb())
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    value = b""
    try:
        value = pickle.dumps(function(task), protocol=5)
    except BaseException as error:
        outcome: tuple[Any, ...] = ("failed", *_failure(error))
    else:
        outcome = ("done",)
    del function, task
    seconds, cpu_s = time.perf_counter() - started_s, time.process_time() - started_cpu_s
    _flush()
    _send(connection, *outcome, seconds, cpu_s, peak_memory_mb())
    if outcome[0] == "done":
        connection.send_bytes(value)


def _send(connection: Connection, *message: Any) -> None:
    connection.send_bytes(pickle.dumps(message))


def main() -> None:
    """Serve jobs until the parent hangs up."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    os.set_inheritable(descriptor, False)
    connection = Connection(descriptor)
    try:
        path, initializer = pickle.loads(connection.recv_bytes())
        sys.path[:] = path
        sys.argv[1:] = []
        try:
            if initializer is not None:
                function, arguments = pickle.loads(initializer)
                function(*arguments)
        except BaseException as error:
            _flush()
            _send(connection, "failed", *_failure(error))
            return
        _send(connection, "ready")
        while True:
            _perform(connection, connection.recv_bytes())
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # The parent hung up. Leave at once: tearing the interpreter down with torch loaded takes a while.
        os._exit(0)


if __name__ == "__main__":
    main()
