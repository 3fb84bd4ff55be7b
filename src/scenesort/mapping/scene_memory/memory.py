"""How many photos a model may see at once: predicted before the run, and halved when the prediction was wrong."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scenesort.errors import WeightsError

USED_SHARE = 0.9
"""Share of the free memory that a window may be predicted to take."""

_SIGNS = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Most photos at once, the memory predicted for them, and a sentence for the user."""

    photos: int
    needed_mb: float
    sentence: str


def plan_window(
    name: str,
    memory_mb: Callable[[int, int], float],
    num_photos: int,
    *,
    side_px: int,
    least_photos: int,
    wanted: int,
    free_mb: float | None,
) -> WindowPlan:
    """Return the largest window for a scene of `num_photos` that fits into the free memory.

    `memory_mb(photos, side_px)` predicts (PoseModel.memory_mb). `wanted`: most photos asked for, 0 for all; `free_mb`
    is None where the system doesn't tell, and everything fits. Raises WeightsError when not even `least_photos` fit:
    the error of models that memory doesn't hold.
    """
    most = max(least_photos, min(wanted, num_photos) if wanted else num_photos)
    needed_mb = memory_mb(most, side_px)
    asked = f"{name} needs about {_gb(needed_mb)} GB at {most} photos a window"
    if free_mb is None:
        return WindowPlan(most, needed_mb, f"{asked}; how much is free isn't known")
    room_mb = USED_SHARE * free_mb
    if needed_mb <= room_mb:
        return WindowPlan(most, needed_mb, f"{asked}; {_gb(free_mb)} GB are free")
    least_mb = memory_mb(least_photos, side_px)
    if least_mb > room_mb:
        raise WeightsError(
            f"{name} needs about {_gb(least_mb)} GB for {least_photos} photos at once, and {_gb(free_mb)} GB are free; "
            "close other programs, lower pose_models.side_px, or choose a smaller model or another device"
        )
    low, high = least_photos, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if memory_mb(middle, side_px) <= room_mb else (low, middle)
    return WindowPlan(low, memory_mb(low, side_px), f"{asked}; {_gb(free_mb)} GB are free: using {low}")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out: Python's, torch's own, or a library's in words."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def free_memory() -> None:
    """Give back what a call that failed has left behind."""
    gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _gb(mb: float) -> str:
    return f"{mb / 1000:.1f}" if mb < 9950 else f"{mb / 1000:.0f}"
