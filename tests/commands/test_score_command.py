"""`scenesort score` with what it prints and writes beside the score."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from evaluated import scene_rows, write_poses, write_tables, write_thresholds
from scenesort import errors, evaluation
from scenesort.commands import app, evaluation_tables

Tables = tuple[Path, Path, Path]


@pytest.fixture
def score(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")

    def invoke(tables: Tables, *arguments: object) -> Any:
        words = ["score", tables[0], tables[1], "--thresholds", tables[2], *arguments]
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return write_tables(tmp_path)


def photo_lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if ".png" in line and not line.startswith("also")]


def test_nothing_more_is_printed_unasked(score: Any, tables: Tables) -> None:
    result = score(tables)
    assert len(result.stdout.splitlines()) == 3
    assert result.stdout.startswith("collection")


def test_photos_prints_the_registration_table(score: Any, tables: Tables) -> None:
    text = score(tables, "--photos").stdout
    found = evaluation.score(*tables)
    gate, pond = found.collections["park"].scenes
    rows = photo_lines(text)
    assert len(rows) == gate.num_photos + pond.num_photos
    # The second photo is 0.15 off: it meets the last thresholds alone, and the others meet all.
    name, *marks, error, accuracy = rows[1]
    assert (name, "".join(marks), accuracy) == ("gate_1.png", "···✓✓✓", "75")
    assert float(error) == pytest.approx(gate.registration.errors[1, 5], rel=0.01)
    assert rows[2] == ["gate_2.png", "(unposed)", *"······", "-", "0"]
    assert rows[7] == ["gate_7.png", "(in", "B)", *"······", "-", "0"]
    assert rows[8] == ["gate_8.png", "(outliers)", *"······", "-", "0"]
    assert f"({gate.accurate} of 24:" in text
    assert "also in cluster A, of pond: pond_0.png" in text
    park = found.collections["park"]
    assert text.splitlines()[-1] == (
        f"park: score={park.score:.2f}% (mAA={park.mAA:.2f}%, clusterness={park.clusterness:.2f}%)"
    )


def test_printed_marks_less_the_removed_are_the_score(score: Any, tables: Tables) -> None:
    text = score(tables, "--photos").stdout
    counted = 0
    for row in photo_lines(text):
        marks = [word for word in row if word in "✓·"]
        counted += marks[2:].count("✓")
        removed = row[-1] if row[-2] in ("100", "75", "50", "25", "0") else ""
        for run in filter(None, removed.split(",")):
            first, _, last = run.partition("-")
            counted -= sum(number > 2 for number in range(int(first), int(last or first) + 1))
    assert counted == sum(scene.accurate for scene in evaluation.score(*tables).collections["park"].scenes)


def test_thresholds_stand_in_the_header_where_there_is_room(score: Any, tables: Tables) -> None:
    header = next(line for line in score(tables, "--photos").stdout.splitlines() if line.startswith("photo"))
    assert header.split() == ["photo", "0.025", "0.05", "0.1", "0.2", "0.5", "1", "error", "mAA", "%", "minus", "3"]


def test_sixty_columns_hold_the_tables(score: Any, tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    text = score(tables, "--photos", "--details").stdout
    assert "thresholds 1: 0.025*, 2: 0.05*, 3: 0.1, 4: 0.2, 5: 0.5, 6: 1 (*not scored)" in text
    rows = photo_lines(text)
    assert len(rows) == 14
    assert rows[1][:7] == ["gate_1.png", *"···✓✓✓"]
    assert max(len(line) for line in text.splitlines() if ".png" in line and not line.startswith("also")) <= 60
    assert "…" not in text


def test_plain_terminals_get_plain_marks_and_names(tmp_path: Path) -> None:
    tables = write_tables(tmp_path, "gâte.png")
    true, submitted = map(evaluation.read_poses, tables[:2])
    found = evaluation.registration_tables(true, submitted, evaluation.score(true, submitted, tables[2]))
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as file:
        evaluation_tables.print_registration(Console(file=file, width=100), found)
        file.flush()
        text = raw.getvalue().decode("ascii")
    assert "x" in text
    assert "gate_1.png" in text
    assert r"g\xe2te.png" in text


def test_details(score: Any, tables: Tables) -> None:
    text = score(tables, "--details").stdout
    lines = [line.split() for line in text.splitlines()]
    assert ["gate", "7", "1", "-", "1"] in lines
    assert ["pond", "1", "-", "4", "-"] in lines
    assert "registered: 12 of 14 photos of true scenes (85.7%)" in text
    assert "outliers: precision 66.7% (2 of 3 left out), recall 100.0% (2 of 2 outliers)" in text
    # Six photos of the gate are posed together.
    assert next(line[2] for line in lines if line[:2] == ["gate", "72"]) == "30"
    for name in ("homogeneity", "ARI", "AUC of relative pose error", "error of rotations"):
        assert name in text


def test_many_clusters_are_listed(score: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    rows = scene_rows(np.random.default_rng(0), "gate", 12)
    scattered = [(row[0], f"a_long_name_{index}", *row[2:]) for index, row in enumerate(rows)]
    tables = (
        write_poses(tmp_path / "l.csv", rows),
        write_poses(tmp_path / "s.csv", scattered),
        write_thresholds(tmp_path / "t.csv", [("park", "gate")]),
    )
    lines = [line.split() for line in score(tables, "--details").stdout.splitlines()]
    assert ["scene", "cluster", "photos"] in lines
    assert ["gate", "a_long_name_11", "1"] in lines


def test_report_writes_three_files(score: Any, tables: Tables, tmp_path: Path) -> None:
    result = score(tables, "--report", tmp_path / "report", "--json")
    names = sorted(path.name for path in (tmp_path / "report").iterdir())
    assert names == ["evaluation.html", "evaluation.json", "registration.csv"]
    assert json.loads(result.stdout) == evaluation.score(*tables).to_json()
    assert "evaluation.html" in result.stderr


def test_a_report_where_nothing_can_be_written(score: Any, tables: Tables, tmp_path: Path) -> None:
    result = score(tables, "--report", tables[0])
    assert result.exit_code == errors.OptionError.exit_code
    assert str(tables[0]) in result.stderr


@pytest.mark.parametrize("option", ["--photos", "--details"])
def test_json_prints_nothing_else(score: Any, tables: Tables, option: str) -> None:
    result = score(tables, "--json", option)
    assert result.exit_code == errors.OptionError.exit_code
    assert "--report" in result.stderr
    assert result.stdout == ""


def test_strict_refuses_what_is_no_rotation(score: Any, tables: Tables) -> None:
    rotation = evaluation.read_poses(tables[0]).rotation[1]
    cell, doubled = (";".join(map(repr, matrix.ravel().tolist())) for matrix in (rotation, 2 * rotation))
    text = tables[1].read_text()
    assert cell in text
    tables[1].write_text(text.replace(cell, doubled))
    assert "not quite a rotation" in score(tables).stderr
    strict = score(tables, "--strict")
    assert strict.exit_code == errors.EvaluationError.exit_code
    assert "not quite a rotation" in strict.stderr
    assert strict.stdout == ""


def test_one_collection_of_several(score: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    park, yard = scene_rows(random, "gate", 5), scene_rows(random, "barn", 5, dataset="yard")
    tables = (
        write_poses(tmp_path / "l.csv", park + yard),
        write_poses(tmp_path / "s.csv", park + yard),
        write_thresholds(tmp_path / "t.csv", [("park", "gate"), ("yard", "barn")]),
    )
    result = score(tables, "--dataset", "yard", "--json")
    assert list(json.loads(result.stdout)["collections"]) == ["yard"]
    assert result.stderr == ""
    unknown = score(tables, "--dataset", "barn")
    assert unknown.exit_code == errors.EvaluationError.exit_code
    assert "park, yard" in unknown.stderr


def test_a_run_folder_is_a_submission(score: Any, tables: Tables, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "submission.csv").write_bytes(tables[1].read_bytes())
    assert score((tables[0], folder, tables[2])).stdout == score(tables).stdout
