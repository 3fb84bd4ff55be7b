"""Requirements against what is installed, and packages in each other's way."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesort.health.packages import check_requirements

LINES = ["numpy<3,>=2.0", "opencv-python-headless<6,>=4.10", "torch<2.14,>=2.6"]
GOOD = {"numpy": "2.4.6", "opencv-python-headless": "5.0.0.93", "torch": "2.13.0+cpu"}


def states(installed: Mapping[str, str], lines: list[str] = LINES) -> list[tuple[str, str, str]]:
    return [(found.state, found.text, found.remedy) for found in check_requirements(lines, installed.get)]


def test_what_fits_is_ok() -> None:
    assert states(GOOD) == [
        ("ok", "numpy 2.4.6", ""),
        ("ok", "opencv-python-headless 5.0.0.93", ""),
        ("ok", "torch 2.13.0+cpu", ""),
    ]


@pytest.mark.parametrize("number", ["1.26.4", "3.0.0"])
def test_versions_out_of_bounds(number: str) -> None:
    (found,) = states({"numpy": number}, ["numpy<3,>=2.0"])
    assert found[0] == "problem"
    assert number in found[1]
    assert found[2] == 'pip install "numpy<3,>=2.0"'


def test_a_package_that_is_missing() -> None:
    (found,) = states({}, ["pycolmap<4.3,>=4.2.1"])
    assert found == ("problem", "pycolmap is missing", 'pip install "pycolmap<4.3,>=4.2.1"')


def test_another_package_stands_in() -> None:
    (found,) = states({"pycolmap-cuda12": "4.2.1"}, ["pycolmap<4.3,>=4.2.1"])
    assert found[:2] == ("warning", "pycolmap is missing, pycolmap-cuda12 4.2.1 stands in: not tested")


def test_two_packages_with_the_same_files() -> None:
    found = states({**GOOD, "opencv-python": "4.11.0"})
    assert [state for state, _, _ in found] == ["ok", "ok", "warning", "ok"]
    assert found[2][1].startswith("opencv-python-headless and opencv-python are both installed")


def test_extras_are_a_choice_but_must_fit() -> None:
    lines = ["numpy>=2", "mypy<3,>=1.15; extra == 'dev'", 'pytest<10,>=8; extra == "dev"', "sphinx>=8; extra == 'docs'"]
    found = states({"numpy": "2.1", "mypy": "1.16"}, lines)
    assert [(state, text) for state, text, _ in found] == [
        ("ok", "numpy 2.1"),
        ("ok", "extra dev: 1 of 2"),
        ("ok", "extra docs: 0 of 1"),
    ]
    (_, wrong, _) = states({"numpy": "2.1", "mypy": "1.0"}, lines)
    assert wrong[0] == "warning"
    assert "mypy 1.0" in wrong[1]


def test_requirements_of_other_systems_don_t_count() -> None:
    assert states({}, ["pywin32; sys_platform == 'win32'"]) == []


@given(st.integers(0, 9), st.integers(0, 99), st.integers(0, 9))
def test_bounds_hold_exactly(major: int, minor: int, patch: int) -> None:
    (found,) = states({"numpy": f"{major}.{minor}.{patch}"}, ["numpy<3,>=2.5"])
    assert (found[0] == "ok") == ((2, 5, 0) <= (major, minor, patch) < (3, 0, 0))
