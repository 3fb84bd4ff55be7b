"""What comes of a task: its value or the error that stands for what went wrong, with its time and memory."""

from __future__ import annotations

import contextlib
import functools
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from scenesort.errors import ScenesortError, WorkerError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T, R]):
    """What came of one task.

    `value` is the function's result and `error` None, or the other way round. `error` is the ScenesortError that the
    function raised, or a WorkerError that names the exception, the signal or the time limit. `seconds` and `cpu_s` are
    the task's wall-clock and CPU time, `peak_memory_mb` its worker's peak memory in MB (10^6 bytes) while it ran,
    loaded models included. `log` holds the end of what the task printed, and the traceback if it failed.
    """

    task: T
    value: R | None
    error: ScenesortError | None
    seconds: float
    cpu_s: float
    peak_memory_mb: float
    log: str = ""

    def result(self) -> R:
        """The value. Raises `error` if there is one."""
        if self.error is not None:
            raise self.error
        return cast(R, self.value)


@dataclass(frozen=True, slots=True)
class Report:
    """An outcome without its task."""

    value: Any
    error: ScenesortError | None
    seconds: float
    cpu_s: float
    peak_memory_mb: float
    log: str


def failure(packed: bytes | None, text: str, traceback: str) -> ScenesortError:
    """The error that stands for an exception in the child."""
    error: ScenesortError = WorkerError(f"the task failed: {text}")
    if packed is not None:
        # A class that only the child could import leaves its text.
        with contextlib.suppress(Exception):
            error = pickle.loads(packed)
    if traceback:
        error.add_note(traceback)
    return error


def check_importable(function: Callable[..., object]) -> None:
    """Refuse functions that a child couldn't import, with a clearer word than pickle's."""
    inner: Any = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    if getattr(inner, "__module__", None) == "__main__":
        name = getattr(inner, "__qualname__", repr(inner))
        raise TypeError(f"{name} is defined in the main script: move it to a module, so that workers can import it")
