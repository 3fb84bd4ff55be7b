"""Registration of one submitted cluster to one true scene: for each threshold, the similarity with the most inliers.

This is the search of the Image Matching Challenge 2025's own scoring code. Every triple of cameras gives a first
similarity, the cameras that it brings near their true places are fitted again together, and the outcome is tested at
every threshold. A fit to a set of cameras depends on the set alone, so triples are handled in batches and each distinct
set is fitted once, in the order in which the sets appear. That fit is quick: bounds of its errors tell whether it can
be the best. The few that can are fitted again, and the best in the official code's order of arithmetic, digit by digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from scenesort.evaluation.camera_sets import (
    IntArray,
    SetMemory,
    WordArray,
    count_members,
    differ,
    num_words,
    pack_sets,
)
from scenesort.evaluation.error_bounds import SQUARED_TRUE, ErrorBounds
from scenesort.evaluation.similarity import SetFitter, fit_triples, multiply_rows
from scenesort.types import FloatArray

MIN_CAMERAS = 3
"""A similarity needs three cameras."""

_BATCH_TRIPLES = 1 << 12
"""Triples handled at once: long arrays for the fits, and little memory."""

_FIRST_BATCH = 16
"""The first batch is this many times smaller."""

_BATCH_VALUES = 1 << 15
"""Similarities × cameras tested at once: a few hundred KiB, which stay in the processor's cache."""

_MEMORY_SETS = 1 << 20
"""How many sets are remembered as fitted, at most. Fitting a forgotten set again costs time alone."""

_EQUAL_SUMS = 1e-9
"""Sums of squared errors that differ by less than this share are compared again, in the official digits."""


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """The best similarity of each threshold. Lengths are in the unit of the true cameras.

    `transforms`: (t, 3, 4) float64, each maps a submitted centre (with 1 appended) to the true frame; nan where no
    triple fits. `errors`: (n, t) float64, distance of each camera from its true place under each threshold's own
    transform; infinite where the camera has no pose or no triple fits. `triples`: (t, 3) int64, the cameras of the
    triple that led to each transform; -1 where there is none. `inliers`: t numbers of cameras whose error is below the
    threshold.
    """

    transforms: FloatArray
    errors: FloatArray
    triples: IntArray
    inliers: tuple[int, ...]


def register(submitted_centers: FloatArray, true_centers: FloatArray, thresholds: FloatArray) -> Registration:
    """Register n submitted camera centres (n, 3) to their true ones (n, 3) for t `thresholds` (t,).

    Centres that are not finite take no part. Time grows with the cube of n, memory with its square.
    """
    num_cameras, num_thresholds = len(submitted_centers), len(thresholds)
    usable = np.flatnonzero(np.isfinite(submitted_centers).all(axis=1) & np.isfinite(true_centers).all(axis=1))
    errors = np.full((num_cameras, num_thresholds), np.inf)
    transforms = np.full((num_thresholds, 3, 4), np.nan)
    triples = np.full((num_thresholds, 3), -1, dtype=np.int64)
    if len(usable) >= MIN_CAMERAS:
        # Extreme coordinates overflow and equal centres divide by zero: both give nan, which is nobody's inlier.
        with np.errstate(all="ignore"):
            search = _Search(submitted_centers[usable], true_centers[usable], thresholds)
            search.run()
        errors[usable] = search.best_errors
        transforms, found = search.best_transforms, search.best_triples
        triples = np.where(found >= 0, usable[found], -1)
    inliers = tuple(int(count) for count in np.count_nonzero(errors < thresholds, axis=0))
    return Registration(transforms, errors, triples, inliers)


class _Search:
    """The search over all triples, with the best found so far for each threshold."""

    def __init__(self, submitted: FloatArray, true: FloatArray, thresholds: FloatArray) -> None:
        num_cameras, num_thresholds = len(submitted), len(thresholds)
        self.submitted, self.true = submitted, true
        self.squared_thresholds = thresholds**2
        self.fitter = SetFitter(submitted, true)
        num_triples = num_cameras * (num_cameras - 1) * (num_cameras - 2) // 6
        self.memory = SetMemory(num_cameras, min(_MEMORY_SETS, 64 * num_triples))
        # Whole bytes of cameras are packed faster; those added are infinitely far from their true places.
        added = -num_cameras % 8
        self.submitted_homogeneous = np.pad(np.vstack([submitted.T, np.ones(num_cameras)]), ((0, 0), (0, added)))
        self.true_padded = np.pad(true.T, ((0, 0), (0, added)), constant_values=np.inf)
        self.bounds = ErrorBounds(submitted, true)
        self.bound_features = np.pad(self.bounds.features, ((0, 0), (0, added)))
        self.bound_features[SQUARED_TRUE, num_cameras:] = np.inf
        self.rows_tested = max(1, _BATCH_VALUES // num_cameras)
        self.squared_errors = np.empty((self.rows_tested, num_cameras + added))
        self.offsets = np.empty_like(self.squared_errors)
        self.is_inlier = np.empty(num_thresholds * self.squared_errors.size, dtype=np.bool_)
        self.best_counts = np.zeros(num_thresholds, dtype=np.int64)
        self.best_sums = np.full(num_thresholds, np.inf)
        self.best_errors = np.full((num_cameras, num_thresholds), np.inf)
        self.best_transforms = np.full((num_thresholds, 3, 4), np.nan)
        self.best_triples = np.full((num_thresholds, 3), -1, dtype=np.int64)

    def run(self) -> None:
        for triples in _all_triples(len(self.submitted), _BATCH_TRIPLES):
            inliers = self._find_inliers(fit_triples(self.submitted, self.true, triples), self._squared_errors)
            is_candidate = count_members(inliers) >= MIN_CAMERAS
            # Neighbouring thresholds often agree.
            is_candidate[:, 1:] &= differ(inliers[:, 1:], inliers[:, :-1])
            owners, at_threshold = np.nonzero(is_candidate)
            sets = inliers[owners, at_threshold]
            new = self.memory.find_new(sets)
            self._test(sets[new], triples[owners[new]])

    def _squared_errors(self, transforms: FloatArray) -> FloatArray:
        """Squared distances (b, n) of all cameras from their true places under a few transforms (b, 3, 4).

        The cameras added for whole bytes come last. The next call writes over the result.
        """
        squared_errors, offsets = self.squared_errors[: len(transforms)], self.offsets[: len(transforms)]
        for axis in range(3):
            target = offsets if axis else squared_errors
            multiply_rows(transforms[:, axis], self.submitted_homogeneous, target)
            target -= self.true_padded[axis]
            target *= target
            if axis:
                squared_errors += offsets
        return squared_errors

    def _find_inliers(self, models: FloatArray, squared_errors_of: Callable[[FloatArray], FloatArray]) -> WordArray:
        """Inlier sets (b, t, w) at every threshold for b models, whose squared errors a function gives."""
        num_thresholds = len(self.squared_thresholds)
        inliers = np.zeros((len(models), num_thresholds, num_words(len(self.submitted))), dtype=np.uint64)
        for rows in self._parts(len(models)):
            squared_errors = squared_errors_of(models[rows])
            shape = num_thresholds, *squared_errors.shape
            is_inlier = self.is_inlier[: math.prod(shape)].reshape(shape)
            np.less(squared_errors, self.squared_thresholds[:, None, None], out=is_inlier)
            pack_sets(is_inlier, inliers[rows])
        return inliers

    def _parts(self, num_rows: int) -> list[slice]:
        return [slice(start, start + self.rows_tested) for start in range(0, num_rows, self.rows_tested)]

    def _test(self, sets: WordArray, triples: IntArray) -> None:
        """Fit each of `sets` (s, w), met first at `triples` (s, 3), and keep what is better at any threshold."""
        promising = self._find_promising(self.fitter.fit(sets, is_quick=True))
        if not len(promising):
            return
        sets, triples = sets[promising], triples[promising]
        transforms = self.fitter.fit(sets)
        counts = count_members(self._find_inliers(transforms, self._squared_errors))
        sums = np.empty(len(sets))
        for rows in self._parts(len(sets)):
            self._squared_errors(transforms[rows])[:, : len(self.submitted)].sum(axis=1, out=sums[rows])
        sums[np.isnan(sums)] = np.inf
        for threshold, most in enumerate(counts.max(axis=0)):
            if most < self.best_counts[threshold]:
                continue
            # Within the batch as against earlier ones: more inliers, then the smaller sum, then the first.
            tied = np.flatnonzero(counts[:, threshold] == most)
            least = sums[tied].min()
            if most == self.best_counts[threshold] and least > self.best_sums[threshold] * (1 + _EQUAL_SUMS):
                continue
            near = tied[sums[tied] <= least * (1 + _EQUAL_SUMS)] if np.isfinite(least) else tied[:1]
            for index in near:
                self._keep_if_better(threshold, sets[index], triples[index])

    def _find_promising(self, transforms: FloatArray) -> IntArray:
        """Rows (m,), rising, of the transforms (s, 3, 4) that may be better than the best so far at any threshold."""
        coefficients = self.bounds.coefficients(transforms)
        most = count_members(self._find_inliers(coefficients, self._least_errors))
        least_sums = np.einsum("sf,f->s", coefficients, self.bounds.features.sum(axis=1))
        may_win = most > self.best_counts
        may_win |= (most == self.best_counts) & (least_sums[:, None] <= self.best_sums * (1 + _EQUAL_SUMS))
        return np.flatnonzero(may_win.any(axis=1) | ~np.isfinite(coefficients[:, -1]))

    def _least_errors(self, coefficients: FloatArray) -> FloatArray:
        """Lower bounds (b, n) of the squared errors; the next call writes over the result."""
        least_errors = self.squared_errors[: len(coefficients)]
        multiply_rows(coefficients, self.bound_features, least_errors)
        return least_errors

    def _keep_if_better(self, threshold: int, cameras: WordArray, triple: IntArray) -> None:
        """Fit the set `cameras` (w,) in the official digits, and keep it if it is the best at the threshold so far."""
        transform = self.fitter.fit_exactly(cameras)
        squared_errors = self._squared_errors(transform[None])[0, : len(self.submitted)]
        count, total = np.count_nonzero(squared_errors < self.squared_thresholds[threshold]), squared_errors.sum()
        best = self.best_counts[threshold]
        if count > best or (count == best and total < self.best_sums[threshold]):
            self.best_counts[threshold] = count
            self.best_sums[threshold] = total
            self.best_errors[:, threshold] = np.sqrt(squared_errors)
            self.best_transforms[threshold] = transform
            self.best_triples[threshold] = triple


def _all_triples(num_cameras: int, batch_size: int) -> Iterator[IntArray]:
    """All i < j < k in lexicographic order, in batches (b, 3)."""
    pairs = np.stack(np.triu_indices(num_cameras, 1), axis=1)
    # The pairs of cameras after the i-th are the last ones: as many triples begin with i.
    after = num_cameras - 1 - np.arange(num_cameras)
    num_pairs = after * (after - 1) // 2
    end = np.cumsum(num_pairs)
    # A small batch first: once there is a best, few fits are promising.
    stops = range(batch_size // _FIRST_BATCH, int(end[-1]), batch_size)
    for start, stop in pairwise([0, *stops, int(end[-1])]):
        rank = np.arange(start, stop)
        first = np.searchsorted(end, rank, side="right")
        yield np.column_stack([first, pairs[len(pairs) - end[first] + rank]])
