"""Fixtures of the weights tests: a home of their own and a local server."""

from __future__ import annotations

import pytest

from scenesort.weights import REGISTRY, UrlSource
from weights_world import make_entry, make_home, pinned, serve, whole


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Point every place for weights into a temporary folder; the network's settings are plain."""
    return make_home(tmp_path, monkeypatch)


@pytest.fixture
def server():
    """A server on this machine; see weights_world.Server."""
    running, world = serve()
    yield world
    running.shutdown()
    running.server_close()


@pytest.fixture
def register(monkeypatch):
    """Call it with an entry to have it in the registry during a test."""

    def add(entry):
        monkeypatch.setitem(REGISTRY, entry.name, entry)
        return entry

    return add


@pytest.fixture
def chosen(home):
    return home / "chosen"


@pytest.fixture
def one(home, register, server):
    """A model of one pinned file at the server."""
    server.then = whole()
    return register(make_entry("one", (pinned("one.pt"),), UrlSource(f"{server.url}/one.pt")))
