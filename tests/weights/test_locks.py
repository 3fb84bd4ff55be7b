"""The lock lets one in at a time and leaves no file."""

from __future__ import annotations

import errno
import fcntl
import threading
import time

from scenesort.weights import locks
from scenesort.weights.locks import locked


def test_one_at_a_time_and_no_file_stays(tmp_path):
    inside, most, told, failed = [], [], [], []

    def work():
        with locked(tmp_path / "x.lock", lambda: told.append(1)):
            inside.append(1)
            failed.extend([] if (tmp_path / "x.lock").exists() else ["who comes now finds no lock"])
            most.append(len(inside))
            time.sleep(0.005)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 12
    assert failed == []
    assert 1 <= len(told) <= 11
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_was_left_does_no_harm(tmp_path):
    (tmp_path / "x.lock").write_text("left by a killed process")
    with locked(tmp_path / "x.lock", lambda: None):
        assert (tmp_path / "x.lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_locks_is_used_without(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with locked(tmp_path / "x.lock", lambda: None):
        pass
    assert list(tmp_path.iterdir()) == []
    assert fcntl is locks.fcntl
