"""The recipes of how to add a member: their examples, installed as a package of a stranger, work in a run."""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import scenesort
from scenesort import config, pipeline, plugins


def fence(page: Path, language: str) -> str:
    """The code of the only fence of a language."""
    (code,) = re.findall(rf"^ *```{language}\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return textwrap.dedent(code)


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with the classes of the recipes, installed as pip does it."""
    site = tmp_path / "site"
    metadata = site / "scenesort_recipes-0.1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: scenesort-recipes\nVersion: 0.1\n")
    entries = []
    for family in ("features", "matching", "mapping"):
        recipe = Path(scenesort.__file__).parent / family / "TEMPLATE.md"
        code, registration = fence(recipe, "python"), fence(recipe, "toml")
        (site / f"recipe_{family}.py").write_text(code)
        for group, members in tomllib.loads(registration)["project"]["entry-points"].items():
            entries.append(f"[{group}]")
            entries += [f"{name} = recipe_{family}:{where.partition(':')[2]}" for name, where in members.items()]
    (metadata / "entry_points.txt").write_text("\n".join(entries) + "\n")
    monkeypatch.syspath_prepend(str(site))
    plugins._members.cache_clear()
    yield
    plugins._members.cache_clear()


@pytest.mark.usefixtures("stranger")
def test_the_recipes_work(collection: Path, tmp_path: Path) -> None:
    mix = ("sift+nearest", "corners+corners-nearest")
    chosen = {"matching.mix": mix, "mapping.backend": "best-of-three", "features.sift_keypoints": 1000}
    result = pipeline.run(collection / "gate", tmp_path / "out", options=config.with_values(config.Options(), chosen))
    assert result.scenes[0].photos
    features = [stage for stage in result.collections["gate"].stages if stage.name == "features"]
    assert features[0].done == 10
