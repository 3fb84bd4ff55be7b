"""`scenesort cameras`, as a user calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from scenesort.commands import app

HEADER = "dataset,scene,image,rotation_matrix,translation_vector"
IDENTITY = "1;0;0;0;1;0;0;0;1"
NO_POSE = ";".join(["nan"] * 9) + "," + ";".join(["nan"] * 3)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")

    def invoke(*arguments: object) -> Any:
        result = CliRunner().invoke(app, ["cameras", *(str(argument) for argument in arguments)])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    return invoke


@pytest.fixture
def tables(tmp_path: Path) -> list[object]:
    """Two collections of one scene each; in the first a photo has no pose. With the option of the thresholds."""
    rows = {"labels": [HEADER], "submission": [HEADER]}
    random = np.random.default_rng(1)
    for dataset, scene in (("park", "gate"), ("town", "../hall")):
        for index in range(6):
            x, y, z = random.normal(size=3)
            rows["labels"].append(f"{dataset},{scene},{index}.jpg,{IDENTITY},{-x};{-y};{-z}")
            pose = f"{IDENTITY},{-2 * x};{-2 * y};{-2 * z}" if (dataset, index) != ("park", 5) else NO_POSE
            rows["submission"].append(f"{dataset},scene_01,{index}.jpg,{pose}")
    for name, lines in rows.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    thresholds = "0.01;0.02;0.05;0.1;0.2;0.4"
    lines = ["dataset,scene,thresholds", f"park,gate,{thresholds}", f"town,../hall,{thresholds}"]
    (tmp_path / "thresholds.csv").write_text("\n".join(lines) + "\n")
    return [tmp_path / "labels.csv", tmp_path / "submission.csv", "--thresholds", tmp_path / "thresholds.csv"]


def test_every_scene_is_drawn(cli: Any, tables: list[object], tmp_path: Path) -> None:
    found = cli(*tables, "-o", tmp_path / "out")
    assert found.exit_code == 0, found.output
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    # A name can't lead out of the folder.
    assert written == ["cameras.html", "park/gate.glb", "park/gate.png", "town/.._hall.glb", "town/.._hall.png"]
    assert [line.split() for line in found.stdout.splitlines() if line.startswith("park/gate")] == [
        ["park/gate", "6", "5", "5", "0.4"]
    ]
    assert "notice" not in found.stderr


def test_photos_are_put_on_the_frusta(cli: Any, tables: list[object], tmp_path: Path) -> None:
    folder = tmp_path / "photos" / "park"
    folder.mkdir(parents=True)
    for index in range(4):
        Image.new("RGB", (64, 48), "orange").save(folder / f"{index}.jpg")
    found = cli(*tables, "--dataset", "park", "--photos", tmp_path / "photos", "-o", tmp_path / "out")
    assert found.exit_code == 0, found.output
    assert f"notice: photos that are not in {tmp_path / 'photos'} or can't be read: 2;" in found.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cameras.html", "park"]
    assert (tmp_path / "out" / "cameras.html").read_text().count("data:image/jpeg;base64,") == 4


def test_one_scene_and_another_threshold(cli: Any, tables: list[object], tmp_path: Path) -> None:
    found = cli(*tables, "--scene", "gate", "--threshold", 3, "-o", tmp_path / "out")
    assert found.exit_code == 0, found.output
    assert ["park/gate", "6", "5", "5", "0.05"] in [line.split() for line in found.stdout.splitlines()]
    assert not (tmp_path / "out" / "town").exists()


def test_a_cluster_without_poses_is_told(cli: Any, tables: list[object], tmp_path: Path) -> None:
    submission = Path(str(tables[1]))
    header, *rows = submission.read_text().splitlines()
    rows = [row if row.startswith("town") else f"{','.join(row.split(',')[:3])},{NO_POSE}" for row in rows]
    submission.write_text("\n".join([header, *rows]) + "\n")
    found = cli(*tables, "-o", tmp_path / "out")
    assert found.exit_code == 0, found.output
    assert "park/gate: 6 photos: no transform fits cluster scene_01" in found.stdout


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--scene", "tower"], 6, "no scene 'tower'. Name one of gate, ../hall."),
        (["--threshold", "9"], 6, "no threshold 9: each scene has 6"),
        (["--threshold", "0"], 2, "--threshold"),
        (["--dataset", "sea"], 6, "no collection 'sea'"),
        (["--photos", "nowhere"], 2, "nowhere"),
    ],
)
def test_mistakes(cli: Any, tables: list[object], tmp_path: Path, options: list[str], code: int, message: str) -> None:
    found = cli(*tables, "-o", tmp_path / "out", *options)
    assert found.exit_code == code
    assert message in found.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_can_not_be_written(cli: Any, tables: list[object], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    found = cli(*tables, "-o", tmp_path / "out")
    assert found.exit_code == 4
    assert str(tmp_path / "out") in found.stderr
