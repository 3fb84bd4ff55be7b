"""Memory and its limits, read from files as Linux has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenesort.health.memory import Memory, read_memory

MEMINFO = "MemTotal:       16000000 kB\nMemFree:          100000 kB\nMemAvailable:    8000000 kB\n"
MB = 10**6


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_machine_without_limits(tmp_path: Path) -> None:
    found = read_memory(write(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/user\n"}))
    assert found == Memory(16384.0, 8192.0, None, None)
    assert found.free_mb() == 8192.0


def test_a_container_of_version_2_counts_files_in_memory_as_free(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/pod/task"
    root = write(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/pod/task\n",
            "sys/fs/cgroup/pod/memory.max": "max\n",
            f"{group}/memory.max": f"{2000 * MB}\n",
            f"{group}/memory.current": f"{1500 * MB}\n",
            f"{group}/memory.stat": f"anon 5\ninactive_file {300 * MB}\n",
        },
    )
    found = read_memory(root)
    assert (found.limit_mb, found.used_of_limit_mb) == (2000.0, 1200.0)
    assert found.free_mb() == 800.0


def test_the_tightest_of_several_groups_counts(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/pod/task\n",
            "sys/fs/cgroup/pod/memory.max": f"{3000 * MB}\n",
            "sys/fs/cgroup/pod/memory.current": f"{2900 * MB}\n",
            "sys/fs/cgroup/pod/task/memory.max": f"{2000 * MB}\n",
            "sys/fs/cgroup/pod/task/memory.current": f"{100 * MB}\n",
        },
    )
    assert read_memory(root).free_mb() == 100.0


@pytest.mark.parametrize("place", ["sys/fs/cgroup/memory/docker/abc", "sys/fs/cgroup/memory"])
def test_a_container_of_version_1(tmp_path: Path, place: str) -> None:
    root = write(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "5:cpu:/docker/abc\n4:memory:/docker/abc\n",
            f"{place}/memory.limit_in_bytes": f"{4000 * MB}\n",
            f"{place}/memory.usage_in_bytes": f"{1000 * MB}\n",
        },
    )
    assert read_memory(root) == Memory(16384.0, 8192.0, 4000.0, 1000.0)


def test_version_1_writes_a_huge_number_for_no_limit(tmp_path: Path) -> None:
    files = {"proc/meminfo": MEMINFO, "proc/self/cgroup": "4:memory:/\n"}
    files["sys/fs/cgroup/memory/memory.limit_in_bytes"] = "9223372036854771712\n"
    assert read_memory(write(tmp_path, files)).limit_mb is None


def test_a_system_that_tells_nothing(tmp_path: Path) -> None:
    found = read_memory(tmp_path)
    assert (found.available_mb, found.limit_mb, found.free_mb()) == (None, None, None)


def test_this_machine() -> None:
    found = read_memory()
    assert found.total_mb
    assert found.total_mb > 100
    assert (found.free_mb() or 1) > 0
