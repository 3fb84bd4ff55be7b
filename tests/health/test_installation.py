"""Which Python and which scenesort this is."""

from __future__ import annotations

import json
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import scenesort
from scenesort.health import Request, installation

REQUEST = Request("balanced", Path())


class Installed:
    """A distribution as `importlib.metadata` gives it."""

    def __init__(self, version: str = scenesort.__version__, origin: dict[str, Any] | None = None) -> None:
        self.version, self.origin = version, origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return json.dumps(self.origin) if self.origin is not None else None


@pytest.mark.parametrize(
    ("number", "state"),
    [("3.11.0", "ok"), ("3.11.9", "ok"), ("3.11.9+", "ok"), ("3.10.14", "problem"), ("3.12.1", "problem")],
)
def test_python_must_be_one_of_those_in_the_metadata(monkeypatch: pytest.MonkeyPatch, number: str, state: str) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: number)
    (found,) = installation.check_python(REQUEST)
    assert found.state == state
    assert number in found.text
    assert (">=3.11" in found.text) == (state == "problem") == bool(found.remedy)


def test_paths_are_named_only_when_asked_for() -> None:
    for check in (installation.check_python, installation.check_scenesort):
        assert sys.prefix not in check(REQUEST)[0].text
        assert str(Path(scenesort.__file__).parent) not in check(REQUEST)[0].text
    with_paths = Request("balanced", Path(), with_paths=True)
    assert sys.executable in installation.check_python(with_paths)[0].text
    assert str(Path(scenesort.__file__).parent) in installation.check_scenesort(with_paths)[0].text


@pytest.mark.parametrize(
    ("origin", "kind"),
    [
        (None, "from a package registry"),
        ({"url": "file:///x", "dir_info": {"editable": True}}, "editable, from a checkout"),
        ({"url": "file:///x", "dir_info": {}}, "from a checkout or archive"),
        ({"url": "file:///x/scenesort-0.1.0-py3-none-any.whl", "archive_info": {}}, "from a wheel"),
        ({"url": "https://x", "vcs_info": {"vcs": "git"}}, "from a repository"),
    ],
)
def test_how_it_was_installed(monkeypatch: pytest.MonkeyPatch, origin: dict[str, Any] | None, kind: str) -> None:
    monkeypatch.setattr(installation, "distributions", lambda **_: [Installed(origin=origin)])
    (found,) = installation.check_scenesort(REQUEST)
    assert found.state == "ok"
    assert found.text == f"{scenesort.__version__}, {kind}"


def test_several_none_and_another_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "scenesort").mkdir()
    (tmp_path / "scenesort" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path), str(tmp_path / "absent")])
    monkeypatch.setattr(installation, "distributions", lambda **_: [Installed(), Installed()])
    states = [(found.state, found.text) for found in installation.check_scenesort(REQUEST)]
    assert states[1:] == [
        ("warning", "1 more scenesort on Python's search path"),
        ("warning", "it is installed 2 times"),
    ]
    monkeypatch.setattr(sys, "path", sys.path[:-2])
    monkeypatch.setattr(installation, "distributions", lambda **_: [Installed("0.0.9")])
    _, stale = installation.check_scenesort(REQUEST)
    assert stale.state == "problem"
    assert "0.0.9" in stale.text
    monkeypatch.setattr(installation, "distributions", lambda **_: [])
    (absent,) = installation.check_scenesort(REQUEST)
    assert absent.state == "problem"


def test_the_real_metadata_name_a_python() -> None:
    assert metadata.metadata("scenesort")["Requires-Python"]
