"""Fixtures of the sample data's tests: a folder of sets, and a server that has small ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sample_world import SampleServer
from weights_world import make_home, serve


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for sets, which isn't there yet; the network's settings are plain."""
    make_home(tmp_path, monkeypatch)
    monkeypatch.delenv("SCENESORT_DATA", raising=False)
    return tmp_path / "sets"


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SampleServer]:
    """A server on this machine; see sample_world.SampleServer."""
    running, world = serve()
    yield SampleServer(world, monkeypatch)
    running.shutdown()
    running.server_close()
