"""Whether a model fits into memory, asked before it is loaded."""

from __future__ import annotations

from scenesort.errors import WeightsError
from scenesort.execution import available_mb
from scenesort.weights import REGISTRY

BYTES_OF = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "4bit": 0.6}
"""Bytes a parameter; 4-bit numbers carry scales, and a few layers stay in half precision."""

WORKING_SHARE = 1.25
WORKING_MB = 200.0
"""What one photo's computation needs beside the parameters: a share of them, and at least so much."""


def needed_mb(num_parameters: int, precision: str) -> float:
    """Return how many MB (10^6 bytes) a model needs to describe one photo, an estimate."""
    return num_parameters * BYTES_OF[precision] * WORKING_SHARE / 1e6 + WORKING_MB


def check_memory(member: str, model: str, num_parameters: int, precision: str, device: str) -> None:
    """Raise WeightsError when a model doesn't fit: it says what is needed, what is free, and what to do."""
    needed, free = needed_mb(num_parameters, precision), available_mb(device)
    if free is None or needed <= free:
        return
    place = "on the GPU" if device.startswith("cuda") else "in memory"
    known = f" (the registry says: {REGISTRY[model].memory})" if model in REGISTRY else ""
    ways = ["take a smaller model", "close other programs or use fewer workers"]
    if precision == "float32":
        ways.append("set precision to bfloat16")
    if device.startswith("cuda"):
        ways.append("set the device to cpu")
    raise WeightsError(
        f"{member}: '{model}' with {num_parameters / 1e6:,.0f} million parameters needs about {needed / 1e3:.1f} GB in "
        f"{precision}{known}, and {free / 1e3:.1f} GB are free {place}; {', or '.join(ways)}"
    )
