"""Comparisons of runs: deltas, photos won and lost, intervals, errors."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from builders import NO_POSE, THRESHOLDS, FloatArray, Row, make_scene, make_table, move

from scenesort.errors import EvaluationError
from scenesort.evaluation import PoseTable, score
from scenesort.evaluation.comparison import Run, compare

LIMITS = {(dataset, scene): THRESHOLDS for dataset, scene in (("park", "gate"), ("park", "pond"), ("town", "square"))}


def centers(num_photos: int) -> FloatArray:
    return np.random.default_rng(num_photos).normal(size=(num_photos, 3)) * 2


def make_labels() -> PoseTable:
    rows = [*make_scene("gate", centers(8)), *make_scene("pond", centers(7))]
    return make_table([*rows, *make_scene("square", centers(9), "town")], "labels.csv")


def submit(lost: tuple[str, ...] = (), seed: int = 0) -> PoseTable:
    """All photos in right clusters and places, in the frames of another world; `lost` ones without a pose."""
    random = np.random.default_rng(seed)
    rows: list[Row] = []
    for dataset, scene, size in (("park", "gate", 8), ("park", "pond", 7), ("town", "square", 9)):
        rows += make_scene(f"found_{scene}", move(centers(size), random), dataset, photos=scene)
    rows = [(dataset, scene, image, NO_POSE if image in lost else center) for dataset, scene, image, center in rows]
    return make_table(rows, f"submission of seed {seed}")


def test_deltas_and_photos_of_known_runs() -> None:
    first, second = submit(lost=("gate_0.png", "gate_1.png")), submit(lost=("pond_2.png",), seed=3)
    found = compare(make_labels(), [Run("old", (first,)), Run("new", (second,))], LIMITS, num_resamples=100)
    assert found.runs == ("old", "new")
    by_place = {(each.collection, each.scene): each for each in found.places}
    assert list(by_place) == [
        ("park", None), ("park", "gate"), ("park", "pond"), ("town", None), ("town", "square"), (None, None)
    ]  # fmt: skip
    old, new = by_place["park", "gate"].runs
    assert (old.mAA, new.mAA, old.clusterness) == (pytest.approx(60.0), pytest.approx(100.0), 100.0)
    assert old.repaired == pytest.approx(75.0)
    assert new.delta == pytest.approx(25.0)
    assert old.delta == 0.0
    assert old.inliers == (6.0,) * 6
    old, new = by_place["park", None].runs
    assert (old.mAA, new.mAA) == (pytest.approx(100 * 7 / 9), pytest.approx(100 * 8 / 9))
    assert old.inliers == (13.0,) * 6
    for index, table in enumerate((first, second)):
        whole = score(make_labels(), table, LIMITS)
        assert by_place[None, None].runs[index].score == pytest.approx(whole.score)
        assert by_place[None, None].runs[index].repaired == pytest.approx(whole.repaired)
        assert by_place["park", None].runs[index].score == pytest.approx(whole.collections["park"].score)
    changed = [(photo.image, delta) for photo, delta in found.changed(1)]
    assert changed == [("gate_0.png", 1.0), ("gate_1.png", 1.0), ("pond_2.png", -1.0)]
    assert found.changed(0) == []


def test_intervals_hold_the_delta_and_are_paired() -> None:
    worse = submit(lost=("gate_0.png",))
    found = compare(make_labels(), [Run("old", (worse,)), Run("same", (worse,)), Run("new", (submit(),))], LIMITS)
    same, new = found.places[0].runs[1:]
    # Both runs see the same resamples: equal runs differ in none of them.
    assert (same.delta, same.delta_intervals.photos.low, same.delta_intervals.photos.high) == (0.0, 0.0, 0.0)
    assert same.intervals.photos.high > same.intervals.photos.low
    interval = new.delta_intervals.photos
    assert interval.low <= new.delta <= interval.high
    # The lost photo is sometimes not drawn, and never does its loss help.
    assert interval.low == pytest.approx(0.0, abs=1e-9)
    assert interval.high > new.delta + 1
    assert new.delta_intervals.seeds is None
    assert new.delta_intervals.both is None
    assert new.delta_intervals.widest is interval


def test_interval_of_a_scene_is_that_of_the_binomial() -> None:
    """One scene, one photo lost: mAA of a resample is 1 - k/6 where the lost photo is drawn k times out of 9."""
    labels = make_table(make_scene("square", centers(9), "town"))
    table = submit(lost=("square_4.png",))
    rows = [row for row, name in enumerate(table.dataset) if name == "town"]
    town = PoseTable(
        tuple(table.dataset[row] for row in rows), tuple(table.scene[row] for row in rows),
        tuple(table.image[row] for row in rows), table.rotation[rows], table.translation[rows],
        tuple(table.line[row] for row in rows), "town",
    )  # fmt: skip
    found = compare(labels, [Run("one", (town,)), Run("two", (town,))], {("town", "square"): THRESHOLDS})
    interval = found.places[0].runs[0].intervals.photos
    # P(k > 3) = 1.3 % and P(k > 2) = 7 %: the 2.5th percentile is k = 3, mAA 1/2, score 2/3.
    assert interval.low == pytest.approx(100 * 2 / 3)
    assert interval.high == pytest.approx(100.0)


def test_seeds_are_averaged_and_resampled() -> None:
    seeds = (submit(), submit(("gate_0.png",), 1), submit(("gate_0.png", "gate_1.png", "pond_1.png"), 2))
    found = compare(make_labels(), [Run("one", (submit(seed=5),)), Run("three", seeds)], LIMITS, num_resamples=4000)
    one, three = found.places[0].runs
    scores = [score(make_labels(), table, LIMITS).collections["park"].repaired for table in seeds]
    assert found.num_seeds == (1, 3)
    assert three.repaired == pytest.approx(np.mean(scores))
    assert three.spread == pytest.approx(np.std(scores, ddof=1))
    assert one.spread is None
    assert one.intervals.seeds is None
    by_seeds = three.delta_intervals.seeds
    assert by_seeds is not None
    # Of three draws from three, all the same one comes up with 1/27, more than 2.5 %.
    assert (by_seeds.low, by_seeds.high) == (pytest.approx(min(scores) - 100), pytest.approx(0.0))
    both = three.delta_intervals.both
    assert both is not None
    assert both.low < by_seeds.low < three.delta < both.high <= 1e-9
    assert both.low > by_seeds.low - 30
    assert three.delta_intervals.widest is both
    shares = {photo.image: photo.shares for photo in found.photos}
    assert shares["gate_0.png"] == (1.0, pytest.approx(1 / 3))


def test_the_same_seed_gives_the_same_intervals_whatever_runs_are_beside() -> None:
    runs = [Run("a", (submit(),)), Run("b", (submit(("pond_2.png", "square_3.png"), 1),))]
    first = compare(make_labels(), runs, LIMITS, num_resamples=500)
    again = compare(make_labels(), [*runs, Run("c", (submit(seed=2),))], LIMITS, num_resamples=500)
    other = compare(make_labels(), runs, LIMITS, num_resamples=500, seed=1)
    assert [each.runs[1] for each in first.places] == [each.runs[1] for each in again.places]
    assert [each.runs[1] for each in first.places] != [each.runs[1] for each in other.places]
    assert json.loads(json.dumps(first.to_json()))["places"][0]["runs"][1]["run"] == "b"


def test_a_lost_scene_wins_nothing() -> None:
    """The official score can gain from a scene that is left out; deltas go by the repaired one."""
    whole = submit()
    order = sorted(range(len(whole)), key=lambda row: whole.scene[row] != "found_pond")
    lost = replace(
        whole,
        dataset=tuple(whole.dataset[row] for row in order), image=tuple(whole.image[row] for row in order),
        scene=tuple("outliers" if whole.scene[row] == "found_pond" else whole.scene[row] for row in order),
        rotation=whole.rotation[order], translation=whole.translation[order],
    )  # fmt: skip
    found = compare(make_labels(), [Run("whole", (whole,)), Run("lost", (lost,))], LIMITS, num_resamples=100)
    score_of_lost = found.places[0].runs[1]
    assert score_of_lost.score > 100
    assert score_of_lost.delta < -10
    assert score_of_lost.delta_intervals.photos.high < 0
    assert any(sentence.startswith("run 'lost': Collection 'park'") for sentence in found.warnings)


def test_runs_on_other_photos_are_named() -> None:
    strange = make_table([*make_scene("gate", centers(8))], "other.csv")
    with pytest.raises(EvaluationError, match=r"^run 'new': other\.csv: collection 'town' of labels\.csv is missing"):
        compare(make_labels(), [Run("old", (submit(),)), Run("new", (strange,))], LIMITS)
    renamed = replace(submit(), image=("unknown.png", *submit().image[1:]))
    with pytest.raises(EvaluationError, match=r"^run 'new': .*'gate_0\.png'"):
        compare(make_labels(), [Run("old", (submit(),)), Run("new", (renamed,))], LIMITS)
