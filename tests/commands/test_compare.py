"""`scenesort compare`: runs given in every way, what is printed and written, mistakes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scenesort.commands import app
from scenesort.commands.compare import parse_runs
from scenesort.errors import OptionError

HEADER = "dataset,scene,image,rotation_matrix,translation_vector"
IDENTITY = "1;0;0;0;1;0;0;0;1"
NANS = ";".join(["nan"] * 9)


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


def write_table(path: Path, lost: int, scene: str = "scene_01", num_photos: int = 8) -> Path:
    """A table of two collections of one place each; the first `lost` photos of `park` have no pose."""
    lines = [HEADER]
    for dataset in ("park", "town"):
        for index in range(num_photos):
            x, y, z = float(index), float(index**2) / 4, float(index % 3)
            pose = f"{IDENTITY},{-x};{-y};{-z}" if dataset == "town" or index >= lost else f"{NANS},nan;nan;nan"
            lines.append(f"{dataset},{scene},{index}.jpg,{pose}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    write_table(tmp_path / "labels.csv", 0, "gate")
    limits = "0.01;0.02;0.05;0.1;0.2;0.4"
    (tmp_path / "thresholds.csv").write_text(f"dataset,scene,thresholds\npark,gate,{limits}\ntown,gate,{limits}\n")
    for lost in range(4):
        write_table(tmp_path / f"lost_{lost}" / "submission.csv", lost)
    return tmp_path


def test_runs_are_compared_with_the_first(cli: Any, tables: Path) -> None:
    result = cli(
        "compare", tables / "labels.csv", tables / "lost_2", tables / "lost_0" / "submission.csv",
        "--thresholds", tables / "thresholds.csv",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    # park: mAA 3 of 5, so 75; town: 100.
    assert ["park", "lost_2", "75.00", "60.00", "100.00"] in lines
    assert ["all", "lost_2", "87.50", "80.00", "100.00"] in lines
    assert ["lost_0", "against", "lost_2"] in lines
    assert any(line[:4] == ["park", "75.00", "100.00", "+25.00"] for line in lines)
    assert any(line[:7] == ["town", "100.00", "100.00", "0.00", "0.0", "to", "0.0"] for line in lines)
    assert any(line[:4] == ["all", "87.50", "100.00", "+12.50"] for line in lines)
    assert "photos: 2 won, 0 lost, 14 as before" in result.output
    assert ["+100", "park/gate", "0.jpg"] in lines
    assert "lost_0 is better than lost_2 by 12.50 points" in result.output
    assert "by seeds" not in result.output
    assert "Chance between seeds is only in them where a run has several" in result.output


def test_seeds_of_a_run_are_joined(cli: Any, tables: Path) -> None:
    seeds = ",".join(str(tables / f"lost_{lost}") for lost in (1, 2, 3))
    result = cli(
        "compare", tables / "labels.csv", f"old={tables / 'lost_0'}", f"new={seeds}",
        "--thresholds", tables / "thresholds.csv",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    # mAA of 80, 60 and 40 % gives 88.89, 75 and 57.14.
    assert ["park", "old", "100.00", "100.00", "100.00"] in lines
    assert ["new", "73.68", "15.91", "60.00", "100.00"] in lines
    assert "95 % intervals of delta, by what is drawn anew" in result.output
    assert any(line[:2] == ["park", "new"] and line[-3:] == ["-42.9", "to", "-11.1"] for line in lines)


def test_files_and_json_hold_all_numbers(cli: Any, tables: Path) -> None:
    result = cli(
        "compare", tables / "labels.csv", f"a={tables / 'lost_1'}", f"b={tables / 'lost_3'}",
        "--thresholds", tables / "thresholds.csv", "--json", "--csv", tables / "out" / "scores.csv",
        "--photos", tables / "out" / "photos.csv", "--resamples", "200", "--seed", "3",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["num_resamples"], found["seed"], found["runs"]) == (200, 3, ["a", "b"])
    with (tables / "out" / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["collection"], row["scene"], row["run"]) for row in rows[:4]] == [
        ("park", "", "a"), ("park", "", "b"), ("park", "gate", "a"), ("park", "gate", "b")
    ]  # fmt: skip
    place = found["places"][0]["runs"][1]
    assert float(rows[1]["delta"]) == place["delta"] == pytest.approx(400 / 7 - 800 / 9)
    assert float(rows[1]["delta_photos_low"]) == place["delta_intervals"]["photos"]["low"] < place["delta"]
    assert rows[1]["delta_seeds_low"] == rows[1]["spread"] == ""
    with (tables / "out" / "photos.csv").open(newline="") as file:
        photos = list(csv.DictReader(file))
    assert len(photos) == 16
    assert [row["b - a"] for row in photos[:4]] == ["0.0", "-1.0", "-1.0", "0.0"]


def test_one_collection_can_be_compared_alone(cli: Any, tables: Path) -> None:
    result = cli(
        "compare", tables / "labels.csv", tables / "lost_1", tables / "lost_0", "--dataset", "park",
        "--thresholds", tables / "thresholds.csv",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "town" not in result.output
    assert "lost_0 is better than lost_1 by 11.11 points" in result.output


def test_output_fits_sixty_columns(cli: Any, tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    seeds = ",".join(str(tables / f"lost_{lost}") for lost in (1, 2, 3))
    result = cli(
        "compare", tables / "labels.csv", f"a_rather_long_name={seeds}", f"another={tables / 'lost_0'}",
        "--thresholds", tables / "thresholds.csv",
    )  # fmt: skip
    in_tables = [
        line for line in result.output.splitlines() if not line.startswith(("intervals", "Chance", "another is"))
    ]
    assert max(map(len, in_tables)) <= 60


def test_runs_on_other_photos_end_with_a_message(cli: Any, tables: Path) -> None:
    small = write_table(tables / "small.csv", 0, num_photos=7)
    result = cli(
        "compare", tables / "labels.csv", tables / "lost_0", f"odd={small}", "--thresholds", tables / "thresholds.csv"
    )
    assert result.exit_code == 6
    assert "error: run 'odd': " in result.stderr
    assert "'7.jpg'" in result.stderr
    result = cli(
        "compare", tables / "labels.csv", tables / "lost_0", tables / "absent.csv",
        "--thresholds", tables / "thresholds.csv",
    )  # fmt: skip
    assert result.exit_code == 6
    assert "error: run 'absent': " in result.stderr


@pytest.mark.parametrize("option", ["--csv", "--photos"])
def test_inputs_are_never_overwritten(cli: Any, tables: Path, option: str) -> None:
    submission = tables / "lost_0" / "submission.csv"
    before = submission.read_bytes()
    for target in (submission, tables / "labels.csv", tables / "thresholds.csv", tables):
        result = cli(
            "compare", tables / "labels.csv", tables / "lost_0", tables / "lost_1",
            "--thresholds", tables / "thresholds.csv", option, target,
        )  # fmt: skip
        assert result.exit_code == 2
        assert f"error: {option} {target}: that is " in result.stderr
    assert submission.read_bytes() == before
    result = cli(
        "compare", tables / "labels.csv", tables / "lost_0", tables / "lost_1",
        "--thresholds", tables / "thresholds.csv", "--csv", tables / "x.csv", "--photos", tables / "x.csv",
    )  # fmt: skip
    assert result.exit_code == 2
    assert not (tables / "x.csv").exists()


def test_words_are_read_as_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a=b,c").mkdir()
    assert parse_runs(["x/run/submission.csv", "y=1,2", "other.csv"]) == {
        "run": (Path("x/run/submission.csv"),), "y": (Path("1"), Path("2")), "other": (Path("other.csv"),)
    }  # fmt: skip
    assert parse_runs(["a=b,c", "n=a=b,c", "n=d"]) == {
        "a=b,c": (Path("a=b,c"),), "n": (Path("a=b,c"), Path("d"))
    }  # fmt: skip
    assert list(parse_runs(["old/run", "new/run", "run=third"])) == ["old/run", "new/run", "run"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["one"], "two runs are needed"),
        (["a=one,two"], "two runs are needed"),
        (["one,two", "three"], "need a name: NAME=one,two"),
        (["=one", "two"], "write NAME=RUN"),
        (["a=", "two"], "write NAME=RUN"),
        (["a=one,", "two"], "a run is missing beside a comma"),
        (["one", "one"], "one: the run is given twice"),
        (["a=one,one", "two"], "run 'a': the same submission is given twice"),
        (["a=one", "a=./one", "two"], "run 'a': the same submission is given twice"),
    ],
)
def test_mistakes_in_runs_are_named(words: list[str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse_runs(words)
