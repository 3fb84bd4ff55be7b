"""True and estimated cameras in the true frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import NO_POSE, THRESHOLDS, make_scene, make_table, random_centers, random_rotation
from hypothesis import given
from hypothesis import strategies as st

from scenesort.errors import EvaluationError
from scenesort.evaluation import PoseTable, score
from scenesort.evaluation.alignment import AlignedScene, Status, align
from scenesort.geometry import Similarity, rotation_angle_deg


def aligned(labels: PoseTable, submission: PoseTable, index: int | None = None) -> AlignedScene:
    """The first scene; every scene has the same thresholds."""
    thresholds = {key: THRESHOLDS for key in zip(labels.dataset, labels.scene, strict=True)}
    return align(labels, submission, score(labels, submission, thresholds), index)[0]


def moved(labels: PoseTable, similarity: Similarity, scene: str = "cluster") -> PoseTable:
    """The same cameras in a world that the similarity takes the labels' world to."""
    centers = similarity.apply_to_points(labels.center_in_world)
    rotation = labels.rotation @ similarity.rotation.T
    return replace(
        labels,
        scene=(scene,) * len(labels),
        rotation=rotation,
        translation=-np.einsum("nij,nj->ni", rotation, centers),
        source="submission",
    )


@given(st.integers(0, 2**32 - 1), st.integers(4, 9), st.floats(0.05, 20))
def test_a_moved_truth_comes_back_to_the_truth(seed: int, num_cameras: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    labels = make_table(make_scene("gate", random_centers(random, num_cameras)), seed=seed)
    similarity = Similarity(scale, random_rotation(random), random.normal(size=3) * 20)
    found = aligned(labels, moved(labels, similarity))
    np.testing.assert_allclose(found.estimated_world_from_cam, found.true_world_from_cam, atol=1e-9)
    np.testing.assert_allclose(found.errors, 0, atol=1e-9)
    assert found.true_from_submitted is not None
    assert found.true_from_submitted.scale == pytest.approx(1 / scale)


def test_poses_are_inverted_and_scale_moves_centres_only() -> None:
    # A camera at (1, 2, 3) that is turned by a quarter about z; the submission's world is twice as large.
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    centers = np.array([[1.0, 2, 3], [0, 0, 0], [4, 0, 0], [0, 4, 1], [1, 1, 7]])
    labels = make_table(make_scene("gate", centers))
    labels = replace(labels, rotation=np.tile(turn, (5, 1, 1)), translation=-centers @ turn.T)
    submission = moved(labels, Similarity(2.0, np.eye(3), np.zeros(3)))
    found = aligned(labels, submission)
    np.testing.assert_allclose(found.true_world_from_cam[0], np.column_stack([turn.T, centers[0]]), atol=1e-12)
    np.testing.assert_allclose(found.estimated_world_from_cam[0], np.column_stack([turn.T, centers[0]]), atol=1e-12)
    determinants = np.linalg.det(found.estimated_world_from_cam[:, :, :3])
    np.testing.assert_allclose(determinants, 1, atol=1e-12)


def test_errors_are_those_of_the_registration() -> None:
    random = np.random.default_rng(5)
    centers = random_centers(random, 16)
    labels = make_table(make_scene("gate", centers))
    wrong = centers.copy()
    wrong[3] += [0.45, 0, 0]
    wrong[6] += [0, 7, 0]
    found = aligned(labels, make_table(make_scene("cluster", wrong, photos="gate")), 4)
    assert found.threshold == 0.5
    np.testing.assert_allclose(found.errors[6], 7, rtol=0.1)
    distances = np.linalg.norm(found.estimated_world_from_cam[:, :, 3] - found.true_world_from_cam[:, :, 3], axis=1)
    np.testing.assert_allclose(found.errors, distances, atol=1e-12)
    assert found.status == tuple(Status.BEYOND if row == 6 else Status.WITHIN for row in range(16))
    # The scored thresholds are 0.1, 0.2, 0.5 and 1.
    assert found.accuracy.tolist() == [1, 1, 1, 0.5, 1, 1, 0, *[1] * 9]


def test_each_threshold_has_its_own_transform() -> None:
    random = np.random.default_rng(2)
    centers = random_centers(random, 6)
    labels = make_table(make_scene("gate", centers))
    wrong = centers + random.normal(size=centers.shape) * 0.2
    wrong[:4] = centers[:4]
    submission = make_table(make_scene("cluster", wrong, photos="gate"))
    small, large = aligned(labels, submission, 0), aligned(labels, submission)
    assert (small.threshold, large.threshold) == (0.025, 1.0)
    assert small.errors[:4].max() < 1e-9 < large.errors[:4].max()


def test_absent_photos_and_strangers() -> None:
    random = np.random.default_rng(7)
    gate, tower = random_centers(random, 7), random_centers(random, 5)
    labels = make_table([*make_scene("gate", gate), *make_scene("tower", tower)])
    rows = make_scene("one", gate, photos="gate")
    rows[1] = ("park", "one", "gate_1.png", NO_POSE)
    rows[2] = ("park", "two", "gate_2.png", gate[2])
    rows += [*make_scene("one", tower[:2], photos="tower"), *make_scene("two", tower, photos="tower")[2:]]
    found = aligned(labels, make_table(rows))
    assert found.cluster == "one"
    assert found.clusters[:3] == ("one", "one", "two")
    assert found.status[:4] == (Status.WITHIN, Status.UNPOSED, Status.ELSEWHERE, Status.WITHIN)
    assert np.isnan(found.estimated_world_from_cam[1:3]).all()
    assert np.isfinite(found.true_world_from_cam).all()
    assert np.isnan(found.errors[1:3]).all()
    assert found.accuracy[1:3].tolist() == [0, 0]
    assert found.strangers == ("tower_0.png", "tower_1.png")
    np.testing.assert_allclose(found.strangers_world_from_cam[:, :, 3], tower[:2], atol=1e-9)
    assert found.count(Status.UNPOSED, Status.ELSEWHERE) == 2


def test_without_a_transform_the_truth_stands_alone() -> None:
    random = np.random.default_rng(7)
    centers = random_centers(random, 6)
    labels = make_table(make_scene("gate", centers))
    few = centers.copy()
    few[2:] = np.nan
    found = aligned(labels, make_table(make_scene("cluster", few, photos="gate")))
    assert found.true_from_submitted is None
    assert np.isnan(found.estimated_world_from_cam).all()
    assert np.isnan(found.errors).all()
    assert found.status[:3] == (Status.UNMEASURED, Status.UNMEASURED, Status.UNPOSED)


def test_a_scene_without_a_cluster() -> None:
    centers = random_centers(np.random.default_rng(7), 6)
    labels = make_table(make_scene("gate", centers))
    found = aligned(labels, make_table(make_scene("outliers", centers, photos="gate")))
    assert found.cluster is None
    assert found.strangers == ()
    assert set(found.status) == {Status.ELSEWHERE}


def test_what_is_nearly_a_rotation_becomes_one_and_keeps_its_centre() -> None:
    centers = random_centers(np.random.default_rng(3), 5)
    labels = make_table(make_scene("gate", centers))
    submission = moved(labels, Similarity(1.0, np.eye(3), np.zeros(3)))
    submission = replace(submission, rotation=submission.rotation * 1.001)
    found = aligned(labels, submission)
    rotation = found.estimated_world_from_cam[:, :, :3]
    np.testing.assert_allclose(rotation @ np.swapaxes(rotation, 1, 2), np.tile(np.eye(3), (5, 1, 1)), atol=1e-12)
    assert rotation_angle_deg(rotation, found.true_world_from_cam[:, :, :3]).max() < 1e-6


def test_a_threshold_that_is_not_there() -> None:
    labels = make_table(make_scene("gate", random_centers(np.random.default_rng(3), 5)))
    submission = moved(labels, Similarity(1.0, np.eye(3), np.zeros(3)))
    with pytest.raises(EvaluationError, match="no threshold 7: each scene has 6"):
        aligned(labels, submission, 6)
