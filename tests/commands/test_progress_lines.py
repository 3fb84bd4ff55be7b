"""What a run shows while it works and at its end."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from scenesort.commands import progress, tables
from scenesort.commands.progress import BarsListener, Lines, Listener, Quiet, describe_pace, describe_time
from scenesort.execution import Outcome
from scenesort.export import SubmissionRow
from scenesort.progress import StageReport
from scenesort.results import CollectionResult, RunResult
from scenesort.types import Camera, PosedPhoto, PosedScene, SkippedPhoto


def console(width: int = 60, terminal: bool = False) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, width=width, force_terminal=terminal, highlight=False), stream


def outcome() -> Outcome[int, int]:
    return Outcome(0, 0, None, 1.0, 0.5, 100.0)


def work(listener: Listener, reports: list[StageReport]) -> None:
    with listener.stage("features", 40, reports) as stage:
        stage.skip(10)
        for _ in range(30):
            stage.count(outcome())
    with listener.stage("mapping", 0, reports):
        pass


def test_plain_lines_tell_when_a_stage_begins_and_ends() -> None:
    target, stream = console()
    work(Lines(target), [])
    first, last = stream.getvalue().splitlines()
    assert first == "features: 40 to do"
    assert last.startswith("features           40 done in 0.")
    assert last.endswith("s (10 reused)")


def test_plain_lines_come_every_ten_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now_s[0])
    target, stream = console()
    lines = Lines(target)
    lines.begin("matching", 100)
    lines.advance("matching", 20, reused=True)
    for _ in range(80):
        now_s[0] += 1.0
        lines.advance("matching", 1, reused=False)
    told = stream.getvalue().splitlines()[1:]
    assert len(told) == 7
    assert told[0] == "matching: 30/100, 1.0/s, 1:10 left"


def test_verbose_lines_tell_memory() -> None:
    target, stream = console(200)
    work(Lines(target, verbose=True), [])
    assert "peak 100 MB a worker" in stream.getvalue()


def test_bars_fit_sixty_columns_and_leave_a_line_a_stage() -> None:
    target, stream = console(60, terminal=True)
    listener = BarsListener(target)
    with listener:
        work(listener, [])
        listener.notice("something to know")
        listener.begin("matching", 3)
    text = stream.getvalue()
    assert "features           40 done" in text
    assert "note: something to know" in text
    assert "\x1b[?25h" in text.rpartition("matching")[2], "the cursor comes back"


def test_a_quiet_run_shows_nothing() -> None:
    target, stream = console()
    with Quiet(target) as listener:
        work(listener, [])
        listener.notice("something to know")
    assert stream.getvalue() == ""


def test_without_a_terminal_lines_are_chosen() -> None:
    assert isinstance(Listener.chosen(quiet=True, verbose=False), Quiet)
    assert isinstance(Listener.chosen(quiet=False, verbose=False), Lines)


@pytest.mark.parametrize(("seconds", "text"), [(7, "0:07"), (750, "12:30"), (3723, "1:02:03")])
def test_times(seconds: float, text: str) -> None:
    assert describe_time(seconds) == text


def test_paces() -> None:
    assert describe_pace(0, 10, 5) == ""
    assert describe_pace(50, 100, 10) == "5.0/s, 0:20 left"
    assert describe_pace(2, 3, 10) == "5.0 s each, 0:15 left"


def result(out: Path, num_scenes: int = 2) -> RunResult:
    camera = Camera("SIMPLE_RADIAL", 640, 480, (500.0, 320.0, 240.0, 0.0))
    scenes, rows = [], []
    for index in range(1, num_scenes + 1):
        names = [f"{index}{letter}.jpg" for letter in "abc"]
        seen = np.zeros((1, 2)), np.zeros(1, dtype=np.int64)
        photos = tuple(PosedPhoto(name, camera, 1, np.eye(3, 4), *seen) for name in names)
        points = np.zeros((7, 3)), np.zeros((7, 3), dtype=np.uint8), np.full(7, 0.75)
        scenes.append(PosedScene(f"scene_{index:02d}", photos, *points, unposed=(f"{index}z.jpg",)))
        rows += [SubmissionRow("park", f"scene_{index:02d}", name, np.eye(3, 4)) for name in names]
        rows.append(SubmissionRow("park", f"scene_{index:02d}", f"{index}z.jpg", None))
    rows += [SubmissionRow("park", "outliers", name, None) for name in ("lone.jpg", "bad.jpg")]
    stages = (
        StageReport("features", 7, 2, 3.25, 6.0, 410.0, 300.0),
        StageReport("mapping", 9, 0, 1.0, 1.0, 500.0, 310.0),
    )
    skipped = (SkippedPhoto("bad.jpg", "The file is empty."),)
    park = CollectionResult("park", tuple(scenes), ("lone.jpg",), skipped, {}, (), stages, tuple(rows))
    return RunResult(out, {"park": park})


def test_the_last_tables() -> None:
    target, stream = console()
    tables.print_result(target, result(Path("out")))
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= 60
    lines = [line.split() for line in text.splitlines()]
    assert ["scene_01", "4", "3", "7", "0.75"] in lines
    assert ["features", "7", "2", "3.2", "410"] in lines
    assert ["all", "4.2", "500"] in lines
    assert "1 outlier, 1 skipped file, 0 exact copies" in text
    assert "out/outliers.csv" in text
    assert "out/skipped.csv" in text
    assert text.splitlines()[-1] == "6 of 10 photos posed in 2 scenes: out"


def test_collections_have_folders_of_their_own() -> None:
    target, stream = console()
    tables.print_result(target, result(Path("out")), nested=True, verbose=True)
    assert "collection park" in stream.getvalue()
    assert "out/park/outliers.csv" in stream.getvalue()
    assert "skipped park/bad.jpg: The file is empty." in stream.getvalue()


def test_a_quiet_end_is_one_line() -> None:
    target, stream = console(30)
    tables.print_result(target, result(Path("a/long/path/to/the/results")), quiet=True)
    assert stream.getvalue() == "6 of 10 photos posed in 2 scenes: a/long/path/to/the/results\n"


def test_no_scene_is_explained() -> None:
    target, stream = console(200)
    tables.print_result(target, result(Path("out"), num_scenes=0))
    assert "No scene has poses: a scene needs three photos, usable here: 1." in stream.getvalue()


def test_scenes_without_poses_are_told_apart() -> None:
    found = result(Path("out"))
    first, second = found.collections["park"].scenes
    bare = dataclasses.replace(second, photos=(), points_error_px=np.zeros(0), points_xyz=np.zeros((0, 3)))
    park = dataclasses.replace(found.collections["park"], scenes=(first, bare))
    target, stream = console(200)
    tables.print_result(target, dataclasses.replace(found, collections={"park": park}))
    assert "No scene has poses" not in stream.getvalue()
    assert "in 1 scene, 1 group of matching photos without poses: out" in stream.getvalue()


def test_names_that_are_no_utf8_are_printed(tmp_path: Path) -> None:
    target, stream = console()
    tables.print_line(target, b"caf\xe9.jpg".decode("utf-8", "surrogateescape"))
    assert stream.getvalue() == "caf\\xe9.jpg\n"
