"""The command line without a real run: help, options, exit codes, messages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scenesort import config, errors, evaluation, pipeline
from scenesort.commands import app

COMMANDS = [
    [],
    ["run"],
    ["score"],
    ["compare"],
    ["cameras"],
    ["demo"],
    ["doctor"],
    ["doctor", "poses"],
    ["config"],
    ["config", "show"],
    ["config", "explain"],
    ["weights"],
    ["weights", "list"],
    ["weights", "info"],
    ["weights", "fetch"],
    ["weights", "verify"],
    ["weights", "where"],
    ["weights", "remove"],
    ["version"],
]
HEADER = "dataset,scene,image,rotation_matrix,translation_vector"
IDENTITY = "1;0;0;0;1;0;0;0;1"


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Any:
    # Messages are compared word by word: no wrapping, no colours.
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")

    def invoke(*arguments: object) -> Any:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    return invoke


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command asked pipeline.run for; the run itself ends at once."""
    seen: dict[str, Any] = {}

    def run(photos: Path | None, out: Path, **others: Any) -> None:
        seen.update(others, photos=photos, out=out)
        raise errors.NoPhotosError("not run in this test")

    monkeypatch.setattr(pipeline, "run", run)
    return seen


def write_tables(folder: Path, moved: float = 0.0) -> tuple[Path, Path, Path]:
    """Labels and a submission of five photos, the last of which is `moved` off its place, and thresholds."""
    rows = {"labels": [HEADER], "submission": [HEADER]}
    for index in range(5):
        x, y, z = float(index), float(index**2), float(index % 2)
        rows["labels"].append(f"park,gate,{index}.jpg,{IDENTITY},{-x};{-y};{-z}")
        off = moved if index == 4 else 0.0
        rows["submission"].append(f"park,scene_01,{index}.jpg,{IDENTITY},{-x};{-y};{-z - off}")
    for name, lines in rows.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    (folder / "thresholds.csv").write_text("dataset,scene,thresholds\npark,gate,0.01;0.02;0.05;0.1;0.2;0.4\n")
    return folder / "labels.csv", folder / "submission.csv", folder / "thresholds.csv"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help(cli: Any, command: list[str]) -> None:
    result = cli(*command, "--help")
    assert result.exit_code == 0
    assert "Usage: scenesort" in result.output or "Usage: root" in result.output


def test_help_of_run_groups_its_options_and_fits_sixty_columns(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = cli("run", "--help").output
    for panel in ("What to run with", "What is known of the photos", "Labels and samples", "How the work is done"):
        assert panel in text
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, cli("run", "--help").output.splitlines())) <= 60


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from scenesort.commands import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'pycolmap', 'cv2', 'kornia', 'scipy', 'h5py'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_version(cli: Any) -> None:
    assert cli("--version").output == "scenesort 0.1.0\n"
    assert "pycolmap " in cli("version").output


@pytest.mark.parametrize("moved", [0.0, 0.3])
def test_score_as_json_is_exact(cli: Any, tmp_path: Path, moved: float) -> None:
    labels, submission, thresholds = write_tables(tmp_path, moved)
    result = cli("score", labels, submission, "--thresholds", thresholds, "--json")
    assert result.exit_code == 0
    expected = evaluation.score(labels, submission, thresholds)
    assert json.loads(result.stdout) == expected.to_json()
    assert list(json.loads(result.stdout)) == ["score", "repaired", "collections"]
    assert (expected.score == 100) == (moved == 0)


def test_score_as_a_table(cli: Any, tmp_path: Path) -> None:
    labels, submission, thresholds = write_tables(tmp_path)
    lines = cli("score", labels, submission, "--thresholds", thresholds).stdout.splitlines()
    assert lines[0].split() == ["collection", "score", "mAA", "clusterness"]
    assert lines[-1].split() == ["park", "100.00", "100.00", "100.00"]


def test_score_shows_the_repaired_score_and_a_warning_where_they_matter(cli: Any, tmp_path: Path) -> None:
    labels, submission, thresholds = write_tables(tmp_path)
    lost = "\n".join(f"park,well,w{index}.jpg,{IDENTITY},{index};{index * index};1" for index in range(5))
    nowhere = "\n".join(f"park,outliers,w{index}.jpg,{';'.join(['nan'] * 9)},nan;nan;nan" for index in range(5))
    labels.write_text(labels.read_text() + lost + "\n")
    submission.write_text(submission.read_text() + nowhere + "\n")
    thresholds.write_text(thresholds.read_text() + "park,well,0.01;0.02;0.05;0.1;0.2;0.4\n")
    result = cli("score", labels, submission, "--thresholds", thresholds)
    assert "repaired" in result.stdout.splitlines()[0]
    assert "warning: Collection 'park': scene 'well'" in result.stderr


def test_score_of_a_missing_file(cli: Any, tmp_path: Path) -> None:
    labels, _, thresholds = write_tables(tmp_path)
    result = cli("score", labels, tmp_path / "nothing.csv", "--thresholds", thresholds)
    assert result.exit_code == errors.EvaluationError.exit_code
    assert result.stderr.startswith("error: ")
    assert "nothing.csv" in result.stderr


@pytest.mark.parametrize("preset", config.PRESETS)
def test_config_show_is_what_run_reads(cli: Any, tmp_path: Path, asked: dict[str, Any], preset: str) -> None:
    shown = cli("config", "show", "--preset", preset, "--set", "matching.max_ratio=0.9")
    assert shown.exit_code == 0
    path = tmp_path / "options.toml"
    path.write_text(shown.stdout)
    cli("run", tmp_path, "--config", path)
    assert asked["options"] == config.with_values(config.preset(preset), {"matching.max_ratio": 0.9})


def test_config_explain(cli: Any) -> None:
    everything = cli("config", "explain").stdout
    assert all(name in everything for name in config.flatten(config.Options()))
    group = cli("config", "explain", "mapping").stdout
    assert "mapping.timeout_s" in group
    assert "matching." not in group
    assert "3600.0 s" in cli("config", "explain", "mapping.timeout_s").stdout


def test_later_sources_of_options_win(cli: Any, tmp_path: Path, asked: dict[str, Any]) -> None:
    path = tmp_path / "options.toml"
    path.write_text("seed = 1\n[features]\nsift_keypoints = 1000\nxfeat_keypoints = 1001\n")
    sets = ["--set", "features.sift_keypoints=2000", "--set", "seed=2"]
    cli("run", tmp_path, "--preset", "accurate", "--config", path, *sets, "--seed", 3)
    options = asked["options"]
    assert options.verification.max_trials == 10000
    assert options.features.xfeat_keypoints == 1001
    assert options.features.sift_keypoints == 2000
    assert options.seed == 3


def test_options_with_names_of_their_own(cli: Any, tmp_path: Path, asked: dict[str, Any]) -> None:
    table = tmp_path / "table.csv"
    table.touch()
    cli(
        *("run", tmp_path, "-o", tmp_path / "out", "--device", "cpu", "--workers", 1, "--cache", tmp_path / "cache"),
        *("--camera", "pinhole:1,2,3,4", "--single-camera", "--cameras", "c.csv", "--masks", "m"),
        *("--labels", table, "--thresholds", table, "--sample", table),
    )
    photos, execution = asked["options"].photos, asked["options"].execution
    assert (photos.camera_model, photos.camera_params) == ("PINHOLE", "1,2,3,4")
    assert photos.single_camera
    assert (photos.cameras_csv, photos.masks) == ("c.csv", "m")
    assert (execution.device, execution.workers) == ("cpu", 1)
    assert asked["photos"] == tmp_path
    assert asked["out"] == tmp_path / "out"
    assert asked["cache"] == tmp_path / "cache"
    assert asked["labels"] == asked["thresholds"] == asked["sample"] == table


def test_a_camera_model_alone_forgets_parameters(cli: Any, tmp_path: Path, asked: dict[str, Any]) -> None:
    cli("run", tmp_path, "--set", "photos.camera_params=1,2,3,4", "--camera", "OPENCV")
    assert asked["options"].photos.camera_model == "OPENCV"
    assert asked["options"].photos.camera_params == ""


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rnu"], "run"),
        (["run", "--prset", "fast"], "--preset"),
        (["run", "x", "--preset", "fsat"], "did you mean 'fast'"),
        (["run", "x", "--set", "matching.max_rato=0.9"], "did you mean 'matching.max_ratio'"),
        (["run", "x", "--set", "matching.max_ratio"], "name=value"),
        (["run", "x", "--set", "matching.max_ratio=high"], "float is wanted"),
        (["run", "x", "--device", "gpu"], "cuda"),
        (["run", "x", "--workers", "-1"], "at least 0"),
        (["run", "x", "--camera", "PINHOL"], "PINHOLE"),
        (["run", "x", "--config", "nothing.toml"], "nothing.toml"),
        (["run", "x", "--labels", "nothing.csv"], "nothing.csv"),
        (["config", "explain", "matchng"], "config explain"),
        (["config", "show", "--preset", "balancd"], "did you mean 'balanced'"),
    ],
)
def test_a_typing_mistake_gets_a_hint(cli: Any, arguments: list[str], hint: str) -> None:
    result = cli(*arguments)
    assert result.exit_code == 2
    assert hint in result.stderr


def test_run_without_photos_or_with_both(cli: Any, tmp_path: Path) -> None:
    for arguments in ([], [tmp_path, "--collections", tmp_path]):
        result = cli("run", *arguments, "-o", tmp_path / "out")
        assert result.exit_code == errors.OptionError.exit_code
        assert "--collections" in result.stderr


@pytest.mark.parametrize("kind", [errors.WorkspaceError, errors.WorkerError, errors.MissingDependencyError])
def test_our_errors_give_a_message_and_their_code(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[errors.ScenesortError]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise kind("what is wrong; what to do")

    monkeypatch.setattr(pipeline, "run", fail)
    result = cli("run", tmp_path)
    assert result.exit_code == kind.exit_code
    assert result.stderr == "error: what is wrong; what to do\n"
    assert result.stdout == ""


def test_a_mistake_of_ours_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pipeline, "run", fail)
    result = CliRunner().invoke(app, ["run", str(tmp_path)])
    assert isinstance(result.exception, ZeroDivisionError)


def test_ctrl_c_says_how_to_go_on(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "run", interrupt)
    result = cli("run", tmp_path)
    assert result.exit_code == 130
    assert "run the same command to go on" in result.stderr
    monkeypatch.setattr(evaluation, "score", interrupt)
    labels, submission, thresholds = write_tables(tmp_path)
    result = cli("score", labels, submission, "--thresholds", thresholds)
    assert result.exit_code == 130
    assert "go on" not in result.stderr


def test_sigterm_ends_as_cleanly(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def terminate(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(pipeline, "run", terminate)
    try:
        result = cli("run", tmp_path)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert result.exit_code == 143
    assert "run the same command to go on" in result.stderr


def test_demo_refuses_a_folder_with_other_things(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    result = cli("demo", "-o", tmp_path)
    assert result.exit_code == errors.WorkspaceError.exit_code
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
