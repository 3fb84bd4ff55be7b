"""Weights that a preset needs, and weights that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scenesort import config
from scenesort.config import PRESETS
from scenesort.health import Request, model_files
from scenesort.members import needed_weights
from scenesort.weights import REGISTRY
from weights_world import CONTENT, make_entry, make_home, pinned

REQUEST = Request("balanced", Path())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights folder; the registry has two small models alone, of which presets need `one`."""
    make_home(tmp_path, monkeypatch)
    for name in list(REGISTRY):
        monkeypatch.delitem(REGISTRY, name)
    for name in ("other", "one"):
        monkeypatch.setitem(REGISTRY, name, make_entry(name, (pinned(f"{name}.pt"),)))
    monkeypatch.setattr(model_files, "needed_weights", lambda preset: ["one"])
    (tmp_path / "chosen").mkdir()
    return tmp_path / "chosen"


def found(home: Path) -> list[tuple[str, str, str]]:
    return [(each.state, each.text, each.remedy) for each in model_files.check_weights(REQUEST)]


def test_missing_weights_come_with_the_command(home: Path) -> None:
    ((state, text, remedy),) = found(home)
    assert state == "problem"
    assert text == "preset balanced needs one (1.5 MB): not here"
    assert remedy.startswith("scenesort weights fetch one ")


def test_good_weights_those_of_the_preset_first(home: Path) -> None:
    for name in ("one", "other"):
        (home / f"{name}.pt").write_bytes(CONTENT)
    assert found(home) == [("ok", "one good", ""), ("ok", "other good", "")]


def test_damaged_weights_are_a_problem_where_they_are_needed(home: Path) -> None:
    (home / "one.pt").write_bytes(CONTENT[:-1] + b"\0")
    (home / "other.pt").write_bytes(CONTENT[:-1])
    one, other = found(home)
    assert one == (
        "problem",
        "one: one.pt: its bytes are not those that were published",
        "scenesort weights remove one, then: scenesort weights fetch one",
    )
    assert other[0] == "warning"
    assert "bytes instead of" in other[1]
    assert str(home) not in one[1] + other[1]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_s_weights_are_in_the_registry(preset: Any) -> None:
    needed = needed_weights(config.preset(preset))
    assert needed == sorted(set(needed))
    assert set(needed) <= set(REGISTRY)
    assert ("xfeat" in needed) == (preset != "baseline")
