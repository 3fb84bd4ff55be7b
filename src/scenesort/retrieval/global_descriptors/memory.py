"""Whether a model fits into memory, asked before it is loaded."""

from __future__ import annotations

import re
from pathlib import Path

from scenesort.errors import WeightsError
from scenesort.weights import REGISTRY

BYTES_OF = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "4bit": 0.6}
"""Bytes a parameter; 4-bit numbers carry scales, and a few layers stay in half precision."""

WORKING_SHARE = 1.25
WORKING_MB = 200.0
"""What one photo's computation needs beside the parameters: a share of them, and at least so much."""


def needed_mb(num_parameters: int, precision: str) -> float:
    """Return how many MB (10^6 bytes) a model needs to describe one photo, an estimate."""
    return num_parameters * BYTES_OF[precision] * WORKING_SHARE / 1e6 + WORKING_MB


def available_mb(device: str, root: Path = Path("/")) -> float | None:
    """Return the free memory of a device in MB: a GPU's own, else the machine's; None where the system doesn't tell.

    On Linux the machine's is what `/proc/meminfo` calls available, or what a control group's limit leaves if less.
    """
    if device.startswith("cuda"):
        import torch

        return torch.cuda.mem_get_info(torch.device(device))[0] / 1e6
    found = re.search(r"^MemAvailable: +(\d+) kB$", _text(root / "proc/meminfo"), re.MULTILINE)
    known = [int(found[1]) * 1024 / 1e6] if found else []
    groups = root / "sys/fs/cgroup"
    for folder, limit_file, used_file, cache_name in (
        (groups, "memory.max", "memory.current", "inactive_file"),
        (groups / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        limit, used = _text(folder / limit_file).strip(), _text(folder / used_file).strip()
        if limit.isdigit() and used.isdigit():
            cached = re.search(rf"^{cache_name} (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
            # Pages of files that can be dropped at any time are no use of memory.
            known.append(max(0, int(limit) - int(used) + (int(cached[1]) if cached else 0)) / 1e6)
    return min(known) if known else None


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


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
