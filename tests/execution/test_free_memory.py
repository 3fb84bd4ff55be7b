"""The memory that is free, as a made-up system tells it."""

import pytest

from scenesort.execution import available_mb


def test_free_memory_is_the_least_that_the_system_tells_of(tmp_path):
    assert available_mb("cpu", tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable: 4000000 kB\n")
    assert available_mb("cpu", tmp_path) == pytest.approx(4096)
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("3000000000\n")
    (group / "memory.current").write_text("2500000000\n")
    (group / "memory.stat").write_text("anon 7\ninactive_file 400000000\n")
    assert available_mb("cpu", tmp_path) == pytest.approx(900)
    (group / "memory.max").write_text("max\n")
    assert available_mb("cpu", tmp_path) == pytest.approx(4096)
