"""Cores, memory and GPUs: what is told of them, and when it is a problem."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scenesort.health import Request, devices
from scenesort.health.memory import Memory

REQUEST = Request("balanced", Path())


@pytest.mark.parametrize(
    ("memory", "cores", "state", "words"),
    [
        (Memory(64e3, 60e3, None, None), 16, "ok", "64.0 GB, 60.0 GB free"),
        (Memory(64e3, 60e3, 8e3, 1e3), 2, "ok", "8.0 GB allowed to this container, 7.0 GB free"),
        (Memory(64e3, 60e3, 8e3, 1e3), 32, "warning", "too little for 32 workers"),
        (Memory(64e3, 60e3, 2e3, 1.5e3), 2, "problem", "needs about 1.7 GB"),
        (Memory(64e3, 1e3, None, None), 2, "problem", "1.0 GB free"),
        (Memory(64e3, None, None, None), 2, "ok", "the system doesn't tell"),
    ],
)
def test_memory(memory: Memory, cores: int, state: str, words: str) -> None:
    found = devices.judge_memory(memory, cores)
    assert found.state == state
    assert words in found.text
    assert bool(found.remedy) == (state != "ok")


def test_a_remedy_names_as_many_workers_as_fit() -> None:
    found = devices.judge_memory(Memory(64e3, 5e3, None, None), 32)
    number = int(found.remedy.split("--workers ")[1].split(",")[0])
    assert 1 < number < 32
    assert devices.judge_memory(Memory(64e3, 5e3, None, None), number).state == "ok"


def test_this_machine() -> None:
    cores, memory = devices.check_machine(REQUEST)
    assert cores.values["cores"] >= 1  # type: ignore[operator]
    assert memory.check == "memory"


@pytest.mark.parametrize(
    ("named", "cuda", "state", "words"),
    [
        ([], None, "ok", "none"),
        ([], "12.8", "ok", "none"),
        (
            [["T4", "15360", "15000", "535.1"]],
            None,
            "warning",
            "T4 (driver 535.1) is not used: this torch is built for",
        ),
        ([["T4", "15360", "15000", "535.1"]], "13.0", "warning", "built for CUDA 13.0, can't reach it"),
    ],
)
def test_gpus_that_are_not_used(named: list[list[str]], cuda: str | None, state: str, words: str) -> None:
    found = devices.judge_unused(named, cuda)
    assert found.state == state
    assert words in found.text


class Total:
    """What a sum gives."""

    def __init__(self, value: float) -> None:
        self.value = value

    def sum(self) -> float:
        return self.value


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (6.0, "ok", "cuda:0: T4, 16.0 GB, 12.0 GB free, driver 535.1, CUDA 12.8"),
        (0.0, "problem", "adds 0, 1, 2 and 3 to 0.0"),
        (RuntimeError("no kernel image\nmore"), "problem", "T4 can't be used: no kernel image"),
    ],
)
def test_a_gpu_must_be_able_to_add(
    monkeypatch: pytest.MonkeyPatch, answer: float | RuntimeError, state: str, words: str
) -> None:
    def arange(*_: object, **__: object) -> Any:
        if isinstance(answer, RuntimeError):
            raise answer
        return Total(answer)

    output = "T4, 15360, 11000, 535.1\nodd line\n"
    monkeypatch.setattr(devices.shutil, "which", lambda name: "/usr/bin/" + name)
    monkeypatch.setattr(
        devices, "run_program", lambda command, limit_s: subprocess.CompletedProcess(command, 0, output, "")
    )
    cuda = SimpleNamespace(
        is_available=lambda: True,
        device_count=lambda: 1,
        get_device_name=lambda index: "T4",
        mem_get_info=lambda index: (12 * 10**9, 16 * 10**9),
    )
    torch = SimpleNamespace(cuda=cuda, version=SimpleNamespace(cuda="12.8"), arange=arange)
    monkeypatch.setitem(sys.modules, "torch", torch)
    (found,) = devices.check_gpus(REQUEST)
    assert found.state == state
    assert words in found.text
