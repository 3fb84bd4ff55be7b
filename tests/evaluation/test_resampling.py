"""The bootstrap: its arithmetic is that of the repaired score, for every resample."""

from __future__ import annotations

import numpy as np
import pytest
from builders import NO_POSE, THRESHOLDS, Row, blur, make_scene, make_table, move, random_centers

from scenesort.evaluation import PoseTable, score
from scenesort.evaluation.resampling import CollectionMarks, as_they_are, collect_marks, draw_seeds, resample_photos


def make_case(seed: int) -> tuple[PoseTable, PoseTable]:
    """Three scenes and outliers: blurred poses, photos in wrong clusters, without poses, and perhaps a lost scene."""
    random = np.random.default_rng(seed)
    rows = [row for name in "abc" for row in make_scene(name, random_centers(random, int(random.integers(4, 9))))]
    rows += make_scene("outliers", np.full((3, 3), np.nan))
    submitted: list[Row] = []
    moved = {name: move(np.array([row[3] for row in rows if row[1] == name]), random) for name in ("a", "b", "c")}
    for name, centers in moved.items():
        for index, center in enumerate(blur(centers, random)):
            cluster = str(random.choice(["one", "two", "outliers"])) if random.random() < 0.2 else f"found_{name}"
            if name == "c" and seed % 3 == 0:
                cluster = "outliers"
            submitted.append(("park", cluster, f"{name}_{index}.png", NO_POSE if random.random() < 0.1 else center))
    submitted += [("park", random.choice(["found_a", "outliers"]), f"outliers_{i}.png", NO_POSE) for i in range(3)]
    return make_table(rows), make_table(submitted)


def marks_of(labels: PoseTable, tables: list[PoseTable]) -> CollectionMarks:
    thresholds = {("park", name): THRESHOLDS for name in "abc"}
    scenes: dict[str, list[str]] = {}
    for scene, image in zip(labels.scene, labels.image, strict=True):
        scenes.setdefault(scene, []).append(image)
    found = [score(labels, table, thresholds).collections["park"] for table in tables]
    return collect_marks("park", {name: tuple(photos) for name, photos in scenes.items()}, found, tables)


@pytest.mark.parametrize("seed", range(12))
def test_every_photo_once_gives_the_repaired_score(seed: int) -> None:
    labels, submission = make_case(seed)
    marks = marks_of(labels, [submission])
    expected = score(labels, submission, {("park", name): THRESHOLDS for name in "abc"}).repaired
    assert as_they_are(marks).collection[0, 0] == pytest.approx(expected, abs=1e-12)


def reckon_by_hand(marks: CollectionMarks, drawn: dict[str, list[int]]) -> float:
    """The repaired score of one submission from drawn photos, one by one."""
    accurate = counted = common = sizes = 0
    for name, scene in marks.scenes.items():
        for threshold in range(scene.within.shape[2]):
            accurate += max(0, sum(bool(scene.within[row, 0, threshold]) for row in drawn[name]) - 3)
        counted += scene.within.shape[2] * (len(drawn[name]) - 3)
        common += sum(bool(scene.in_cluster[name][row, 0]) for row in drawn[name])
        sizes += sum(bool(scene.in_cluster[other][row, 0]) for other, rows in drawn.items() for row in rows)
    accuracy, clusterness = accurate / counted, common / sizes if sizes else 0.0
    total = accuracy + clusterness
    return 100 * 2 * accuracy * clusterness / total if total else 0.0


@pytest.mark.parametrize("seed", range(4))
def test_resamples_are_reckoned_as_by_hand(seed: int) -> None:
    labels, submission = make_case(seed)
    marks = marks_of(labels, [submission])
    found = resample_photos(marks, 25, np.random.default_rng(7)).collection[:, 0]
    random = np.random.default_rng(7)
    drawn = {scene: random.integers(size, size=(25, size)) for scene, size in marks.sizes.items()}
    for index in range(25):
        by_hand = reckon_by_hand(marks, {scene: rows[index].tolist() for scene, rows in drawn.items()})
        assert found[index] == pytest.approx(by_hand, abs=1e-9)


def test_resamples_do_not_hang_on_the_other_submissions() -> None:
    labels, first = make_case(1)
    _, second = make_case(1)
    alone = resample_photos(marks_of(labels, [first]), 50, np.random.default_rng(0)).collection[:, 0]
    beside = resample_photos(marks_of(labels, [first, second]), 50, np.random.default_rng(0)).collection[:, 0]
    np.testing.assert_array_equal(alone, beside)


def test_many_resamples_are_drawn_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, submission = make_case(2)
    marks = marks_of(labels, [submission])
    whole = resample_photos(marks, 3000, np.random.default_rng(0)).collection
    monkeypatch.setattr("scenesort.evaluation.resampling._DRAWS_AT_ONCE", 1000)
    blocks = resample_photos(marks, 3000, np.random.default_rng(0)).collection
    assert whole.shape == blocks.shape == (3000, 1)
    assert whole.mean() == pytest.approx(blocks.mean(), abs=1.5)
    assert whole.std() == pytest.approx(blocks.std(), rel=0.15)


def test_shares_of_seeds() -> None:
    single, three = draw_seeds([1, 3], 2000, np.random.default_rng(0))
    assert np.all(single == 1.0)
    np.testing.assert_allclose(three.sum(axis=1), 1.0)
    np.testing.assert_allclose(three.mean(axis=0), 1 / 3, atol=0.02)
    # A mean of three draws has a third of one draw's variance.
    assert (three @ [0.0, 0.0, 3.0]).var() == pytest.approx(2.0 / 3, rel=0.1)


def test_a_collection_of_outliers_alone_scores_nothing() -> None:
    labels = make_table(make_scene("outliers", np.full((3, 3), np.nan)))
    marks = marks_of(labels, [labels, labels])
    assert as_they_are(marks).collection.tolist() == [[0.0, 0.0]]
