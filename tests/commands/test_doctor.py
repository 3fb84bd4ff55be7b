"""`scenesort doctor poses`: what it finds, prints and writes."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from scenesort.commands import app

COLUMNS = ["image_id", "dataset", "scene", "image", "rotation_matrix", "translation_vector"]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")

    def invoke(*arguments: object) -> Any:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke


def turn(x: float, y: float) -> Any:
    """A rotation about x, then y."""
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    return about_y @ about_x


def write_tables(folder: Path) -> dict[str, Path]:
    """Labels, thresholds and submissions: right ones, camera-to-world, OpenGL axes, and centres of chance."""
    random = np.random.default_rng(0)
    rows: dict[str, list[list[str]]] = {name: [COLUMNS] for name in ("labels", "right", "c2w", "opengl", "chance")}
    for index in range(9):
        R = turn(0.3 * np.sin(index), 0.7 * index)
        center = np.array([3 * np.cos(0.7 * index), 0.5 * np.sin(3 * index), 2 * np.sin(0.7 * index)])
        flip = np.diag([1.0, -1.0, -1.0])
        poses = {
            "labels": (R, -R @ center),
            "right": (R, -R @ center),
            "c2w": (R.T, center),
            "opengl": (flip @ R, -flip @ R @ center),
            "chance": (turn(*random.uniform(-3, 3, 2)), random.normal(size=3)),
        }
        for name, (rotation, translation) in poses.items():
            scene = "gate" if name == "labels" else "scene_01"
            cells = [";".join(map(repr, part.ravel().tolist())) for part in (rotation, translation)]
            rows[name].append([f"id{index}", "park", scene, f"{index}.jpg", *cells])
    for name, lines in rows.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(lines)
    (folder / "thresholds.csv").write_text("dataset,scene,thresholds\npark,gate,0.01;0.02;0.05;0.1;0.2;0.4\n")
    return {name: folder / f"{name}.csv" for name in (*rows, "thresholds")}


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Path]:
    return write_tables(tmp_path)


def numbers(path: Path) -> list[list[float]]:
    with path.open(newline="") as file:
        return [[float(part) for cell in row[-2:] for part in cell.split(";")] for row in list(csv.reader(file))[1:]]


def test_camera_to_world_poses_are_found_and_converted(cli: Any, tables: dict[str, Path], tmp_path: Path) -> None:
    fixed = tmp_path / "new" / "fixed.csv"
    before = tables["c2w"].read_bytes()
    result = cli(
        "doctor", "poses", tables["labels"], tables["c2w"], "--thresholds", tables["thresholds"], "--write", fixed
    )
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[2].split()[0] == "as-given"
    assert lines[3].split() == ["camera-to-world", "100.0", "0.0", "100"]
    assert "These look like camera-to-world poses: read so, the score would be 100.0 instead of " in result.output
    np.testing.assert_allclose(numbers(fixed), numbers(tables["right"]), atol=1e-9)
    assert tables["c2w"].read_bytes() == before
    assert [path.name for path in fixed.parent.iterdir()] == ["fixed.csv"]
    assert json.loads(cli("score", tables["labels"], fixed, "--thresholds", tables["thresholds"], "--json").stdout)[
        "score"
    ] == pytest.approx(100.0)


def test_without_write_it_tells_how_to_convert(cli: Any, tables: dict[str, Path]) -> None:
    result = cli("doctor", "poses", tables["labels"], tables["opengl"], "--thresholds", tables["thresholds"])
    assert "OpenGL camera axes (x right, y up, z backward)" in result.output
    assert "(100.0 either way)" in result.output
    assert result.output.endswith("Convert them with: --write FILE\n")
    everything = cli(
        "doctor", "poses", tables["labels"], tables["opengl"], "--thresholds", tables["thresholds"], "--all"
    ).output
    assert "w-first-camera-to-world" in everything
    assert len(everything.splitlines()) > len(result.output.splitlines()) + 10


@pytest.mark.parametrize("name", ["right", "chance"])
def test_what_is_right_or_random_is_not_written(cli: Any, tables: dict[str, Path], tmp_path: Path, name: str) -> None:
    fixed = tmp_path / "fixed.csv"
    result = cli(
        "doctor", "poses", tables["labels"], tables[name], "--thresholds", tables["thresholds"], "--write", fixed
    )
    assert result.exit_code == 0
    assert ("fit as given" if name == "right" else "fit no reading") in result.output
    assert result.output.endswith(f"Nothing is to be converted: {fixed} was not written.\n")
    assert not fixed.exists()


def test_a_reading_can_be_chosen(cli: Any, tables: dict[str, Path], tmp_path: Path) -> None:
    fixed = tmp_path / "fixed.csv"
    common = ("doctor", "poses", tables["labels"], tables["right"], "--thresholds", tables["thresholds"])
    result = cli(*common, "--as", "opengl", "--write", fixed)
    assert "Read as opengl, as asked for, the score is 100.0." in result.output
    np.testing.assert_allclose(numbers(fixed), numbers(tables["opengl"]), atol=1e-12)
    result = cli(*common, "--as", "openGL")
    assert result.exit_code == 2
    assert "error: no reading 'openGL' (did you mean 'opengl'?)" in result.stderr


def test_json_is_all_that_is_on_stdout(cli: Any, tables: dict[str, Path], tmp_path: Path) -> None:
    result = cli(
        "doctor", "poses", tables["labels"], tables["c2w"], "--thresholds", tables["thresholds"], "--json",
        "--write", tmp_path / "fixed.csv",
    )  # fmt: skip
    found = json.loads(result.stdout)
    assert found["collections"]["park"]["reading"] == "camera-to-world"
    assert found["score_as_read"] == pytest.approx(100.0)
    assert found["readings"][0]["reading"] == "as-given"
    assert "converted poses" in result.stderr


@pytest.mark.parametrize("link", ["itself", "link", "hard link", "folder", "labels"])
def test_the_submission_is_never_overwritten(cli: Any, tables: dict[str, Path], tmp_path: Path, link: str) -> None:
    target = tables["c2w"]
    if link == "link":
        target = tmp_path / "link.csv"
        target.symlink_to(tables["c2w"])
    elif link == "hard link":
        target = tmp_path / "hard.csv"
        os.link(tables["c2w"], target)
    elif link == "folder":
        target = tmp_path
    elif link == "labels":
        target = tables["labels"]
    before = tables["c2w"].read_bytes()
    result = cli(
        "doctor", "poses", tables["labels"], tables["c2w"], "--thresholds", tables["thresholds"], "--write", target
    )
    assert result.exit_code == 2
    assert f"error: --write {target}: that is " in result.stderr
    assert tables["c2w"].read_bytes() == before


def test_run_folders_and_missing_files(cli: Any, tables: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    tables["c2w"].rename(folder / "submission.csv")
    common = ("--thresholds", tables["thresholds"], "--dataset", "park")
    result = cli("doctor", "poses", tables["labels"], folder, *common, "--write", folder / "submission.csv")
    assert result.exit_code == 2
    result = cli("doctor", "poses", tables["labels"], folder, *common, "--write", tmp_path / "fixed.csv")
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(numbers(tmp_path / "fixed.csv"), numbers(tables["right"]), atol=1e-9)
    result = cli("doctor", "poses", tables["labels"], tmp_path / "absent.csv", *common)
    assert result.exit_code == 6
    assert "absent.csv" in result.stderr


def test_the_table_fits_sixty_columns(cli: Any, tables: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    result = cli("doctor", "poses", tables["labels"], tables["right"], "--thresholds", tables["thresholds"], "--all")
    assert (
        max(len(line) for line in result.output.splitlines() if "error: " not in line and "pairs: " not in line) <= 60
    )
