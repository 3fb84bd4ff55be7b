"""The registration against plain loops, and at the edges where a similarity does not exist."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from builders import THRESHOLDS, FloatArray, blur, move, random_centers
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference_inliers

from scenesort.evaluation import register, registration
from scenesort.evaluation.camera_sets import WordArray

SEEDS = st.integers(0, 2**32 - 1)


def check_against_plain_loops(
    submitted: FloatArray, true: FloatArray, thresholds: FloatArray, tolerance: float = 1e-9
) -> None:
    found = register(submitted, true, thresholds)
    inliers, errors = reference_inliers(submitted, true, thresholds)
    assert list(found.inliers) == inliers
    # The errors are those of the same fit: ties and the order of the search count.
    np.testing.assert_allclose(found.errors, errors, rtol=1e-6, atol=tolerance)


def accuracy(inliers: tuple[int, ...], num_cameras: int) -> float:
    return sum(max(0, count - 3) for count in inliers[2:]) / (4 * (num_cameras - 3))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, num_cameras=st.integers(6, 12))
def test_equals_plain_loops(seed: int, num_cameras: int) -> None:
    random = np.random.default_rng(seed)
    true = random_centers(random, num_cameras)
    submitted = move(blur(true, random), random)
    submitted[random.random(num_cameras) < 0.1] = np.nan
    check_against_plain_loops(submitted, true, THRESHOLDS)


@pytest.mark.parametrize("shape", ["ring", "line", "far"])
def test_equals_plain_loops_in_a_larger_scene(shape: str) -> None:
    """Cameras in a ring, nearly on a line, and at coordinates of a map: bounds of errors are loose there."""
    random = np.random.default_rng(9)
    true = random_centers(random, 20) * {"ring": [1, 1, 0.05], "line": [1, 0.003, 0.003], "far": [1, 1, 1]}[shape]
    submitted = move(blur(true, random), random)
    if shape == "far":
        true += [4.5e6, 5.5e6, 300]
    submitted[3] = np.nan
    assert 0.2 < accuracy(register(submitted, true, THRESHOLDS).inliers, 20) < 0.8
    check_against_plain_loops(submitted, true, THRESHOLDS, tolerance=1e-6 if shape == "far" else 1e-9)


def test_random_scenes_are_neither_trivial_nor_hopeless() -> None:
    accuracies = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        true = random_centers(random, 10)
        found = register(move(blur(true, random), random), true, THRESHOLDS)
        accuracies.append(accuracy(found.inliers, 10))
    assert 0.3 < np.mean(accuracies) < 0.7


@pytest.mark.parametrize("seed", range(60))
def test_equals_plain_loops_where_photos_share_a_centre(seed: int) -> None:
    """Exact copies of a photo share a pose: three cameras then lie on a line, and rounding decides the rotation."""
    random = np.random.default_rng(seed)
    true = random_centers(random, 7)
    submitted = blur(true, random)
    submitted[1:3] = submitted[0]
    if seed % 3:
        true[1:3] = true[0]
    check_against_plain_loops(submitted, true, THRESHOLDS)


@pytest.mark.parametrize("is_true_small", [True, False])
def test_equals_plain_loops_where_far_cameras_drown_the_digits(is_true_small: bool) -> None:
    random = np.random.default_rng(5)
    true = random_centers(random, 9)
    submitted = blur(true, random)
    small = true if is_true_small else submitted
    small[:4] = small[:4] * 1e-7 + 1e3
    if is_true_small:
        check_against_plain_loops(submitted, true, THRESHOLDS * 1e-7)
    else:
        # Coordinates of 1e3, enlarged 1e7-fold, leave both sides no more digits.
        check_against_plain_loops(submitted, true, THRESHOLDS, tolerance=1e-4)


def test_an_error_of_exactly_the_threshold_does_not_lead_the_search() -> None:
    """Six cameras on the axes are fitted without rounding: at a threshold of 0 they are no better than any others."""
    true = np.vstack([np.eye(3), -np.eye(3), np.zeros(3)])
    submitted = true.copy()
    submitted[6] = 0.05
    check_against_plain_loops(submitted, true, np.array([0.0, 0.01, 0.2]))


@pytest.mark.parametrize("thresholds", [[0.0, 0.0, 0.1, 0.05, 0.5, 0.5], [1.0, 0.5, 0.2], [0.2] * 7])
def test_thresholds_need_not_rise(thresholds: list[float]) -> None:
    random = np.random.default_rng(3)
    true = random_centers(random, 9)
    submitted = blur(true, random)
    check_against_plain_loops(submitted, true, np.array(thresholds))


@pytest.mark.parametrize("seed", range(8))
def test_small_batches_and_a_short_memory_change_nothing(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    random = np.random.default_rng(seed)
    true = random_centers(random, 12)
    submitted = blur(true, random)
    at_once = register(submitted, true, THRESHOLDS)
    monkeypatch.setattr(registration, "_BATCH_VALUES", 36)
    monkeypatch.setattr(registration, "_MEMORY_SETS", 2)
    monkeypatch.setattr(registration, "_BATCH_TRIPLES", 7)
    bit_by_bit = register(submitted, true, THRESHOLDS)
    assert bit_by_bit.inliers == at_once.inliers
    np.testing.assert_allclose(bit_by_bit.errors, at_once.errors, rtol=1e-9)
    np.testing.assert_array_equal(bit_by_bit.triples, at_once.triples)


def test_each_set_is_fitted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[bytes] = []
    fit = registration.SetFitter.fit

    def fit_and_note(self: registration.SetFitter, sets: WordArray, is_quick: bool = False) -> FloatArray:
        fitted.extend(row.tobytes() for row in sets if is_quick)
        return fit(self, sets, is_quick)

    monkeypatch.setattr(registration.SetFitter, "fit", fit_and_note)
    monkeypatch.setattr(registration, "_BATCH_TRIPLES", 10)
    random = np.random.default_rng(1)
    true = random_centers(random, 10)
    register(blur(true, random), true, THRESHOLDS)
    assert len(set(fitted)) > 20
    # A memory of bounded size may forget a set; hardly any here.
    assert len(fitted) <= 1.02 * len(set(fitted))


@pytest.mark.parametrize("num_cameras", [3, 4, 5, 9, 17])
def test_all_triples_come_once_in_order(num_cameras: int) -> None:
    batches = list(registration._all_triples(num_cameras, 32))
    assert max(map(len, batches)) <= 32
    assert [tuple(triple) for triple in np.vstack(batches).tolist()] == list(combinations(range(num_cameras), 3))


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
    # Nor do huge coordinates shrink to a point that is near everything.
    assert register(true * 1e305, true * 1e-3, THRESHOLDS).inliers == (0,) * 6


def test_a_true_centre_that_is_missing_takes_no_part() -> None:
    true = random_centers(np.random.default_rng(0), 8)
    submitted = true.copy()
    true[3] = np.nan
    found = register(submitted, true, THRESHOLDS)
    assert found.inliers == (7,) * 6
    assert np.all(np.isinf(found.errors[3]))
