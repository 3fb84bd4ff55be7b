"""How much memory this process may use, from the system's own files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Memory:
    """Main memory in MB (10^6 bytes): all of it, what is free for programs, and the container's limit and use of it.

    Each is None where the system doesn't tell, or sets no limit.
    """

    total_mb: float | None
    available_mb: float | None
    limit_mb: float | None
    used_of_limit_mb: float | None

    def free_mb(self) -> float | None:
        """Return what a new program may take: what is available, or what is left of the container's limit if less."""
        left = None
        if self.limit_mb is not None:
            left = max(0.0, self.limit_mb - (self.used_of_limit_mb or 0.0))
        known = [value for value in (self.available_mb, left) if value is not None]
        return min(known) if known else None


def read_memory(root: Path = Path("/")) -> Memory:
    """Return the memory that the system below `root` tells of: `/proc/meminfo` and control groups of both versions."""
    found = dict(re.findall(r"^(\w+): +(\d+) kB$", _text(root / "proc/meminfo"), re.MULTILINE))
    total = _kb_to_mb(found.get("MemTotal"))
    if total is None and "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6
    limit, used = _tightest(root, total)
    return Memory(total, _kb_to_mb(found.get("MemAvailable")), limit, used)


def _tightest(root: Path, total_mb: float | None) -> tuple[float | None, float | None]:
    """The limit and the use, in MB, of that control group above this process that has least left."""
    tightest: tuple[float | None, float | None] = (None, None)
    least_left = float("inf")
    for folder, limit_name, used_name, cache_name in _groups(root):
        limit, used = _text(folder / limit_name).strip(), _text(folder / used_name).strip()
        # Version 1 writes a number near 2^63 for no limit, version 2 the word "max".
        if not limit.isdigit() or (total_mb is not None and int(limit) / 1e6 > total_mb):
            continue
        cached = re.search(rf"^{cache_name} (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
        # Pages of files that can be dropped at any time are no use of memory.
        used_bytes = max(0, int(used) - (int(cached[1]) if cached else 0)) if used.isdigit() else 0
        if int(limit) - used_bytes < least_left:
            least_left = int(limit) - used_bytes
            tightest = (int(limit) / 1e6, used_bytes / 1e6)
    return tightest


def _groups(root: Path) -> list[tuple[Path, str, str, str]]:
    """The folders of this process's control groups with their files' names: limit, use, and the cache in `stat`."""
    mount = root / "sys/fs/cgroup"
    groups = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, group = [*line.split(":", 2), "", "", ""][:3]
        if controllers == "":
            base, names = mount, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base, names = mount / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        folder = base / group.lstrip("/")
        # In a container the group's path may not exist below the mount, whose top is then the container's own group.
        places = dict.fromkeys([folder, *(place for place in folder.parents if place.is_relative_to(base)), base])
        groups += [(place, *names) for place in places]
    return groups


def _kb_to_mb(text: str | None) -> float | None:
    return int(text) * 1024 / 1e6 if text else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
