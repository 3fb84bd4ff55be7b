"""What the machine offers: processor cores that this process may use, the device for torch, free memory."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

from scenesort.errors import OptionError
from scenesort.execution.process import NUMBER_VARIABLE
from scenesort.execution.worker import peak_memory_mb

DEVICES = ("auto", "cpu", "cuda", "mps")


def cpu_count() -> int:
    """Number of cores that this process may use, at least 1: its CPU affinity and its container's quota count."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, min(cores, math.ceil(_quota(Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")))))


def _quota(root: Path, membership: Path) -> float:
    """The smallest quota, in cores, of the process's control groups (versions 2 and 1), or the largest float."""
    quotas = [1e9]
    for line in _text(membership).splitlines():
        _, controllers, group = [*line.split(":", 2), "", "", ""][:3]
        if controllers == "":
            base, version = root, 2
        elif "cpu" in controllers.split(","):
            base, version = root / "cpu", 1
        else:
            continue
        folder = base / group.lstrip("/")
        # In a container the group's path may not exist below the mount, whose top is then the container's own group.
        for place in {base, *(place for place in (folder, *folder.parents) if place.is_relative_to(base))}:
            if version == 2:
                limit, period = [*_text(place / "cpu.max").split(), "", ""][:2]
            else:
                limit, period = _text(place / "cpu.cfs_quota_us").strip(), _text(place / "cpu.cfs_period_us").strip()
            if limit.isdigit() and period.isdigit() and int(period) > 0:
                quotas.append(int(limit) / int(period))
    return min(quotas)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def resolve_device(name: str) -> str:
    """The torch device (`cpu`, `cuda`, `cuda:1`, `mps`) meant by `name`; `auto` is the fastest one present.

    Raises OptionError for an unknown name, or a device that this machine or this build of torch doesn't have.
    """
    kind, _, index = name.partition(":")
    if name not in DEVICES and not re.fullmatch(r"cuda:[0-9]+", name):
        raise OptionError(f"device '{name}' is unknown: use one of {', '.join(DEVICES)}, or cuda:NUMBER")
    if name == "cpu":
        return name
    import torch

    num_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    has_mps = torch.backends.mps.is_available()
    if name == "auto":
        return "cuda" if num_cuda else "mps" if has_mps else "cpu"
    if kind == "cuda" and not num_cuda:
        raise OptionError(f"device '{name}' isn't available: torch finds no CUDA GPU. Use --device cpu or auto.")
    if kind == "cuda" and index and int(index) >= num_cuda:
        raise OptionError(f"device '{name}' isn't available: this machine has cuda:0 to cuda:{num_cuda - 1}")
    if kind == "mps" and not has_mps:
        raise OptionError("device 'mps' isn't available: it needs an Apple GPU. Use --device cpu or auto.")
    return name


def own_device(device: str) -> str:
    """The torch device of this worker process, where `device` is one that `resolve_device` gave.

    Workers take turns on the GPUs of `cuda`: the first worker has `cuda:0`, the next `cuda:1`, and so on.
    """
    if device != "cuda":
        return device
    import torch

    number = int(os.environ.get(NUMBER_VARIABLE, "0"))
    return f"cuda:{number % max(1, torch.cuda.device_count())}"


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


def own_peak_memory_mb() -> float:
    """Peak resident memory of this process so far, in MB (10^6 bytes)."""
    return peak_memory_mb()
