"""Registration of one submitted cluster to one true scene: for each threshold, the similarity with the most inliers.

This is the search of the Image Matching Challenge 2025's own scoring code. Every triple of cameras gives a first
similarity, the cameras that it brings near their true places are fitted again together, and the outcome is tested at
every threshold. A fit to a set of cameras depends on the set alone, so triples are handled in batches and each distinct
set is fitted once, in the order in which the sets appear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations, islice

import numpy as np
from numpy.typing import NDArray

from scenesort.evaluation.similarity import BoolArray, SetFitter, fit_triples
from scenesort.types import FloatArray

IntArray = NDArray[np.int64]

MIN_CAMERAS = 3
"""A similarity needs three cameras."""

_BATCH_VALUES = 1 << 15
"""Triples × cameras handled at once: a few MiB, which stays in the processor's cache."""

_MAX_KNOWN_SETS = 500_000
"""How many sets are remembered as fitted: about 60 MB. Fitting a forgotten set again costs time alone."""


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

    Centres that are not finite take no part. Time grows with the cube of n; memory does not.
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
        self.fitter = SetFitter(submitted, true)
        self.submitted_homogeneous = np.vstack([submitted.T, np.ones(num_cameras)])
        self.squared_thresholds = thresholds**2
        self.batch_size = max(1, _BATCH_VALUES // num_cameras)
        self.known_sets: set[bytes] = set()
        self.best_counts = np.zeros(num_thresholds, dtype=np.int64)
        self.best_sums = np.full(num_thresholds, np.inf)
        self.best_errors = np.full((num_cameras, num_thresholds), np.inf)
        self.best_transforms = np.full((num_thresholds, 3, 4), np.nan)
        self.best_sets = [b""] * num_thresholds
        self.best_triples = np.full((num_thresholds, 3), -1, dtype=np.int64)

    def run(self) -> None:
        for triples in _all_triples(len(self.submitted), self.batch_size):
            transforms = fit_triples(self.submitted[triples], self.true[triples])
            is_inlier, counts = self._find_inliers(self._squared_errors(transforms))
            members, owners = self._new_sets(is_inlier, counts)
            for start in range(0, len(members), self.batch_size):
                batch = slice(start, start + self.batch_size)
                self._test(members[batch], triples[owners[batch]])

    def _squared_errors(self, transforms: FloatArray) -> FloatArray:
        """Squared distances (b, n) of all cameras from their true places under transforms (b, 3, 4)."""
        offsets = (transforms.reshape(-1, 4) @ self.submitted_homogeneous).reshape(len(transforms), 3, -1)
        offsets -= self.true.T
        offsets *= offsets
        squared_errors: FloatArray = offsets[:, 0] + offsets[:, 1]
        squared_errors += offsets[:, 2]
        return squared_errors

    def _find_inliers(self, squared_errors: FloatArray) -> tuple[BoolArray, IntArray]:
        """Inliers (b, t, n) at every threshold and their numbers (b, t)."""
        is_inlier: BoolArray = squared_errors[:, None, :] < self.squared_thresholds[None, :, None]
        return is_inlier, np.count_nonzero(is_inlier, axis=2)

    def _new_sets(self, is_inlier: BoolArray, counts: IntArray) -> tuple[BoolArray, IntArray]:
        """The inlier sets (s, n) that were not met before, and for each the index (s,) of its triple in the batch."""
        if len(self.known_sets) > _MAX_KNOWN_SETS:
            # The best are kept: fitted again in another batch, they might beat themselves by a rounding error.
            self.known_sets = set(self.best_sets)
        owners, at_threshold = np.nonzero(counts >= MIN_CAMERAS)
        members = is_inlier[owners, at_threshold]
        packed = np.packbits(members, axis=1)
        keys, width = packed.tobytes(), packed.shape[1]
        new = []
        for index in range(len(members)):
            key = keys[index * width : (index + 1) * width]
            if key not in self.known_sets:
                self.known_sets.add(key)
                new.append(index)
        return members[new], owners[new]

    def _test(self, members: BoolArray, triples: IntArray) -> None:
        """Fit each set of `members` (s, n), met first at `triples` (s, 3), and keep what is better at any threshold."""
        transforms = self.fitter.fit(members)
        squared_errors = self._squared_errors(transforms)
        sums = squared_errors.sum(axis=1)
        _, counts = self._find_inliers(squared_errors)
        for threshold, most in enumerate(counts.max(axis=0)):
            if most < self.best_counts[threshold]:
                continue
            # Within the batch as against earlier ones: more inliers, then the smaller sum, then the first.
            tied = np.flatnonzero(counts[:, threshold] == most)
            winner = tied[np.argmin(np.where(np.isnan(sums[tied]), np.inf, sums[tied]))]
            if most > self.best_counts[threshold] or sums[winner] < self.best_sums[threshold]:
                self.best_counts[threshold] = most
                self.best_sums[threshold] = sums[winner]
                self.best_errors[:, threshold] = np.sqrt(squared_errors[winner])
                self.best_transforms[threshold] = transforms[winner]
                self.best_triples[threshold] = triples[winner]
                self.best_sets[threshold] = np.packbits(members[winner]).tobytes()


def _all_triples(num_cameras: int, batch_size: int) -> Iterator[IntArray]:
    """All i < j < k in lexicographic order, in batches (b, 3)."""
    triples = combinations(range(num_cameras), 3)
    while batch := list(islice(triples, batch_size)):
        yield np.fromiter(chain.from_iterable(batch), dtype=np.int64, count=3 * len(batch)).reshape(-1, 3)
