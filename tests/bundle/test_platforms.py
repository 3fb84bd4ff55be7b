from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesort.bundle.platforms import accepted_platforms, normal_platform
from scenesort.errors import OptionError


def test_a_target_takes_wheels_for_every_older_glibc() -> None:
    tags = accepted_platforms("manylinux_2_28_x86_64")
    assert tags[:2] == ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64"]
    assert tags[-2:] == ["manylinux_2_5_x86_64", "manylinux1_x86_64"]
    assert {"manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux2010_x86_64"} <= set(tags)
    assert "manylinux_2_29_x86_64" not in tags


def test_machines_newer_than_manylinux2014_have_no_older_tags() -> None:
    tags = accepted_platforms("manylinux_2_28_aarch64")
    assert tags[-2:] == ["manylinux_2_17_aarch64", "manylinux2014_aarch64"]


def test_old_names_are_understood() -> None:
    assert normal_platform("manylinux2014_x86_64") == "manylinux_2_17_x86_64"


@pytest.mark.parametrize("text", ["win_amd64", "manylinux", "manylinux_2_x_x86_64", "macosx_11_0_arm64", ""])
def test_other_systems_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match="manylinux_2_28_x86_64"):
        accepted_platforms(text)


@given(st.integers(17, 60), st.sampled_from(["x86_64", "aarch64", "ppc64le"]))
def test_tags_are_those_that_packaging_derives_for_such_a_system(minor: int, machine: str) -> None:
    packaging = pytest.importorskip("packaging._manylinux")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packaging, "_get_glibc_version", lambda: (2, minor))
        patch.setattr(packaging, "_is_compatible", lambda *_: True)
        patch.setattr(packaging, "_have_compatible_abi", lambda *_: True)
        expected = list(packaging.platform_tags([machine]))
    assert accepted_platforms(f"manylinux_2_{minor}_{machine}") == expected
