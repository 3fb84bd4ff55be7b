"""The registration against plain loops, and at the edges where a similarity does not exist."""

from __future__ import annotations

import numpy as np
import pytest
from builders import THRESHOLDS, blur, move, random_centers
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference_inliers

from scenesort.evaluation import register, registration

SEEDS = st.integers(0, 2**32 - 1)


def accuracy(inliers: tuple[int, ...], num_cameras: int) -> float:
    return sum(max(0, count - 3) for count in inliers[2:]) / (4 * (num_cameras - 3))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, num_cameras=st.integers(6, 12))
def test_equals_plain_loops(seed: int, num_cameras: int) -> None:
    random = np.random.default_rng(seed)
    true = random_centers(random, num_cameras)
    submitted = move(blur(true, random), random)
    submitted[random.random(num_cameras) < 0.1] = np.nan
    found = register(submitted, true, THRESHOLDS)
    inliers, errors = reference_inliers(submitted, true, THRESHOLDS)
    assert list(found.inliers) == inliers
    # The errors are those of the same fit: ties and the order of the search count.
    np.testing.assert_allclose(found.errors, errors, rtol=1e-6, atol=1e-9)


def test_random_scenes_are_neither_trivial_nor_hopeless() -> None:
    accuracies = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        true = random_centers(random, 10)
        found = register(move(blur(true, random), random), true, THRESHOLDS)
        accuracies.append(accuracy(found.inliers, 10))
    assert 0.3 < np.mean(accuracies) < 0.7


@pytest.mark.parametrize("seed", range(24))
def test_equals_plain_loops_where_photos_share_a_centre(seed: int) -> None:
    """Exact copies of a photo share a pose: three cameras then lie on a line, and rounding decides the rotation."""
    random = np.random.default_rng(seed)
    true = random_centers(random, 8)
    submitted = blur(true, random)
    if seed % 2:
        true[1] = true[0]
    submitted[1] = submitted[0]
    submitted[random.random(8) < 0.3] = submitted[0]
    found = register(submitted, true, THRESHOLDS)
    inliers, errors = reference_inliers(submitted, true, THRESHOLDS)
    assert list(found.inliers) == inliers
    np.testing.assert_allclose(found.errors, errors, rtol=1e-6, atol=1e-9)


def test_equals_plain_loops_where_a_far_camera_drowns_the_digits() -> None:
    random = np.random.default_rng(5)
    true = random_centers(random, 9)
    submitted = blur(true, random) * 1e-7
    submitted[:3] += 1e3
    found = register(submitted, true, THRESHOLDS)
    assert list(found.inliers) == reference_inliers(submitted, true, THRESHOLDS)[0]


@pytest.mark.parametrize("thresholds", [[0.0, 0.0, 0.1, 0.05, 0.5, 0.5], [1.0, 0.5, 0.2], [0.2] * 7])
def test_thresholds_need_not_rise(thresholds: list[float]) -> None:
    random = np.random.default_rng(3)
    true = random_centers(random, 9)
    submitted = blur(true, random)
    found = register(submitted, true, np.array(thresholds))
    assert list(found.inliers) == reference_inliers(submitted, true, np.array(thresholds))[0]


def test_small_batches_and_a_short_memory_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(11)
    true = random_centers(random, 12)
    submitted = blur(true, random)
    at_once = register(submitted, true, THRESHOLDS)
    monkeypatch.setattr(registration, "_BATCH_VALUES", 36)
    monkeypatch.setattr(registration, "_MAX_KNOWN_SETS", 2)
    bit_by_bit = register(submitted, true, THRESHOLDS)
    assert bit_by_bit.inliers == at_once.inliers
    np.testing.assert_allclose(bit_by_bit.errors, at_once.errors, rtol=1e-9)
    np.testing.assert_array_equal(bit_by_bit.triples, at_once.triples)


def test_transforms_give_the_errors() -> None:
    random = np.random.default_rng(2)
    true = random_centers(random, 10)
    submitted = move(blur(true, random), random)
    submitted[4] = np.inf
    found = register(submitted, true, THRESHOLDS)
    posed = np.arange(10) != 4
    for index, transform in enumerate(found.transforms):
        moved = submitted[posed] @ transform[:, :3].T + transform[:, 3]
        np.testing.assert_allclose(np.linalg.norm(moved - true[posed], axis=1), found.errors[posed, index], atol=1e-9)
    assert np.all(np.isinf(found.errors[4]))
    assert 4 not in found.triples
    assert np.all(found.triples[:, 0] < found.triples[:, 1])


def test_an_error_equal_to_the_threshold_is_no_inlier() -> None:
    """Six cameras on the axes are fitted without rounding, so their errors are exactly 0."""
    true = np.vstack([np.eye(3), -np.eye(3)])
    found = register(true, true, np.array([0.1, 0.0, 0.0]))
    assert np.all(found.errors[:, 0] == 0)
    assert found.inliers == (6, 0, 0)


@pytest.mark.parametrize("num_cameras", [0, 1, 2])
def test_fewer_than_three_cameras_have_no_similarity(num_cameras: int) -> None:
    centers = np.arange(3.0 * num_cameras).reshape(-1, 3)
    found = register(centers, centers, THRESHOLDS)
    assert found.inliers == (0,) * 6
    assert found.errors.shape == (num_cameras, 6)
    assert np.all(np.isinf(found.errors))
    assert np.all(np.isnan(found.transforms))
    assert np.all(found.triples == -1)


def test_two_poses_among_many_photos_are_too_few() -> None:
    true = random_centers(np.random.default_rng(0), 8)
    submitted = np.full_like(true, np.nan)
    submitted[[2, 5]] = true[[2, 5]]
    assert register(submitted, true, THRESHOLDS).inliers == (0,) * 6


def test_equal_centres_have_no_similarity() -> None:
    true = random_centers(np.random.default_rng(0), 8)
    assert register(np.zeros_like(true), true, THRESHOLDS).inliers == (0,) * 6


def test_a_mirror_image_is_not_a_similarity() -> None:
    true = random_centers(np.random.default_rng(0), 12)
    found = register(true * [1, 1, -1], true, THRESHOLDS)
    assert max(found.inliers) < 12
    assert np.all(np.linalg.det(found.transforms[:, :, :3]) > 0)


def test_overflow_is_nobodys_inlier() -> None:
    true = random_centers(np.random.default_rng(0), 6)
    submitted = true.copy()
    submitted[:3] = [[1e200, 0, 0], [0, 1e200, 0], [-1e308, 1e308, 0]]
    assert register(submitted, true, THRESHOLDS).inliers[2] == 3


def test_a_true_centre_that_is_missing_takes_no_part() -> None:
    true = random_centers(np.random.default_rng(0), 8)
    submitted = true.copy()
    true[3] = np.nan
    found = register(submitted, true, THRESHOLDS)
    assert found.inliers == (7,) * 6
    assert np.all(np.isinf(found.errors[3]))
