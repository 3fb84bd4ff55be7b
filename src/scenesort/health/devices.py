"""Processor cores, memory and graphics processors."""

from __future__ import annotations

import csv
import os
import shutil
from typing import Any

from scenesort.execution import cpu_count
from scenesort.execution.program import run_program
from scenesort.health.findings import Finding, Request, mark
from scenesort.health.memory import Memory, read_memory
from scenesort.planning import least_memory_mb, plan_memory

_NUM_PHOTOS = 100

_MEGAPIXELS = 12.0
"""A phone's photo."""

_DRIVER_LIMIT_S = 20.0

_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,memory.free,driver_version", "--format=csv,noheader,nounits")


def check_machine(_request: Request) -> list[Finding]:
    """The cores and the memory that this process may use, and whether one worker on each core fits."""
    return [_cores(cpu_count(), os.cpu_count() or 1), judge_memory(read_memory(), cpu_count())]


def judge_memory(memory: Memory, cores: int) -> Finding:
    """Tell of the memory, and whether a run of 100 photos with one worker a core fits into what is free."""
    free_mb = memory.free_mb()
    parts = []
    values: dict[str, float | str] = {}
    if memory.total_mb is not None:
        parts.append(f"{memory.total_mb / 1e3:.1f} GB")
        values["total_mb"] = round(memory.total_mb)
    if memory.limit_mb is not None:
        parts.append(f"{memory.limit_mb / 1e3:.1f} GB allowed to this container")
        values["limit_mb"] = round(memory.limit_mb)
    if free_mb is None:
        return Finding("memory", "ok", ", ".join([*parts, "free: the system doesn't tell"]), values=values)
    text = ", ".join([*parts, f"{free_mb / 1e3:.1f} GB free"])
    values["free_mb"] = round(free_mb)
    plan = plan_memory(free_mb, cores, True, _MEGAPIXELS, _MEGAPIXELS, _NUM_PHOTOS)
    if plan is None:
        least_gb = least_memory_mb(True, _NUM_PHOTOS) / 1e3
        return Finding(
            "memory",
            "problem",
            f"{text}: a run of {_NUM_PHOTOS} photos needs about {least_gb:.1f} GB",
            "end other programs, or raise the container's limit",
            values=values,
        )
    if plan.workers < cores:
        return Finding(
            "memory",
            "warning",
            f"{text}: too little for {cores} workers, one for each core",
            f"give runs --workers {plan.workers}, or --memory-limit",
            values=values,
        )
    return Finding("memory", "ok", text, values=values)


def _cores(usable: int, present: int) -> Finding:
    text = f"{usable} core{'s' * (usable != 1)}"
    if usable < present:
        text += f" of {present} may be used"
    return Finding("processor", "ok", text, values={"cores": usable, "cores_present": present})


def check_gpus(_request: Request) -> list[Finding]:
    """The graphics processors that torch can use, each with a small sum done on it, and those that it can't."""
    import torch

    mark("asking torch for GPUs")
    named = _named_by_driver()
    if torch.cuda.is_available():
        return [_try_gpu(torch, index, named) for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        mark("a sum on mps")
        total = float(torch.arange(4.0, device="mps").sum())
        is_right = total == 6.0
        text = "mps (Apple)" if is_right else f"mps (Apple) adds 0, 1, 2 and 3 to {total}"
        return [Finding("gpu", "ok" if is_right else "problem", text, "" if is_right else "use --device cpu")]
    return [judge_unused(named, torch.version.cuda)]


def judge_unused(named: list[list[str]], cuda: str | None) -> Finding:
    """Tell why no GPU is used, from the driver's list and the CUDA version that torch is built for (None: for none)."""
    if not named:
        return Finding("gpu", "ok", "none: models run on the processor")
    listed = ", ".join(f"{row[0]} (driver {row[3]})" for row in named)
    if cuda is None:
        return Finding(
            "gpu",
            "warning",
            f"{listed} is not used: this torch is built for the processor alone",
            "install a build of torch for CUDA, or go on without: runs take longer",
        )
    return Finding(
        "gpu",
        "warning",
        f"{listed} is not used: torch, built for CUDA {cuda}, can't reach it",
        "update the driver, or install a torch for an older CUDA; look at CUDA_VISIBLE_DEVICES, too",
    )


def _try_gpu(torch: Any, index: int, named: list[list[str]]) -> Finding:
    mark(f"a sum on cuda:{index}")
    name = torch.cuda.get_device_name(index)
    driver = next((row[3] for row in named if row[0] == name), "")
    try:
        free_bytes, total_bytes = torch.cuda.mem_get_info(index)
        total = float(torch.arange(4.0, device=f"cuda:{index}").sum())
    except RuntimeError as error:
        return Finding(
            "gpu",
            "problem",
            f"cuda:{index}: {name} can't be used: {str(error).splitlines()[0]}",
            "free its memory or install a torch that is built for it; until then use --device cpu",
        )
    parts = [
        f"cuda:{index}: {name}",
        f"{total_bytes / 1e9:.1f} GB",
        f"{free_bytes / 1e9:.1f} GB free",
        *([f"driver {driver}"] if driver else []),
        f"CUDA {torch.version.cuda}" if torch.version.cuda else f"ROCm {torch.version.hip}",
    ]
    values: dict[str, float | str] = {"name": name, "total_mb": total_bytes // 10**6, "free_mb": free_bytes // 10**6}
    if total != 6.0:
        return Finding("gpu", "problem", f"cuda:{index}: {name} adds 0, 1, 2 and 3 to {total}", "use --device cpu")
    return Finding("gpu", "ok", ", ".join(parts), values=values)


def _named_by_driver() -> list[list[str]]:
    """Name, memory, free memory (MiB) and driver version of each NVIDIA GPU, as the driver's own tool tells them."""
    if shutil.which(_QUERY[0]) is None:
        return []
    mark("asking the driver for GPUs")
    found = run_program(_QUERY, _DRIVER_LIMIT_S)
    rows = [[cell.strip() for cell in row] for row in csv.reader(found.stdout.splitlines())]
    return [row for row in rows if len(row) == 4] if found.returncode == 0 else []
