"""Real runs through the command line on a few small rendered photos, with SIFT alone, which needs no weights."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scenesort.commands import app, demo
from scenesort.synthetic import CollectionSpec, SceneSpec

SIFT = ["--set", "matching.mix=sift+nearest", "--set", "features.sift_keypoints=2000"]


def invoke(*arguments: object) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_run_scores_prints_and_resumes(collection: Path, tmp_path: Path) -> None:
    tables = ["--labels", collection / "labels.csv", "--thresholds", collection / "thresholds.csv"]
    command = ["run", collection / "gate", "-o", tmp_path / "out", *SIFT, *tables]
    first = invoke(*command)
    assert first.exit_code == 0, first.output
    assert "matching: 10 to do" in first.stderr
    assert "scene_01" in first.stdout
    assert "score " in first.stdout.splitlines()[-1]
    assert str(tmp_path / "out" / "submission.csv") in first.stdout
    submission = (tmp_path / "out" / "submission.csv").read_bytes()
    scored = invoke("score", tables[1], tmp_path / "out" / "submission.csv", *tables[2:], "--json")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert json.loads(scored.stdout) == summary["evaluation"]

    again = invoke(*command, "--quiet")
    assert again.exit_code == 0
    assert again.stderr == ""
    assert len(again.stdout.splitlines()) == 1
    assert (tmp_path / "out" / "submission.csv").read_bytes() == submission


def test_run_on_collections(collection: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(collection / "gate", tmp_path / "all" / name)
    cache = ["--cache", tmp_path / "cache"]
    result = invoke("run", "--collections", tmp_path / "all", "-o", tmp_path / "out", *SIFT, *cache)
    assert result.exit_code == 0, result.output
    assert "collection one" in result.stdout
    with (tmp_path / "out" / "submission.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["dataset"] for row in rows] == ["one"] * 5 + ["two"] * 5
    assert (tmp_path / "out" / "two" / "outliers.csv").is_file()


@pytest.mark.parametrize("num_photos", [0, 1, 2])
def test_too_few_photos_get_an_answer(collection: Path, tmp_path: Path, num_photos: int) -> None:
    photos = tmp_path / "few"
    photos.mkdir()
    for path in sorted((collection / "gate").iterdir())[:num_photos]:
        shutil.copy(path, photos)
    result = invoke("run", photos, "-o", tmp_path / "out", *SIFT)
    if num_photos:
        assert result.exit_code == 0
        assert f"a scene needs three photos, usable here: {num_photos}" in result.stdout
        assert "0 of" in result.stdout
        assert not list((tmp_path / "out" / "scenes").glob("*/sparse"))
    else:
        assert result.exit_code == 3
        assert "no readable photo" in result.stderr


def test_demo_renders_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, collection: Path) -> None:
    rendered = []

    def copy(folder: Path, spec: CollectionSpec) -> Path:
        rendered.append(spec.name)
        shutil.copytree(collection, folder)
        (folder / "gate").rename(folder / spec.name)
        return folder / spec.name

    monkeypatch.setattr("scenesort.synthetic.make_collection", copy)
    spec = CollectionSpec("gate", (SceneSpec("gate", "square", 5, 5),), 1)
    for _ in range(2):
        photos = demo._rendered(tmp_path / "demo", spec, progress=demo_listener())
        assert photos == tmp_path / "demo" / "photos" / "gate"
        assert len(list(photos.iterdir())) == 5
    assert rendered == ["gate"]
    (tmp_path / "demo" / "labels.csv").unlink()
    demo._rendered(tmp_path / "demo", spec, progress=demo_listener())
    assert rendered == ["gate", "gate"]


def demo_listener() -> Any:
    from scenesort.commands.progress import Listener

    return Listener.chosen(quiet=True, verbose=False)


def test_plain_colmap_is_scored_beside_ours(collection: Path, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    out.mkdir()
    submission, seconds = demo._plain_colmap(out, collection / "gate", demo_listener())
    assert seconds > 0
    with submission.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == sorted(path.name for path in (collection / "gate").iterdir())
    assert {row["dataset"] for row in rows} == {"gate"}
    assert all(row["scene"] == "outliers" or row["scene"].startswith("model_") for row in rows)
    assert len({row["scene"] for row in rows}) <= 2
    assert not (out / ".plain_colmap").exists()
    before = submission.stat().st_mtime_ns
    assert demo._plain_colmap(out, collection / "gate", demo_listener()) == (submission, seconds)
    assert submission.stat().st_mtime_ns == before
