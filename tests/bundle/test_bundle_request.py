from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesort.bundle import BundleRequest
from scenesort.bundle.request import (
    parse_pin,
    parse_size,
    parse_source,
    parse_without,
    pin_name,
    split_names,
)
from scenesort.errors import OptionError


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"python": "3"}, "--python 3"),
        ({"platform": "linux"}, "--platform linux"),
        ({"accelerator": "rocm"}, "--accelerator rocm"),
        ({"accelerator": "cu9"}, "--accelerator cu9"),
        ({"dataset": "slug-alone"}, "USER/SLUG"),
        ({"dataset": "ann/Big Slug"}, "USER/SLUG"),
        ({"part_bytes": 999}, "--part-size"),
        ({"sources": (("a", Path()), ("a", Path()))}, "--source a"),
        ({"pins": ("Torch==2.6",), "without": (("torch", ""),)}, "torch is in --pin and in --without"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(change: dict[str, object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        BundleRequest(("balanced",), **change)


def test_accelerators_are_a_cpu_a_line_of_cuda_or_one_cuda() -> None:
    for accelerator in ("cpu", "cu12x", "cu128"):
        assert BundleRequest(("balanced",), accelerator=accelerator).accelerator == accelerator


def test_names_are_split_and_each_is_kept_once() -> None:
    assert split_names("balanced, dino,,balanced") == ("balanced", "dino")
    with pytest.raises(OptionError):
        split_names(" , ")


@pytest.mark.parametrize("text", ["transformers==5.23.0", "scm-x[extra]>=1,<2", "a == 1.*", "torch==2.13.0+cpu"])
def test_pins_are_requirements(text: str) -> None:
    assert parse_pin(text) == text.replace(" ", "")


@pytest.mark.parametrize("text", ["transformers", "==1", "a @ file:///x", "-r file", "a==1; python_version>'3'", ""])
def test_other_requirements_are_no_pins(text: str) -> None:
    with pytest.raises(OptionError, match="--pin"):
        parse_pin(text)


def test_a_pin_names_its_package_as_the_registry_does() -> None:
    assert pin_name("Scm_X[extra]>=1") == "scm-x"


def test_packages_are_left_out_by_name_or_with_the_version_that_is_there() -> None:
    assert parse_without(["Torch==2.6.0+cu124", "numpy,pillow"]) == (("torch", "2.6.0"), ("numpy", ""), ("pillow", ""))
    for text in ("torch>=2", "scenesort", "--help", ""):
        with pytest.raises(OptionError, match="--without"):
            parse_without([text])


def test_a_source_is_a_name_and_a_folder(tmp_path: Path) -> None:
    assert parse_source(f"mast3r={tmp_path}") == ("mast3r", tmp_path)
    for text in ("mast3r", f"={tmp_path}", f"../up={tmp_path}", f"mast3r={tmp_path}/none", "mast3r="):
        with pytest.raises(OptionError, match="--source"):
            parse_source(text)


@given(st.integers(1, 10**6), st.sampled_from([("", 1), ("KB", 10**3), ("mb", 10**6), ("GB", 10**9), ("GiB", 2**30)]))
def test_sizes_have_units(number: int, unit: tuple[str, int]) -> None:
    assert parse_size(f"{number} {unit[0]}") == number * unit[1]


@pytest.mark.parametrize("text", ["big", "-1GB", "1TBB", "GB", ""])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match="2GB"):
        parse_size(text)
