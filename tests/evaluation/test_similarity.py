"""Fast fits against the plain ones, where the rotation is sure and where it hardly is."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from builders import FloatArray, blur, move, random_centers
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import similarity_by_quaternion, similarity_by_svd

from scenesort.evaluation.camera_sets import BoolArray, WordArray, pack_sets
from scenesort.evaluation.similarity import SetFitter, fit_triples, multiply_rows

SEEDS = st.integers(0, 2**32 - 1)
SHAPES = {"ball": [1.0, 1, 1], "plane": [1, 1, 0], "nearly a plane": [1, 1, 1e-6], "thin": [1, 0.03, 0.01]}


def scene(random: np.random.Generator, shape: str, num_cameras: int = 12) -> tuple[FloatArray, FloatArray]:
    """Submitted and true centres (n, 3)."""
    true = random.normal(size=(num_cameras, 3)) * SHAPES[shape]
    submitted = true + random.normal(size=true.shape) * SHAPES[shape] * random.choice([1e-9, 0.1, 1.0])
    return move(submitted, random), move(true, random)


def random_sets(random: np.random.Generator, num_sets: int, num_cameras: int) -> tuple[BoolArray, WordArray]:
    """Sets (s, n) of at least three cameras, and as words."""
    is_member = np.zeros((num_sets, -(-num_cameras // 8) * 8), dtype=np.bool_)
    is_member[:, :num_cameras] = random.random((num_sets, num_cameras)) < 0.5
    is_member[:, :3] = True
    words = np.zeros((num_sets, 1, -(-num_cameras // 64)), dtype=np.uint64)
    pack_sets(is_member[None], words)
    return is_member[:, :num_cameras], words[:, 0]


def check_places(found: FloatArray, expected: FloatArray, submitted: FloatArray, tolerance: float) -> None:
    """Compare where similarities bring the centres, which is what they are for."""
    homogeneous = np.vstack([submitted.T, np.ones(len(submitted))])
    spread = np.linalg.norm(expected[:, :3]) * np.linalg.norm(submitted - submitted.mean(axis=0))
    np.testing.assert_allclose(found @ homogeneous, expected @ homogeneous, rtol=0, atol=tolerance * spread + 1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, shape=st.sampled_from(sorted(SHAPES)))
def test_triples_are_fitted_as_by_quaternions(seed: int, shape: str) -> None:
    submitted, true = scene(np.random.default_rng(seed), shape, 8)
    triples = np.array(list(combinations(range(8), 3)))
    for triple, found in zip(triples, fit_triples(submitted, true, triples), strict=True):
        expected = similarity_by_quaternion(submitted[triple].T, true[triple].T)
        check_places(found, expected, submitted[triple], 1e-8)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, shape=st.sampled_from(sorted(SHAPES)))
def test_sets_are_fitted_as_by_singular_values(seed: int, shape: str) -> None:
    random = np.random.default_rng(seed)
    submitted, true = scene(random, shape)
    is_member, words = random_sets(random, 40, len(true))
    fitter = SetFitter(submitted, true)
    quick, careful = fitter.fit(words, is_quick=True), fitter.fit(words)
    for row, members in enumerate(is_member):
        expected = similarity_by_svd(submitted[members].T, true[members].T)
        check_places(quick[row], expected, submitted, 1e-9)
        check_places(careful[row], expected, submitted, 1e-10)
        check_places(fitter.fit_exactly(words[row]), expected, submitted, 1e-15)


def test_mirror_images_are_fitted_without_reflection() -> None:
    random = np.random.default_rng(1)
    true = random_centers(random, 12)
    submitted = blur(true, random) * [1, 1, -1]
    is_member, words = random_sets(random, 40, 12)
    for quick, members in zip(SetFitter(submitted, true).fit(words, is_quick=True), is_member, strict=True):
        assert np.linalg.det(quick[:, :3]) > 0
        check_places(quick, similarity_by_svd(submitted[members].T, true[members].T), submitted, 1e-9)


@pytest.mark.parametrize("rows", [0, 1, 5000])
def test_products_in_parts_are_products(rows: int) -> None:
    random = np.random.default_rng(0)
    left, right, out = random.normal(size=(rows, 18)), random.normal(size=(18, 30)), np.empty((rows, 30))
    multiply_rows(left, right, out)
    np.testing.assert_allclose(out, left @ right, atol=1e-12)
