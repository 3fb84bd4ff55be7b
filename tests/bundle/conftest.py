"""Small bundles that tests share, and the place that they are made in."""

from __future__ import annotations

import shutil
from pathlib import Path

import bundle_world
import pytest

from scenesort.bundle import BundleRequest, create


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of packages, weights and a `scenesort` of a few bytes; returns a folder for bundles."""
    bundle_world.use_registry(bundle_world.fill_registry(tmp_path / "registry"), monkeypatch)
    bundle_world.use_own_wheel(monkeypatch, "tinydep")
    bundle_world.use_weights(tmp_path / "home", monkeypatch)
    return tmp_path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same content as three bundles: `whole`, `parts` (cut), `zipped`. Nobody writes there."""
    folder = tmp_path_factory.mktemp("bundles")
    tree = folder / "upstream"
    (tree / "tree").mkdir(parents=True)
    (tree / "tree/__init__.py").write_text("ANSWER = 42\n")
    (tree / "LICENSE").write_text("MIT\n")
    with pytest.MonkeyPatch.context() as patch:
        bundle_world.use_registry(bundle_world.fill_registry(folder / "registry"), patch)
        bundle_world.use_own_wheel(patch, "tinydep")
        bundle_world.use_weights(folder / "home", patch)
        whole = BundleRequest(("tiny", "hubby"), sources=(("upstream", tree),), dataset="ann/tiny-bundle")
        create(whole, folder / "whole")
        for name, more in (("parts", {"part_bytes": 1_500_000}), ("zipped", {"as_zip": True})):
            # Wheels of a finished bundle are taken again: pip is called once for all three.
            shutil.copytree(folder / "whole", folder / name)
            values = {name: getattr(whole, name) for name in ("models", "sources", "dataset")}
            create(BundleRequest(**values, **more), folder / name)
    return folder
