from __future__ import annotations

import zipfile
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import bundle_world
import pytest

from scenesort.bundle import BundleError, BundleRequest
from scenesort.bundle.own_wheel import checkout, installed_scenesort, pack_installed
from scenesort.bundle.request import parse_without
from scenesort.bundle.wheels import (
    accelerator_warnings,
    base_constraints,
    check_python,
    constraint_lines,
    download_wheels,
    versions_without,
)
from scenesort.errors import OptionError

CUDA = ["torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl", "nvidia_cublas_cu12-12.8.4-py3-none-any.whl"]
CPU = ["torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"]


def test_what_is_pinned_or_left_out_takes_the_place_of_the_tested_version() -> None:
    base = ["torch==2.13.0", "numpy==2.4.6", "Pillow==13.0.0"]
    request = BundleRequest(("x",), pins=("pillow[heif]>=12",), without=parse_without(["torch==2.6.0"]))
    without = versions_without(request, base)
    assert without == {"torch": "2.6.0"}
    assert constraint_lines(request, base, without) == ["numpy==2.4.6", "pillow>=12", "torch==2.6.0+preinstalled"]


def test_the_version_of_what_is_left_out_is_the_tested_or_the_installed_one() -> None:
    request = BundleRequest(("x",), without=parse_without(["torch,pytest"]))
    assert versions_without(request, ["torch==2.13.0+cpu"])["torch"] == "2.13.0"
    assert versions_without(request, [])["pytest"] == pytest.__version__
    with pytest.raises(OptionError, match=r"nosuch==1\.2\.3"):
        versions_without(BundleRequest(("x",), without=parse_without(["nosuch"])), [])


def test_constraints_are_read_from_a_file_or_the_project(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("# comment\n\ntorch==1.0\n")
    assert base_constraints(tmp_path / "c.txt") == ["torch==1.0"]
    with pytest.raises(OptionError, match=r"none\.txt"):
        base_constraints(tmp_path / "none.txt")
    if checkout(installed_scenesort()):
        assert any(line.startswith("torch==") for line in base_constraints(None))


def test_a_python_that_scenesort_does_not_run_on_is_refused() -> None:
    check_python(BundleRequest(("x",), python="3.11"))
    for version in ("3.10", "3.12", "3.20"):
        with pytest.raises(OptionError, match=f"--python {version}"):
            check_python(BundleRequest(("x",), python=version))


def test_torch_for_gpus_on_a_cpu_is_a_warning() -> None:
    assert accelerator_warnings("cpu", CPU) == []
    (sentence,) = accelerator_warnings("cpu", CUDA)
    assert "--extra-index https://download.pytorch.org/whl/cpu" in sentence
    assert accelerator_warnings("cpu", ["numpy-2.0-py3-none-any.whl"]) == []


def test_torch_that_cannot_use_the_gpu_is_refused() -> None:
    assert accelerator_warnings("cu12x", CUDA) == []
    assert accelerator_warnings("cu128", ["torch-2.13.0+cu128-py3-none-any.whl"]) == []
    assert "CUDA 12" in accelerator_warnings("cu126", CUDA)[0]
    for accelerator, names in (("cu12x", CPU), ("cu13x", CUDA), ("cu126", ["torch-2.13.0+cu128-py3-none-any.whl"])):
        with pytest.raises(BundleError, match="--without torch"):
            accelerator_warnings(accelerator, names)


def test_pip_chooses_for_the_target_and_leaves_out_what_is_there(world: Path) -> None:
    own = bundle_world.write_wheel(world, "scenesort", "7.0", ("tinydep", "bigdep", "oldlinux"))
    request = BundleRequest(("x",), pins=("tinydep==1.0",), without=parse_without(["bigdep==1.5,unused==1"]))
    without = versions_without(request, [])
    constraints = constraint_lines(request, ["tinydep==2.0"], without)
    folder = world / "wheels"
    warnings = download_wheels(request, own, constraints, without, folder, scratch=world / "scratch")
    # bigdep needs hugedep, which no registry has: it must not even be looked for.
    assert sorted(path.name for path in folder.iterdir()) == [
        "oldlinux-1.0-cp311-cp311-manylinux2014_x86_64.whl",
        "scenesort-7.0-py3-none-any.whl",
        "tinydep-1.0-py3-none-any.whl",
    ]
    assert warnings == ["--without unused: nothing needs it"]


def test_a_wheel_for_a_newer_system_is_not_taken(world: Path) -> None:
    own = bundle_world.write_wheel(world, "scenesort", "7.0", ("newlinux",))
    request = BundleRequest(("x",), platform="manylinux2014_x86_64")
    with pytest.raises(BundleError, match=r"newlinux.*--wheels DIR"):
        download_wheels(request, own, [], {}, world / "wheels", scratch=world / "scratch")


def unpacked(tmp_path: Path) -> tuple[Path, Distribution]:
    """A package as an installer leaves it."""
    wheel = bundle_world.write_wheel(tmp_path, "some-thing", "1.2", ("tinydep",), data=b"data")
    place = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(place)
    info = place / "some_thing-1.2.dist-info"
    for name in ("INSTALLER", "REQUESTED"):
        (info / name).write_text("pip\n")
    lines = "some_thing/__pycache__/x.pyc,,\n../../../bin/thing,sha256=x,3\n"
    lines += f"{info.name}/INSTALLER,,\n{info.name}/REQUESTED,,\n"
    (info / "RECORD").write_text((info / "RECORD").read_text() + lines)
    return wheel, PathDistribution(info)


def test_an_installed_package_is_packed_into_the_wheel_that_it_came_from(tmp_path: Path) -> None:
    wheel, package = unpacked(tmp_path)
    (tmp_path / "again").mkdir()
    again = pack_installed(package, tmp_path / "again")
    assert again.name == wheel.name
    with zipfile.ZipFile(wheel) as before, zipfile.ZipFile(again) as after:
        assert sorted(after.namelist()) == sorted(before.namelist())
        for name in before.namelist():
            lines = [sorted(opened.read(name).splitlines()) for opened in (before, after)]
            assert lines[0] == lines[1], name


def test_an_installed_package_that_was_changed_is_refused(tmp_path: Path) -> None:
    _, package = unpacked(tmp_path)
    (tmp_path / "site-packages/some_thing/data.bin").write_bytes(b"other")
    (tmp_path / "again").mkdir()
    with pytest.raises(BundleError, match="changed after the installation"):
        pack_installed(package, tmp_path / "again")
