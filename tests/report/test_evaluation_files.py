"""The evaluation as files: the CSV row by row, the JSON in full precision, the page by itself."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluated import NO_POSE, scene_rows, write_poses, write_tables, write_thresholds
from scenesort.errors import WorkspaceError
from scenesort.evaluation import (
    CollectionStatistics,
    CollectionTable,
    Evaluation,
    PoseTable,
    collection_statistics,
    read_poses,
    read_thresholds,
    registration_tables,
    score,
)
from scenesort.report import evaluation_files
from scenesort.report.evaluation_page import page

Measured = tuple[Evaluation, dict[str, CollectionTable], dict[str, CollectionStatistics]]
ODD = "<b>&'\"é,\udcff.png"
"""A name with markup, a comma, quotes, an accent and a byte that is not UTF-8."""


@pytest.fixture
def measured(tmp_path: Path) -> Measured:
    """The collection of `evaluated.write_tables`, with an odd name for a photo and for a scene."""
    labels, submission, thresholds = write_tables(tmp_path, "odd")
    true, submitted = (
        replace(table, image=tuple(ODD if name == "odd" else name for name in table.image))
        for table in map(read_poses, (labels, submission))
    )
    true = replace(true, scene=tuple("<script>pond" if name == "pond" else name for name in true.scene))
    values = dict.fromkeys([("park", "gate"), ("park", "<script>pond")], read_thresholds(thresholds)["park", "gate"])
    return measure(true, submitted, score(true, submitted, values))


def measure(labels: PoseTable, submission: PoseTable, evaluation: Evaluation) -> Measured:
    statistics = collection_statistics(labels, submission, evaluation)
    return evaluation, registration_tables(labels, submission, evaluation), statistics


class Page(HTMLParser):
    """What a page is made of; unclosed and misplaced elements are kept in `faults`."""

    EMPTY = ("meta", "link", "br", "img", "path", "line", "hr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self.feed(text)
        self.faults += self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.EMPTY:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_csv_has_a_row_for_each_photo_of_each_true_scene(measured: Measured) -> None:
    _, tables, _ = measured
    rows = list(csv.DictReader(io.StringIO(evaluation_files.registration_csv(tables))))
    assert [row["image"] for row in rows] == [row.photo for scene in tables["park"].scenes for row in scene.rows]
    numbers = range(1, 7)
    marks = [*(f"met_{number}" for number in numbers), *(f"removed_{number}" for number in numbers)]
    assert list(rows[0]) == ["dataset", "scene", "image", "cluster", "state", "error", *marks, "mAA"]
    astray, unposed, elsewhere, left_out = rows[1], rows[2], rows[7], rows[8]
    assert float(astray["error"]) == tables["park"].scenes[0].rows[1].error
    assert (unposed["state"], unposed["error"], unposed["mAA"]) == ("unposed", "", "0.0")
    assert (elsewhere["state"], elsewhere["cluster"]) == ("in another cluster", "B")
    assert (left_out["state"], left_out["cluster"]) == ("among the outliers", "outliers")


def test_sums_of_the_csv_are_the_score(measured: Measured) -> None:
    evaluation, tables, _ = measured
    rows = list(csv.DictReader(io.StringIO(evaluation_files.registration_csv(tables))))
    counted = sum(int(row[f"met_{number}"]) - int(row[f"removed_{number}"]) for row in rows for number in range(3, 7))
    possible = 4 * (len(rows) - 3 * 2)
    assert 100 * counted / possible == pytest.approx(evaluation.collections["park"].mAA, abs=1e-9)
    assert 0 < counted < possible


def test_json_is_exact_and_has_null_where_there_is_nothing(measured: Measured) -> None:
    evaluation, tables, statistics = measured
    text = evaluation_files.evaluation_json(evaluation, tables, statistics)
    content: dict[str, Any] = json.loads(text)
    assert "NaN" not in text
    assert content["score"] == evaluation.score
    park, found = content["collections"]["park"], statistics["park"]
    assert park["mAA"] == evaluation.collections["park"].mAA
    assert park["marks_counted"] == tables["park"].num_accurate
    assert park["confusion"]["photos"][0][0][0] == ODD
    assert park["relative_pose_auc"]["mean_of_scenes"] == list(found.mean_aucs)
    gate = park["scenes"][0]
    assert gate["center_error"]["percentile_90"] == np.percentile(found.scenes[0].aligned.centers, 90)
    assert gate["other_photos_in_cluster"] == [{"image": "pond_0.png", "scene": "<script>pond", "posed": True}]
    posed, unposed = gate["photos"][1], gate["photos"][2]
    assert posed["errors"] == list(tables["park"].scenes[0].rows[1].errors)
    assert posed["rotation_error_deg"] == found.scenes[0].aligned.rotations_deg[1]
    assert (unposed["error"], unposed["rotation_error_deg"], unposed["errors"]) == (None, None, [None] * 6)


def test_files_hold_names_that_are_not_utf_8(tmp_path: Path, measured: Measured) -> None:
    evaluation_files.write(tmp_path / "new" / "folder", *measured)
    folder = tmp_path / "new" / "folder"
    assert sorted(path.name for path in folder.iterdir()) == ["evaluation.html", "evaluation.json", "registration.csv"]
    assert b"\xff.png" in (folder / "registration.csv").read_bytes()
    assert json.loads((folder / "evaluation.json").read_text())["collections"]["park"]["photos"] == 14
    assert r"\xff.png" in (folder / "evaluation.html").read_text(encoding="utf-8")


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path, measured: Measured) -> None:
    (tmp_path / "taken").write_text("precious")
    with pytest.raises(WorkspaceError, match="taken"):
        evaluation_files.write(tmp_path / "taken", *measured)
    assert (tmp_path / "taken").read_text() == "precious"


def test_the_page_is_well_formed_and_needs_nothing_else(measured: Measured) -> None:
    text = page(*measured)
    found = Page(text)
    assert found.faults == []
    assert not {"script", "link", "img", "iframe"} & set(found.tags)
    targets = [value for name, value in found.attributes if name in ("href", "src", "action")]
    assert all(target.startswith("#") for target in targets)
    assert not re.search(r"https?:|url\(|@import", text)


def test_names_are_text_on_the_page_and_never_markup(measured: Measured) -> None:
    found = Page(page(*measured))
    assert found.faults == []
    assert "script" not in found.tags
    assert "b" not in found.tags
    assert "<script>pond" in found.texts
    assert ODD.replace("\udcff", "\\xff") in found.texts


def test_the_page_shows_what_the_tables_hold(measured: Measured) -> None:
    evaluation, tables, statistics = measured
    text = page(evaluation, tables, statistics)
    found = Page(text)
    scenes = tables["park"].scenes
    kinds = [value for name, value in found.attributes if name == "class" and value.startswith("m ")]
    removed = sum(scene.num_removed for scene in scenes)
    # The legend shows one of each.
    assert kinds.count("m removed") == removed + 1
    assert kinds.count("m counts") == sum(scene.num_met for scene in scenes) - removed + 1
    assert tables["park"].describe() in text
    for cell in [photos for row in statistics["park"].confusion.photos for photos in row if photos]:
        assert str(len(cell)) in found.texts
    assert text.count('class="curve') == 4 * len(scenes)


def test_warnings_and_the_repaired_score_are_shown(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    gate, pond = scene_rows(random, "gate", 5), scene_rows(random, "pond", 5)
    lost = [(row[0], "outliers", *row[2:]) for row in gate]
    labels = read_poses(write_poses(tmp_path / "labels.csv", gate + pond))
    submission = read_poses(write_poses(tmp_path / "submission.csv", lost + pond))
    thresholds = write_thresholds(tmp_path / "thresholds.csv", [("park", "gate"), ("park", "pond")])
    found = measure(labels, submission, score(labels, submission, thresholds))
    text = page(*found)
    assert Page(text).faults == []
    assert text.count('class="warning"') == len(found[0].warnings) == 1
    assert f"repaired {found[0].repaired:.2f}" in text


def test_a_collection_without_scenes_has_a_page(tmp_path: Path) -> None:
    table = read_poses(write_poses(tmp_path / "t.csv", [("park", "outliers", f"{n}.png", *NO_POSE) for n in range(3)]))
    found = measure(table, table, score(table, table, {("park", "gate"): np.arange(6.0)}))
    assert Page(page(*found)).faults == []
    assert json.loads(evaluation_files.evaluation_json(*found))["score"] == 0
    assert evaluation_files.registration_csv(found[1]).count("\n") == 1
