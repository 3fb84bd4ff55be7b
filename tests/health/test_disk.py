"""Room on disks."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from scenesort.health import Request, disk


@pytest.mark.parametrize(
    ("free_gb", "state"), [(100.0, "ok"), (5.1, "ok"), (4.9, "warning"), (0.6, "warning"), (0.4, "problem")]
)
def test_little_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_gb: float, state: str) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=free_gb * 1e9))
    found = disk.judge_folder("temp folder", tmp_path / "not" / "there", "TMPDIR", with_paths=False)
    assert found.state == state
    assert f"{free_gb:.1f} GB" in found.text
    assert str(tmp_path) not in found.text
    assert ("TMPDIR" in found.remedy) == (state != "ok")
    assert str(tmp_path) in disk.judge_folder("temp folder", tmp_path, "TMPDIR", with_paths=True).text


def test_a_folder_that_cannot_be_written_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    found = disk.judge_folder("working folder", tmp_path, "-o", with_paths=False)
    assert found.state == "warning"
    assert "can't be written to" in found.text


def test_no_room_for_more_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_files=1000, f_favail=0))
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=1e12))
    assert disk.judge_folder("temp folder", tmp_path, "TMPDIR", with_paths=False).state == "problem"


def test_no_temp_folder_at_all() -> None:
    found = disk.judge_folder("temp folder", None, "TMPDIR", with_paths=False)
    assert found.state == "problem"
    assert "TMPDIR" in found.remedy


def test_three_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENESORT_WEIGHTS", str(tmp_path / "models"))
    found = disk.check_disk(Request("balanced", tmp_path, with_paths=True))
    assert [item.values["folder"] for item in found] == ["working folder", "temp folder", "weights folder"]
    assert "models" in found[2].text


def test_a_working_folder_that_was_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    (found,) = disk.check_disk(Request("balanced", Path()))
    assert found.state == "problem"
    assert "deleted" in found.text
    monkeypatch.chdir(tmp_path)
