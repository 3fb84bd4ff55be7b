"""A small rendered collection that the slower tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenesort.synthetic import CollectionSpec, SceneSpec, make_collection


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the collection `gate`, five photos of one square, and its tables."""
    folder = tmp_path_factory.mktemp("rendered")
    scene = SceneSpec("gate", "square", 5, 5, width_px=400, height_px=300)
    make_collection(folder, CollectionSpec("gate", (scene,), 0, 3, 400, 300))
    return folder
