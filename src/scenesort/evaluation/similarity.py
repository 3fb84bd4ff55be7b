"""Similarities between submitted and true camera centres: fast fits to many triples and sets at once.

The scale is the ratio of the spreads about the means, not Umeyama's, as in the Image Matching Challenge 2025's own
scoring code; so other similarity estimators give other digits.

Sources: B. K. P. Horn, "Closed-form solution of absolute orientation using unit quaternions", JOSA A 4(4), 1987;
W. Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta Crystallographica A32, 1976.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scenesort.types import FloatArray

BoolArray = NDArray[np.bool_]

_LEAST_SHARE = 1e-4
"""A difference smaller than this share of what it was taken from has lost too many digits."""

_OVERFLOWING = 1e150
"""Numbers whose squares are beyond float64."""


def fit_triples(submitted: FloatArray, true: FloatArray) -> FloatArray:
    """Similarities (b, 3, 4) that map triples of submitted centres (b, 3, 3), one centre a row, to the true ones."""
    submitted_mean, true_mean = submitted.mean(axis=1), true.mean(axis=1)
    submitted = submitted - submitted_mean[:, None]
    true = true - true_mean[:, None]
    scale = np.sqrt((true**2).sum(axis=(1, 2)) / (submitted**2).sum(axis=(1, 2)))
    products = _without_overflow((submitted[:, :, :, None] * true[:, :, None, :]).sum(axis=1), scale)
    return _similarities(_horn_rotations(products), scale, submitted_mean, true_mean)


def _horn_rotations(products: FloatArray) -> FloatArray:
    """Horn's rotations (b, 3, 3) from the sums of products (b, 3, 3), submitted axis first."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = np.moveaxis(products, 0, 2)
    zero = np.zeros_like(xx)
    # The lower triangle alone: eigh reads no more.
    matrix = np.array(
        [
            [xx + yy + zz, zero, zero, zero],
            [yz - zy, xx - yy - zz, zero, zero],
            [zx - xz, xy + yx, yy - xx - zz, zero],
            [xy - yx, zx + xz, yz + zy, zz - xx - yy],
        ]
    )
    values, vectors = np.linalg.eigh(np.moveaxis(matrix, 2, 0))
    # Where cameras lie on a line the two largest can be equal; the official code then takes the first.
    largest = values.argmax(axis=1)
    w, x, y, z = np.take_along_axis(vectors, largest[:, None, None], axis=2)[:, :, 0].T
    rotation: FloatArray = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    return np.moveaxis(rotation, 2, 0)


class SetFitter:
    """Fits sets of cameras out of n, with submitted (n, 3) and true (n, 3) centres, by Kabsch's rotation.

    Most of the time of a large scene goes here. The sums that a fit needs are taken about one common origin, for all
    sets in a single matrix product. They lose digits where a set is small beside its distance from that origin, and
    where its cameras lie on a line the rotation hangs on the last of them: such sets are fitted one by one.
    """

    def __init__(self, submitted: FloatArray, true: FloatArray) -> None:
        self.submitted, self.true = submitted, true
        self.submitted_origin, self.true_origin = np.median(submitted, axis=0), np.median(true, axis=0)
        submitted, true = submitted - self.submitted_origin, true - self.true_origin
        products = (true[:, :, None] * submitted[:, None, :]).reshape(-1, 9)
        squares = [(submitted**2).sum(axis=1, keepdims=True), (true**2).sum(axis=1, keepdims=True)]
        self.summands = np.hstack([submitted, true, products, *squares])

    def fit(self, members: BoolArray) -> FloatArray:
        """Similarities (s, 3, 4) from submitted to true centres that fit the members (s, n) of each set."""
        sums = members.astype(np.float64) @ self.summands
        sizes = np.count_nonzero(members, axis=1)[:, None]
        submitted_sum, true_sum, submitted_squares, true_squares = sums[:, :3], sums[:, 3:6], sums[:, 15], sums[:, 16]
        submitted_mean, true_mean = submitted_sum / sizes, true_sum / sizes
        products = sums[:, 6:15].reshape(-1, 3, 3) - true_sum[:, :, None] * submitted_mean[:, None, :]
        submitted_spread = submitted_squares - (submitted_sum * submitted_mean).sum(axis=1)
        true_spread = true_squares - (true_sum * true_mean).sum(axis=1)
        scale = np.sqrt(true_spread / submitted_spread)
        rotation, is_sure = _kabsch_rotations(_without_overflow(products, scale))
        is_sure &= (submitted_spread > _LEAST_SHARE * submitted_squares) & (true_spread > _LEAST_SHARE * true_squares)
        similarities = _similarities(
            rotation, scale, submitted_mean + self.submitted_origin, true_mean + self.true_origin
        )
        for index in np.flatnonzero(~is_sure):
            similarities[index] = _fit_one(self.submitted[members[index]], self.true[members[index]])
        return similarities


def _fit_one(submitted: FloatArray, true: FloatArray) -> FloatArray:
    """The similarity (3, 4) that fits m submitted centres (m, 3) to the true ones.

    Where the cameras lie on a line, the rotation about it is decided by rounding. The order of the arithmetic is
    therefore that of the official code: one row an axis, means first.
    """
    submitted, true = submitted.T.copy(), true.T.copy()
    submitted_mean, true_mean = submitted.mean(axis=1), true.mean(axis=1)
    submitted -= submitted_mean[:, None]
    true -= true_mean[:, None]
    scale = np.sqrt(np.sum(true**2, keepdims=True) / np.sum(submitted**2, keepdims=True))[0]
    products = _without_overflow((true @ submitted.T)[None], scale)
    rotation, _ = _kabsch_rotations(products)
    similarity: FloatArray = _similarities(rotation, scale, submitted_mean[None], true_mean[None])[0]
    return similarity


def _kabsch_rotations(products: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Kabsch's rotations (s, 3, 3), never reflections, from the sums of products (s, 3, 3), true axis first.

    Also tells (s,) where the rotation is sure: where rounding hardly moves it.
    """
    left, singular, right = np.linalg.svd(products)
    is_reflected = np.linalg.det(left @ right) < 0
    left[is_reflected, :, 2] *= -1
    rotation: FloatArray = left @ right
    smallest = np.where(is_reflected, -singular[:, 2], singular[:, 2])
    is_sure: BoolArray = singular[:, 1] + smallest > _LEAST_SHARE * singular[:, 0]
    return rotation, is_sure


def _similarities(
    rotation: FloatArray, scale: FloatArray, submitted_mean: FloatArray, true_mean: FloatArray
) -> FloatArray:
    """The (b, 3, 4) matrices that rotate and scale about the means."""
    linear = rotation * scale[:, None, None]
    translation = true_mean - (linear @ submitted_mean[:, :, None])[:, :, 0]
    return np.concatenate([linear, translation[:, :, None]], axis=2)


def _without_overflow(products: FloatArray, scale: FloatArray) -> FloatArray:
    """`products` with zeros for those that overflowed or are about to, whose `scale` is set to nan.

    The linear algebra would stop at them; with a scale of nan they are a fit without inliers.
    """
    is_usable = np.all(np.abs(products) < _OVERFLOWING, axis=(1, 2))
    scale[~is_usable] = np.nan
    usable: FloatArray = np.where(is_usable[:, None, None], products, 0.0)
    return usable
