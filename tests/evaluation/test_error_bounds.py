"""The bounds of errors are never above the errors, and hardly below them."""

from __future__ import annotations

import numpy as np
from builders import FloatArray, blur, move, random_centers
from hypothesis import given, settings
from hypothesis import strategies as st

from scenesort.evaluation.error_bounds import ErrorBounds
from scenesort.evaluation.similarity import fit_triples


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    distance=st.sampled_from([0.0, 1e3, 1e7]),
    noise=st.sampled_from([0.0, 1.0]),
    num_cameras=st.integers(3, 40),
)
def test_bounds_are_below_the_errors(seed: int, distance: float, noise: float, num_cameras: int) -> None:
    random = np.random.default_rng(seed)
    true = random_centers(random, num_cameras) + random.normal(size=3) * distance
    submitted = move(true + noise * (blur(true, random) - true), random)
    triples = np.array([random.choice(num_cameras, 3, replace=False) for _ in range(20)])
    transforms = fit_triples(submitted, true, triples)
    errors = squared_errors(transforms, submitted, true)
    bounds = ErrorBounds(submitted, true)
    least = bounds.coefficients(transforms) @ bounds.features
    assert np.all(least <= errors)
    if distance == 0:
        np.testing.assert_allclose(least, errors, rtol=1e-6, atol=1e-4)


def squared_errors(transforms: FloatArray, submitted: FloatArray, true: FloatArray) -> FloatArray:
    moved = transforms @ np.vstack([submitted.T, np.ones(len(submitted))])
    result: FloatArray = ((moved - true.T) ** 2).sum(axis=1)
    return result


def test_a_similarity_that_is_nan_has_no_bound() -> None:
    random = np.random.default_rng(0)
    centers = random_centers(random, 5)
    assert not np.isfinite(ErrorBounds(centers, centers).coefficients(np.full((1, 3, 4), np.nan))[0, -1])
