"""What stands beside the score: confusion, agreement, registered shares, errors of poses, areas under curves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import NO_POSE, THRESHOLDS, FloatArray, Row, make_scene, make_table, random_centers, random_rotation
from hypothesis import given, settings
from hypothesis import strategies as st

from scenesort.evaluation import CollectionStatistics, PoseTable, collection_statistics, score
from scenesort.evaluation.agreement import Confusion, agreement, confusion
from scenesort.evaluation.pose_errors import (
    area_under_recall,
    relative_pose_errors,
    scene_poses,
)
from scenesort.evaluation.statistics import percentiles

SEEDS = st.integers(0, 2**32 - 1)
RANDOM = np.random.default_rng(0)
GATE = make_scene("gate", random_centers(RANDOM, 6))
POND = make_scene("pond", random_centers(RANDOM, 5))
OUTLIERS = make_scene("outliers", np.tile(NO_POSE, (3, 1)))
TRUE = OUTLIERS[:1] + GATE + POND + OUTLIERS[1:]
CLOSE = 1e-9


def put(rows: list[Row], cluster: str) -> list[Row]:
    return [(dataset, cluster, image, center) for dataset, _, image, center in rows]


def measure(labels: PoseTable, submission: PoseTable) -> CollectionStatistics:
    thresholds = dict.fromkeys(zip(labels.dataset, labels.scene, strict=True), THRESHOLDS)
    return collection_statistics(labels, submission, score(labels, submission, thresholds))["park"]


def moved(table: PoseTable, random: np.random.Generator) -> PoseTable:
    """The poses of a table in another world: under one random similarity."""
    rotation, scale, offset = random_rotation(random), random.uniform(0.1, 10), random.normal(size=3) * 20
    centers = scale * table.center_in_world @ rotation.T + offset
    rotations = table.rotation @ rotation.T
    return replace(table, rotation=rotations, translation=-np.einsum("nij,nj->ni", rotations, centers))


def turned(table: PoseTable, row: int, degrees: float) -> PoseTable:
    """The table with one camera turned about its own x axis, in its place."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    rotation, translation = table.rotation.copy(), table.translation.copy()
    rotation[row], translation[row] = turn @ rotation[row], turn @ translation[row]
    return replace(table, rotation=rotation, translation=translation)


# Clusters against scenes


def test_confusion_keeps_the_photos_and_ends_with_outliers() -> None:
    submitted = OUTLIERS[:2] + put(GATE[:4] + POND[:1] + OUTLIERS[2:], "B") + put(GATE[4:], "outliers") + POND[1:]
    found = confusion(make_table(TRUE), make_table(submitted), "park")
    assert found.scenes == ("gate", "pond", "outliers")
    assert found.clusters == ("B", "pond", "outliers")
    assert found.counts.tolist() == [[4, 0, 2], [1, 4, 0], [1, 0, 2]]
    assert found.photos[0][2] == ("gate_4.png", "gate_5.png")
    assert found.photos[1][0] == ("pond_0.png",)
    assert found.photos[2] == (("outliers_2.png",), (), ("outliers_0.png", "outliers_1.png"))


def test_confusion_reads_one_collection_alone() -> None:
    others = [("yard", *row[1:]) for row in TRUE]
    found = confusion(make_table(TRUE + others), make_table(put(others, "x") + TRUE), "park")
    assert found.clusters == ("gate", "pond", "outliers")
    assert found.counts.sum() == len(TRUE)


def make_confusion(counts: list[list[int]]) -> Confusion:
    """A confusion matrix; the last row and column are the outliers."""
    photos = tuple(
        tuple(tuple(f"{i}-{j}-{k}" for k in range(n)) for j, n in enumerate(r)) for i, r in enumerate(counts)
    )
    names = tuple(f"s{index}" for index in range(len(counts) - 1))
    clusters = tuple(f"c{index}" for index in range(len(counts[0]) - 1))
    return Confusion((*names, "outliers"), (*clusters, "outliers"), photos)


def test_perfect_agreement() -> None:
    found = agreement(make_confusion([[5, 0, 0], [0, 4, 0], [0, 0, 2]]))
    assert (found.homogeneity, found.completeness, found.v_measure, found.adjusted_rand) == (1, 1, 1, 1)
    assert (found.outlier_precision, found.outlier_recall) == (1, 1)


def test_agreement_by_hand() -> None:
    """Two scenes of two photos in one cluster: nothing is told apart, and nothing is torn."""
    found = agreement(make_confusion([[2, 0], [2, 0], [0, 0]]))
    assert (found.homogeneity, found.completeness, found.v_measure, found.adjusted_rand) == (0, 1, 0, 0)
    assert (found.outlier_precision, found.outlier_recall) == (None, None)


def test_outlier_precision_and_recall() -> None:
    found = agreement(make_confusion([[5, 1], [3, 2]]))
    assert found.outlier_precision == pytest.approx(2 / 3)
    assert found.outlier_recall == pytest.approx(2 / 5)


@settings(max_examples=30)
@given(SEEDS)
def test_agreement_equals_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the oracle here")
    random = np.random.default_rng(seed)
    shape = random.integers(1, 6, size=2)
    counts = random.integers(0, 6, size=shape) * (random.random(shape) < 0.6)
    if not counts.any():
        counts[0, 0] = 1
    found = agreement(make_confusion(counts.tolist()))
    scenes = np.repeat(np.arange(shape[0]), counts.sum(axis=1))
    clusters = np.concatenate([np.repeat(np.arange(shape[1]), row) for row in counts])
    expected = metrics.homogeneity_completeness_v_measure(scenes, clusters)
    assert (found.homogeneity, found.completeness, found.v_measure) == pytest.approx(expected, abs=CLOSE)
    assert found.adjusted_rand == pytest.approx(metrics.adjusted_rand_score(scenes, clusters), abs=CLOSE)


# Shares and aligned errors


def test_registered_photos() -> None:
    unposed = [(*row[:3], NO_POSE) for row in GATE[4:5]]
    submitted = put(OUTLIERS, "outliers") + put(GATE[:3], "A") + unposed + put(GATE[3:4], "outliers")
    submitted += put(GATE[5:], "B") + POND
    found = measure(make_table(TRUE), make_table(submitted))
    gate, pond = found.scenes
    assert (gate.cluster, gate.num_photos, gate.num_registered, gate.num_registered_together) == ("A", 6, 4, 3)
    assert (pond.num_photos, pond.num_registered, pond.num_registered_together) == (5, 5, 5)
    assert (found.num_photos, found.num_registered) == (11, 9)


@settings(max_examples=25)
@given(SEEDS)
def test_an_exact_submission_has_no_errors_whatever_its_world(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = make_table(make_scene("gate", random_centers(random, 6)), seed=seed % 1000)
    found = measure(labels, moved(labels, random))
    scene = found.scenes[0]
    assert scene.aligned.photos == labels.image
    assert scene.aligned.centers == pytest.approx(np.zeros(6), abs=1e-6)
    assert scene.aligned.rotations_deg == pytest.approx(np.zeros(6), abs=1e-4)
    assert scene.relative_aucs == pytest.approx((100,) * 4, abs=1e-2)
    assert found.mean_aucs == found.pooled_aucs == scene.relative_aucs


def test_a_turned_camera_shows_after_alignment_and_in_its_pairs() -> None:
    labels = make_table(GATE, "labels")
    submission = moved(turned(labels, 2, 3.0), np.random.default_rng(1))
    gate = measure(labels, submission).scenes[0]
    expected = np.zeros(6)
    expected[2] = 3
    assert gate.aligned.rotations_deg == pytest.approx(expected, abs=1e-6)
    assert gate.aligned.centers == pytest.approx(np.zeros(6), abs=1e-6)
    # The direction as the turned camera sees it is off by at most as much.
    assert sorted(gate.relative.errors_deg) == pytest.approx([0.0] * 20 + [3.0] * 10, abs=1e-5)
    assert gate.relative.num_registered == 30
    # The curve jumps to 20/30 and rises on the straight line to (3, 21/30), then jumps to 1.
    share = (20 / 30 + 21 / 30) / 2
    assert gate.relative_aucs[2] == pytest.approx(100 * (3 * share + 2) / 5, abs=1e-3)
    assert gate.relative_aucs[:2] == pytest.approx((100 * 20 / 30,) * 2, abs=1e-3)


def test_aligned_errors_know_their_measures() -> None:
    centers = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [5, 5, 5]], dtype=float)
    labels = make_table(make_scene("gate", centers), "labels")
    aligned = measure(labels, labels).scenes[0].aligned
    distances = [1, 1, 1, 2**0.5, 2**0.5, 2**0.5, 75**0.5, 66**0.5, 66**0.5, 66**0.5]
    assert aligned.camera_distance == pytest.approx(np.median(distances))
    assert aligned.threshold == 1.0


def test_no_similarity_no_aligned_errors() -> None:
    labels = make_table(GATE)
    submission = make_table([*GATE[:2], *((*row[:3], NO_POSE) for row in GATE[2:])])
    gate = measure(labels, submission).scenes[0]
    assert gate.aligned.photos == ()
    assert len(gate.aligned.centers) == len(gate.aligned.rotations_deg) == 0
    assert all(np.isnan(percentiles(gate.aligned.centers)))


# Relative poses


def relative(true: list[Row], submitted: list[Row], min_baseline: float = 0.0) -> FloatArray:
    """Errors of the one scene of `true`, with the same rotations on both sides, as a matrix: source, target."""
    poses = scene_poses(make_table(true), make_table(submitted), "park")["gate"]
    found = relative_pose_errors(poses, min_baseline)
    size = len(poses.photos)
    matrix = np.zeros((size, size))
    matrix[~np.eye(size, dtype=bool)] = found.errors_deg
    assert found.num_registered == np.count_nonzero(matrix < 180) - size
    return matrix


def test_pairs_that_are_not_posed_together_fail() -> None:
    placed = put(GATE[:2], "A") + put(GATE[2:4], "B") + put(GATE[4:], "outliers")
    errors = relative(GATE, placed)
    assert np.all(errors[:4, 4:] == 180)
    assert np.all(errors[4:] + 180 * np.eye(6)[4:] == 180)
    assert np.all(errors[:2, 2:4] == 180)
    assert errors[:2, :2] == pytest.approx(np.zeros((2, 2)), abs=1e-5)
    assert errors[2:4, 2:4] == pytest.approx(np.zeros((2, 2)), abs=1e-5)


def test_unposed_photos_fail_with_all_their_pairs() -> None:
    errors = relative(GATE, [*GATE[:5], (*GATE[5][:3], NO_POSE)])
    assert np.all(errors[5, :5] == 180)
    assert np.all(errors[:5, 5] == 180)
    assert errors[:5, :5] == pytest.approx(np.zeros((5, 5)), abs=1e-5)


def test_cameras_at_one_place_are_judged_by_rotation_alone() -> None:
    centers = np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0]], dtype=float)
    off = centers + np.array([[0, 0, 0], [0, 0.01, 0], [0, 0, 0]])
    errors = relative(make_scene("gate", centers), make_scene("gate", off))
    assert errors[0, 1] == pytest.approx(0, abs=1e-5)
    assert errors[1, 2] == pytest.approx(np.degrees(np.arctan(0.01)), abs=1e-5)
    # A longer baseline is no better where it is below the accuracy of the truth.
    assert relative(make_scene("gate", centers), make_scene("gate", off), 1.5) == pytest.approx(0, abs=1e-5)


def test_cameras_submitted_at_one_place_fail() -> None:
    centers = np.array([[0, 0, 0], [3, 0, 0], [1, 0, 0]], dtype=float)
    submitted = np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0]], dtype=float)
    poses = scene_poses(make_table(make_scene("gate", centers)), make_table(make_scene("gate", submitted)), "park")
    errors = relative_pose_errors(poses["gate"], 0.0).errors_deg.reshape(3, 2)
    assert errors[0, 0] == errors[1, 0] == 180


def test_photos_without_a_true_pose_make_no_pair() -> None:
    true = [*GATE[:5], (*GATE[5][:3], NO_POSE)]
    assert (
        len(relative_pose_errors(scene_poses(make_table(true), make_table(GATE), "park")["gate"], 0).errors_deg) == 20
    )


def test_mirrored_cameras_are_no_good() -> None:
    mirrored = [(*row[:3], row[3] * [1, 1, -1]) for row in GATE]
    assert np.median(relative(GATE, mirrored)) > 10


def test_area_under_recall_by_hand() -> None:
    errors = np.array([1.0, 180.0, 3.0])
    # Up to 2: a triangle to (1, 1/3), then level. Up to 4: on to (3, 2/3), then level.
    assert area_under_recall(errors, (2.0, 4.0)) == pytest.approx(
        [100 * (1 / 6 + 1 / 3) / 2, 100 * (1 / 6 + 2 * 0.5 + 2 / 3) / 4]
    )
    assert area_under_recall(np.zeros(4), (0.5, 10.0)).tolist() == [100, 100]
    assert area_under_recall(np.full(4, 180.0), (0.5, 10.0)).tolist() == [0, 0]
    assert np.isnan(area_under_recall(np.zeros(0), (0.5,))).all()


@given(SEEDS)
def test_area_under_recall_equals_a_fine_sum(seed: int) -> None:
    random = np.random.default_rng(seed)
    errors = random.uniform(0, 20, size=random.integers(1, 30))
    fine = np.linspace(0, 10, 40_001)
    below = np.sort(errors[errors <= 10])
    curve = np.interp(fine, [0, *below, 10], np.arange(len(below) + 2).clip(max=len(below)) / len(errors))
    assert area_under_recall(errors, (10.0,))[0] == pytest.approx(100 * curve.mean(), abs=0.02)


def test_means_and_pools() -> None:
    """The gate's 30 pairs are right and the pond's 20 all fail."""
    labels = make_table(GATE + POND)
    found = measure(labels, make_table(GATE + put(POND, "outliers")))
    assert found.mean_aucs == pytest.approx((50,) * 4, abs=1e-3)
    assert found.pooled_aucs == pytest.approx((60,) * 4, abs=1e-3)
    assert found.scenes[1].relative_aucs == (0,) * 4


def test_a_collection_of_outliers_alone() -> None:
    found = measure(make_table(OUTLIERS), make_table(OUTLIERS))
    assert found.scenes == ()
    assert np.isnan(found.mean_aucs).all()
    assert np.isnan(found.pooled_aucs).all()
    assert found.num_photos == 0
