"""Modules that can be imported and those that can't."""

from __future__ import annotations

import sys
from importlib import invalidate_caches
from pathlib import Path

import pytest

from scenesort.health import Request, imports

REQUEST = Request("balanced", Path())


def test_a_module_that_works() -> None:
    (found,) = imports.check_import("json", REQUEST)
    assert (found.state, found.text, found.is_brief) == ("ok", "json", True)


def test_torch_must_be_able_to_add(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text(
        "class Numbers:\n    def sum(self):\n        return 5.0\n\ndef arange(end):\n    return Numbers()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    (found,) = imports.check_import("torch", REQUEST)
    monkeypatch.delitem(sys.modules, "torch")
    assert found.state == "problem"
    assert "5.0" in found.text


@pytest.mark.parametrize(
    "line", ["raise RuntimeError('operator torchvision::nms does not exist')", "raise ImportError('libcudart.so')"]
)
def test_a_torchvision_that_does_not_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str) -> None:
    (tmp_path / "torchvision.py").write_text(line + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    invalidate_caches()
    (found,) = imports.check_torchvision(REQUEST)
    assert found.state == "warning"
    assert "doesn't fit torch" in found.text
    assert "uninstall torchvision" in found.remedy


def test_no_torchvision_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "find_spec", lambda name: None)
    (found,) = imports.check_torchvision(REQUEST)
    assert found.state == "ok"
