"""Where work runs: child processes with limits, which die with their parent, and the device for torch."""

from scenesort.execution.machine import available_mb, cpu_count, own_device, own_peak_memory_mb, resolve_device
from scenesort.execution.outcome import Outcome
from scenesort.execution.pool import WorkerPool, run_tasks

__all__ = [
    "Outcome",
    "WorkerPool",
    "available_mb",
    "cpu_count",
    "own_device",
    "own_peak_memory_mb",
    "resolve_device",
    "run_tasks",
]
