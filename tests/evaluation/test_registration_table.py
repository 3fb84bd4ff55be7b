"""The registration table: marks and removals by hand, sums against the official cases, checks that fail."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import NO_POSE, THRESHOLDS, FloatArray, blur, make_scene, make_table, move, random_centers
from hypothesis import given, settings
from hypothesis import strategies as st

from scenesort.evaluation import (
    CollectionScore,
    CollectionTable,
    Evaluation,
    PoseTable,
    Registration,
    SceneScore,
    SceneTable,
    read_poses,
    registration_tables,
    score,
)
from scenesort.evaluation.registration_table import PhotoState, find_removed

CASES = Path(__file__).parents[3] / "shared" / "data" / "metric_cases"
VALID = [
    folder.name
    for folder in (sorted(CASES.iterdir()) if CASES.is_dir() else [])
    if folder.is_dir() and "error" not in json.loads((folder / "expected.json").read_text())
]
INFINITE = np.inf

# By hand: seven photos of the gate, five of them in its cluster A, against four thresholds, two of them scored.
GATE = [("park", "gate", f"{letter}.jpg", np.ones(3)) for letter in "abcdefg"]
NOWHERE = [("park", "outliers", "x.jpg", NO_POSE), ("park", "pond", "y.jpg", np.ones(3))]
ERRORS = np.array(
    [
        # a threshold of 0.25, 2, 3 and 4
        [0.2, 0.5, 0.5, 3.9],
        [0.1, 0.5, 0.1, INFINITE],
        [0.2, 0.5, 0.1, 1.0],
        [0.2, 0.5, 2.9, 1.0],
        [0.3, 0.5, 3.0, 4.0],
    ]
)


def by_hand() -> tuple[PoseTable, PoseTable, Evaluation]:
    labels = make_table(GATE + NOWHERE, "labels")
    placed = ["A"] * 5 + ["B", "outliers", "A", "A"]
    submission = make_table(
        [(*row[:1], cluster, *row[2:]) for row, cluster in zip(GATE + NOWHERE, placed, strict=True)], "submission"
    )
    registration = Registration(np.zeros((4, 3, 4)), ERRORS, np.zeros((4, 3), dtype=np.int64), (4, 5, 4, 3))
    gate = SceneScore(
        scene="gate",
        cluster="A",
        num_photos=7,
        num_common=5,
        cluster_size=7,
        thresholds=(0.25, 2.0, 3.0, 4.0),
        inliers=registration.inliers,
        photos=tuple(row[2] for row in GATE[:5]),
        registration=registration,
    )
    # One mark counts, of 2 · (7 - 3).
    collection = CollectionScore(score=20.0, repaired=20.0, mAA=12.5, clusterness=50.0, scenes=(gate,))
    return labels, submission, Evaluation(score=20.0, repaired=20.0, collections={"park": collection})


def table_by_hand() -> tuple[CollectionTable, SceneTable]:
    collection = registration_tables(*by_hand())["park"]
    return collection, collection.scenes[0]


def marks(flags: tuple[bool, ...]) -> str:
    return "".join("x" if flag else "." for flag in flags)


def test_marks_are_strict_and_of_each_threshold() -> None:
    _, gate = table_by_hand()
    assert [row.photo for row in gate.rows] == [row[2] for row in GATE]
    assert [marks(row.is_met) for row in gate.rows] == ["xxxx", "xxx.", "xxxx", "xxxx", ".x..", "....", "...."]


def test_the_three_nearest_are_removed_and_the_first_of_equals() -> None:
    _, gate = table_by_hand()
    assert [marks(row.is_removed) for row in gate.rows] == ["xxxx", "xxx.", "xxxx", "...x", "....", "....", "...."]
    assert [row.removed_at for row in gate.rows] == ["1-4", "1-3", "1-4", "4", "", "", ""]


def test_sums() -> None:
    collection, gate = table_by_hand()
    assert (gate.num_met, gate.num_removed, gate.num_accurate, gate.num_possible) == (7, 6, 1, 8)
    assert gate.mAA == pytest.approx(12.5)
    assert (collection.num_accurate, collection.num_possible) == (1, 8)
    assert collection.describe() == "park: score=20.00% (mAA=12.50%, clusterness=50.00%)"


def test_accuracy_and_error_of_each_photo() -> None:
    _, gate = table_by_hand()
    assert [row.accuracy for row in gate.rows] == [1, 0.5, 1, 1, 0, 0, 0]
    assert gate.largest == 3
    assert [row.error for row in gate.rows] == [3.9, INFINITE, 1, 1, 4, INFINITE, INFINITE]
    assert gate.rows[0].errors == (0.2, 0.5, 0.5, 3.9)


def test_photos_elsewhere_have_rows_and_strangers_are_listed() -> None:
    _, gate = table_by_hand()
    assert [row.state for row in gate.rows] == [PhotoState.POSED] * 5 + [PhotoState.ELSEWHERE, PhotoState.OUTLIER]
    assert [row.cluster for row in gate.rows] == ["A"] * 5 + ["B", "outliers"]
    assert gate.state_counts == {PhotoState.POSED: 5, PhotoState.ELSEWHERE: 1, PhotoState.OUTLIER: 1}
    assert [(photo.photo, photo.scene, photo.has_pose) for photo in gate.foreign] == [
        ("x.jpg", "outliers", False),
        ("y.jpg", "pond", True),
    ]


def test_a_scene_that_does_not_add_up_is_our_mistake() -> None:
    labels, submission, evaluation = by_hand()
    collection = evaluation.collections["park"]
    wrong = replace(collection, scenes=(replace(collection.scenes[0], inliers=(4, 5, 5, 3)),))
    with pytest.raises(RuntimeError, match="'gate' of collection 'park' counts 1 marks, and the score counts 2"):
        registration_tables(labels, submission, replace(evaluation, collections={"park": wrong}))


def test_a_collection_that_does_not_add_up_is_our_mistake() -> None:
    labels, submission, evaluation = by_hand()
    wrong = replace(evaluation.collections["park"], mAA=12.6)
    with pytest.raises(RuntimeError, match=r"'park' gives mAA 12\.5, and the score gives 12\.6"):
        registration_tables(labels, submission, replace(evaluation, collections={"park": wrong}))


@given(st.integers(0, 2**32 - 1))
def test_removal_equals_plain_loops(seed: int) -> None:
    random = np.random.default_rng(seed)
    errors = random.integers(0, 5, size=(random.integers(0, 9), 6)) / 4
    errors[random.random(errors.shape) < 0.2] = INFINITE
    is_met = errors < 1
    expected = np.zeros_like(is_met)
    for threshold in range(6):
        inliers = [row for row in range(len(errors)) if is_met[row, threshold]]
        for row in sorted(inliers, key=lambda row: (errors[row, threshold], row))[:3]:
            expected[row, threshold] = True
    assert np.array_equal(find_removed(errors, is_met), expected)


def test_thresholds_are_told_apart() -> None:
    _, gate = table_by_hand()
    assert gate.threshold_texts == ("0.25", "2", "3", "4")
    close = replace(gate, thresholds=(0.12345, 0.12346, 0.12346, 1.0))
    assert close.threshold_texts == ("0.12345", "0.12346", "0.12346", "1")


# From end to end


def two_scenes(seed: int) -> tuple[PoseTable, PoseTable, dict[tuple[str, str], FloatArray]]:
    """Labels and a submission with blurred, unposed, misplaced and left-out photos."""
    random = np.random.default_rng(seed)
    true, submitted = [], []
    for scene, size in (("gate", random.integers(3, 10)), ("pond", random.integers(3, 10))):
        centers = random_centers(random, size)
        found = move(blur(centers, random), random)
        found[random.random(size) < 0.2] = np.nan
        true += make_scene(scene, centers)
        names = [str(random.choice([scene, scene, scene, "other", "outliers"])) for _ in found]
        submitted += [
            (dataset, name, image, center)
            for name, (dataset, _, image, center) in zip(names, make_scene(scene, found), strict=True)
        ]
    labels = make_table(true, "labels")
    order = random.permutation(len(submitted))
    submission = make_table([submitted[index] for index in order], "submission")
    return labels, submission, {("park", scene): THRESHOLDS for scene in ("gate", "pond")}


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_every_photo_has_one_row_and_the_sums_hold(seed: int) -> None:
    labels, submission, thresholds = two_scenes(seed)
    evaluation = score(labels, submission, thresholds)
    scenes = registration_tables(labels, submission, evaluation)["park"].scenes
    assert [row.photo for scene in scenes for row in scene.rows] == list(labels.image)
    has_pose = dict(zip(submission.image, np.isfinite(submission.translation).all(axis=1), strict=True))
    for scene, official in zip(scenes, evaluation.collections["park"].scenes, strict=True):
        assert scene.num_accurate == official.accurate
        for index in range(6):
            assert sum(row.is_met[index] for row in scene.rows) == official.inliers[index]
        for row in scene.rows:
            assert (row.state is PhotoState.POSED) == (has_pose[row.photo] and row.cluster == scene.cluster)
            if any(row.is_met):
                assert row.state is PhotoState.POSED
        assert len(scene.foreign) + official.num_common == official.cluster_size


def test_labels_without_a_pose_are_told_from_photos_without_one() -> None:
    random = np.random.default_rng(0)
    true = make_scene("gate", random_centers(random, 6))
    true[0] = (*true[0][:3], NO_POSE)
    submitted = [*make_scene("gate", random_centers(random, 6))]
    submitted[1] = (*submitted[1][:3], NO_POSE)
    labels, submission = make_table(true), make_table(submitted)
    evaluation = score(labels, submission, {("park", "gate"): THRESHOLDS})
    rows = registration_tables(labels, submission, evaluation)["park"].scenes[0].rows
    assert [row.state for row in rows[:3]] == [PhotoState.NO_TRUTH, PhotoState.UNPOSED, PhotoState.POSED]


@pytest.mark.skipif(not VALID, reason="needs ../shared/data/metric_cases beside the checkout")
@pytest.mark.parametrize("name", VALID)
def test_sums_equal_the_official_score(name: str) -> None:
    expected = json.loads((CASES / name / "expected.json").read_text())["datasets"]
    labels, submission = read_poses(CASES / name / "labels.csv"), read_poses(CASES / name / "submission.csv")
    evaluation = score(labels, submission, CASES / "thresholds.csv")
    tables = registration_tables(labels, submission, evaluation)
    assert set(tables) == set(expected)
    for dataset, table in tables.items():
        counted = sum(sum(row.is_met[2:]) - sum(row.is_removed[2:]) for scene in table.scenes for row in scene.rows)
        mAA = 100 * counted / table.num_possible if table.num_possible > 0 else 0
        assert mAA == pytest.approx(expected[dataset]["mAA"], abs=1e-9)
        assert f"score={expected[dataset]['score']:.2f}%" in table.describe()


@pytest.mark.skipif(not VALID, reason="needs ../shared/data/metric_cases beside the checkout")
def test_a_lost_scene_behind_leading_outliers_shrinks_the_denominator() -> None:
    folder = CASES / "missing_scene_outliers_first"
    labels, submission = read_poses(folder / "labels.csv"), read_poses(folder / "submission.csv")
    table = registration_tables(labels, submission, score(labels, submission, CASES / "thresholds.csv"))["ETs"]
    lost, found = table.scenes
    assert (lost.cluster, lost.num_met, lost.num_possible) == (None, 0, 24)
    assert (found.num_accurate, found.num_possible, table.num_possible) == (28, 28, 16)
