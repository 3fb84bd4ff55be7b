"""What every adapter does before its first photo."""

from __future__ import annotations

import pytest
import torch

from pose_model_stubs import hide, install
from scenesort.errors import MissingDependencyError, OptionError
from scenesort.mapping import pose_models
from scenesort.mapping.pose_models import PoseModel, PoseModelOptions
from scenesort.mapping.pose_models.loading import check_licence, choose_compute, import_upstream, multiple_of
from scenesort.plugins import member_names
from scenesort.weights import REGISTRY

MEMBERS = ("depth-anything-3", "mast3r", "must3r", "pi3", "vggt")
NON_COMMERCIAL = ("mast3r", "must3r", "pi3", "vggt")


@pytest.mark.parametrize("name", MEMBERS)
def test_members_say_what_they_are(name):
    assert name in member_names(pose_models.base.GROUP)
    member = pose_models.load(name)
    assert member.name == name
    assert all(hasattr(member, attribute) for attribute in PoseModel.__annotations__)
    repository, _, commit = member.upstream.partition("@")
    assert len(commit) == 40
    assert repository.count("/") == 1
    assert f"github.com/{repository}" in member.install
    assert set(member.weights) <= set(REGISTRY)
    assert member.commercial == (name not in NON_COMMERCIAL)
    assert member.memory_mb(2, 0) > 500


@pytest.mark.parametrize("name", NON_COMMERCIAL)
def test_a_licence_that_was_not_accepted_is_named_before_anything_else(name, monkeypatch):
    member = pose_models.load(name)
    hide(monkeypatch, member.package)
    with pytest.raises(OptionError, match=rf"{name}: model .* under {member.licence}, which allows no commercial use"):
        member(PoseModelOptions(), "cpu")


@pytest.mark.parametrize("name", MEMBERS)
def test_an_absent_package_is_named_with_what_to_install(name, monkeypatch):
    member = pose_models.load(name)
    hide(monkeypatch, member.package)
    with pytest.raises(MissingDependencyError) as caught:
        member(PoseModelOptions(accept_licence=True), "cpu")
    assert f"{name} needs the package {member.package}, which isn't installed; install it with: " in str(caught.value)
    assert member.install in str(caught.value)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_device_that_is_not_there_is_named(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(OptionError, match=f"{name}: device 'cuda' was asked for, and torch sees no GPU"):
        pose_models.load(name)(PoseModelOptions(accept_licence=True), "cuda")


def test_a_package_that_lacks_another_names_that(monkeypatch, tmp_path):
    (tmp_path / "halfdone.py").write_text("import surely_absent_package")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependencyError, match="x: halfdone needs the package surely_absent_package"):
        import_upstream("x", "halfdone", "pip install halfdone", ("halfdone",))


def test_a_broken_package_is_told(monkeypatch, tmp_path, capsys):
    (tmp_path / "broken.py").write_text("print('loud')\nraise RuntimeError('operator nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependencyError, match="broken is installed and can't be imported: operator nms"):
        import_upstream("x", "broken", "pip install broken", ("broken",))
    assert capsys.readouterr().out == ""


def test_modules_come_in_their_order(monkeypatch):
    install(monkeypatch, somepackage__one={"value": 1}, somepackage__two={"value": 2})
    two, one = import_upstream("x", "somepackage", "", ("somepackage.two", "somepackage.one"))
    assert (two.value, one.value) == (2, 1)


def test_licences_are_named():
    assert check_licence("x", "m", "MIT", True, False) == "x: model m comes under MIT"
    assert check_licence("x", "m", "NC", False, True).endswith("under NC, no commercial use; you accepted it")


@pytest.mark.parametrize(
    ("has_bf16", "device", "precision", "expected"),
    [
        (True, "cuda", "auto", torch.bfloat16),
        (False, "cuda:1", "auto", torch.float16),
        (True, "cuda", "float16", torch.float16),
        (False, "cuda", "float32", torch.float32),
        (False, "cpu", "auto", torch.float32),
        (False, "cpu", "bfloat16", torch.bfloat16),
    ],
)
def test_precision_goes_by_the_device(monkeypatch, has_bf16, device, precision, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: has_bf16)
    found = choose_compute("x", device, precision)
    assert (str(found.device), found.dtype) == (device, expected)


@pytest.mark.parametrize(("device", "precision"), [("cpu", "float16"), ("cuda", "bfloat16")])
def test_numbers_that_a_device_lacks_are_refused(monkeypatch, device, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    with pytest.raises(OptionError, match="set precision to auto"):
        choose_compute("x", device, precision)


def test_mixed_precision_is_on_in_its_context_alone():
    product = torch.ones(2, 2)
    with choose_compute("x", "cpu", "bfloat16").autocast():
        assert (product @ product).dtype == torch.bfloat16
    with choose_compute("x", "cpu", "auto").autocast():
        assert (product @ product).dtype == torch.float32


def test_sides_are_multiples_of_patches():
    assert multiple_of(0, 14, 518, "x") == 518
    assert multiple_of(28, 14, 518, "x") == 28
    with pytest.raises(OptionError, match="x: side_px = 500 is no multiple of 14; take 490 or 504"):
        multiple_of(500, 14, 518, "x")
    with pytest.raises(OptionError, match="take 14 or 28"):
        multiple_of(3, 14, 518, "x")
