"""The small run: what it does, and what is made of its result."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scenesort.config import preset
from scenesort.errors import WorkerError
from scenesort.health import Request, self_test
from scenesort.health.findings import MARK, last_mark
from scenesort.synthetic import CollectionSpec, SceneSpec


def result(score: float, posed: int = 8, notices: tuple[str, ...] = ()) -> Any:
    rows = [SimpleNamespace(cam_from_world=1 if index < posed else None) for index in range(8)]
    collection = SimpleNamespace(rows=rows, notices=notices)
    return SimpleNamespace(evaluation=SimpleNamespace(score=score), collections={"self-test": collection})


def test_a_good_run() -> None:
    found = self_test.judge_run(result(97.26), 14.6, "cpu", [])
    assert (found.state, found.text) == ("ok", "score 97.3, 8 of 8 photos posed, 15 s, device cpu")
    assert found.values == {"score": 97.26, "posed": 8, "seconds": 14.6, "device": "cpu"}


def test_a_run_without_weights_says_so() -> None:
    found = self_test.judge_run(result(97.0), 9.0, "cpu", ["xfeat"])
    assert found.state == "ok"
    assert found.text.endswith("with SIFT alone: xfeat not here")


def test_a_bad_score_is_a_problem_with_what_the_run_noticed() -> None:
    found = self_test.judge_run(result(40.0, 3, ("out of time",)), 90.0, "cuda", [])
    assert found.state == "problem"
    assert "score 40.0, 3 of 8 photos posed" in found.text
    assert "out of time" in found.text


def test_options_keep_the_preset_s_mix_and_need_no_weights_without_them() -> None:
    assert self_test.quick_options("balanced", True).matching.mix == preset("balanced").matching.mix
    assert self_test.quick_options("accurate", True).matching.mix == preset("accurate").matching.mix
    assert self_test.quick_options("balanced", False).matching.mix == ("sift+nearest",)
    assert 0 < self_test.quick_options("balanced", True).budget.time_limit_s < 120


def test_a_real_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = SceneSpec("place", "square", 5, 4, width_px=320, height_px=240)
    monkeypatch.setattr(self_test, "_SPEC", CollectionSpec("self-test", (scene,), 0, 3, 320, 240))
    monkeypatch.setattr(self_test, "missing", lambda names: ["xfeat"])
    monkeypatch.setattr(self_test.tempfile, "tempdir", str(tmp_path))
    (found,) = self_test.check_run(Request("balanced", Path()))
    assert found.state == "ok", found.text
    assert found.values["posed"] == 4
    assert list(tmp_path.iterdir()) == []
    stages = [line.removeprefix(MARK) for line in capsys.readouterr().out.splitlines() if line.startswith(MARK)]
    assert stages[:2] == ["rendering photos", "starting the run"]
    assert {"features", "matching", "mapping"} <= set(stages)


def test_the_last_stage_can_be_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def die(*_: object, progress: Any, **__: object) -> None:
        progress.begin("features", 8)
        progress.begin("matching", 28)
        raise WorkerError("gone")

    monkeypatch.setattr(self_test, "make_collection", lambda folder, spec: folder)
    monkeypatch.setattr(self_test, "missing", lambda names: [])
    monkeypatch.setattr(self_test.pipeline, "run", die)
    with pytest.raises(WorkerError):
        self_test.check_run(Request("balanced", Path()))
    assert last_mark(capsys.readouterr().out + "something else\n") == "matching"
    assert last_mark("nothing") == ""


def test_eight_small_photos_are_rendered() -> None:
    (scene,) = self_test._SPEC.scenes
    assert dataclasses.astuple(scene)[3] == 8
    assert max(scene.width_px, scene.height_px) <= 512
