"""What the pool's tests run in workers: the standard library alone, so that workers start fast."""

import ctypes
import functools
import gc
import hashlib
import os
import resource
import signal
import struct
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path


def double(number):
    return 2 * number


def slow_if_first(number):
    time.sleep(0.6 if number == 0 else 0.0)
    return number


def misbehave(deed):
    """Do what the task says; anything else comes back as it is."""
    match deed:
        case "abort":
            os.abort()
        case "segfault":
            ctypes.string_at(0)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "leave":
            os._exit(3)
        case "exit":
            sys.exit("enough")
        case "raise":
            raise ValueError("too dark")
        case "photo":
            from scenesort.errors import PhotoError

            raise PhotoError("a.jpg: not a photo")
        case "awkward":
            from pool_errors import AwkwardError

            raise AwkwardError("a.jpg", "not a photo")
        case "lambda":
            return lambda: None
        case "sleep":
            Path(tempfile.mkdtemp(), "left.txt").write_text("left")
            time.sleep(1000)
        case "sleep in C":
            ctypes.PyDLL(None).sleep(1000)  # holds Python's lock, as a native library may
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "half":
            _send_half_a_result()
        case "hang up":
            _connection().close()
            time.sleep(1000)
        case "print":
            print("to stdout")
            os.write(2, b"to stderr\n")
            os.kill(os.getpid(), signal.SIGKILL)
        case "fork":
            # A grandchild keeps the connection open after the worker's death.
            if os.fork() == 0:
                time.sleep(4)
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)
    return deed


def _connection():
    return next(thing for thing in gc.get_objects() if isinstance(thing, Connection))


def _send_half_a_result():
    connection = _connection()
    connection.send_bytes(__import__("pickle").dumps(("done", 0.0, 0.0, 0.0)))
    os.write(connection.fileno(), struct.pack("!i", 1_000_000) + b"x" * 1000)
    os.kill(os.getpid(), signal.SIGKILL)


def pid_and_double(number):
    return os.getpid(), 2 * number


@functools.lru_cache
def _loaded_model():
    return os.getpid(), time.monotonic()


def use_model(_):
    time.sleep(0.05)
    return _loaded_model()


def set_up(path, number):
    Path(path, str(os.getpid())).write_text(str(number))


def fail_to_set_up():
    raise RuntimeError("no model")


def die_in_set_up():
    os.abort()


def allocate(megabytes):
    return len(bytearray(b"x") * (megabytes * 1_000_000))


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def big(number):
    return bytes([number]) * 5_000_000


def settings(_):
    import cv2
    import torch

    return {
        "torch": torch.get_num_threads(),
        "cv2": cv2.getNumThreads(),
        "OMP_NUM_THREADS": os.environ["OMP_NUM_THREADS"],
        "python threads": threading.active_count(),
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "interrupt": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
    }


def product(seed):
    """A matrix product whose last bits depend on how it is split over threads."""
    import numpy as np

    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 700, 700)).astype(np.float32)
    return hashlib.sha256((a @ b).tobytes()).hexdigest()


def maybe_die(number):
    if number % 7 == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number % 11 == 5:
        raise ValueError(number)
    return number


def announce_and_sleep(folder):
    Path(folder, str(os.getpid())).touch()
    ctypes.PyDLL(None).sleep(1000)


def number_after(seconds):
    time.sleep(seconds)
    return os.environ["SCENESORT_WORKER"]


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)
