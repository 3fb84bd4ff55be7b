"""What pip finds inconsistent, as far as it touches us."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from scenesort.health import Request, pip_check

REQUEST = Request("balanced", Path())

LINES = [
    "torchvision 0.20.0 has requirement torch==2.5.0, but you have torch 2.13.0.",
    "spacy 3.7 requires thinc, which is not installed.",
    "jinja2-cli 1.0 has requirement MarkupSafe<2, but you have markupsafe 3.0.",
    "sympy 1.14.0 requires mpmath, which is not installed.",
    "scenesort 0.1.0 has requirement numpy<3,>=2.0, but you have numpy 1.26.0.",
    "h5py 3.12.0 is not supported on this platform",
]


def test_only_lines_about_our_packages_count() -> None:
    names = {"scenesort", "torch", "numpy", "sympy", "h5py", "markupsafe"}
    assert pip_check.touching(LINES, names) == [LINES[0], LINES[2], LINES[3], LINES[5]]
    assert pip_check.touching(LINES, {"thinc"}) == [LINES[1]]
    assert pip_check.touching(["WARNING: something else"], names) == []


def test_the_tree_of_dependencies() -> None:
    needs = {
        "a": ["B>=1", "c; extra == 'dev'", "d; python_version < '3'"],
        "b": ["e_e[fast]<2"],
        "e-e": ["a"],
    }
    assert pip_check.dependency_tree("a", needs.get) == {"a", "b", "e-e"}


def test_the_real_tree_reaches_what_torch_needs() -> None:
    assert {"scenesort", "torch", "numpy", "sympy", "mpmath"} <= pip_check.dependency_tree("scenesort")


@pytest.mark.parametrize(
    ("code", "output", "error", "state", "text"),
    [
        (0, "No broken requirements found.\n", "", "ok", "no clash"),
        (1, LINES[0] + "\n" + LINES[1] + "\n", "", "warning", "torchvision 0.20.0"),
        (1, "", "Traceback\nValueError: odd", "warning", "could not tell: ValueError: odd"),
        (2, "", "", "warning", "could not tell"),
    ],
)
def test_pip_s_answers(
    monkeypatch: pytest.MonkeyPatch, code: int, output: str, error: str, state: str, text: str
) -> None:
    def run(command: list[str], timeout_s: float) -> Any:
        assert command[-1] == "check"
        return subprocess.CompletedProcess(command, code, output, error)

    monkeypatch.setattr(pip_check, "run_program", run)
    (found,) = pip_check.check_pip(REQUEST)
    assert found.state == state
    assert text in found.text


def test_without_pip_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pip_check, "find_spec", lambda name: None)
    (found,) = pip_check.check_pip(REQUEST)
    assert found.state == "ok"
    assert "no pip" in found.text
