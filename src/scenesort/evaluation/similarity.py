"""Similarities between submitted and true camera centres: fast fits to many triples and sets at once.

The scale is the ratio of the spreads about the means, not Umeyama's, as in the Image Matching Challenge 2025's own
scoring code; so other similarity estimators give other digits. Where rounding decides a rotation, because cameras lie
on a line or nearly so, the order of the arithmetic is that of the official code.

Many fits are held with the batch last in memory, so that each step is one operation on long arrays: a hundred times
faster than a call to LAPACK for each small matrix.

Sources: B. K. P. Horn, "Closed-form solution of absolute orientation using unit quaternions", JOSA A 4(4), 1987;
W. Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta Crystallographica A32, 1976;
F. L. Markley, "Attitude determination using vector observations: a fast optimal matrix algorithm", Journal of the
Astronautical Sciences 41(2), 1993.
"""

from __future__ import annotations

import numpy as np

from scenesort.evaluation.camera_sets import BoolArray, IntArray, WordArray, unpack_sets
from scenesort.types import FloatArray

_LEAST_SHARE = 1e-4
"""A difference smaller than this share of what it was taken from has lost too many digits."""

_ROOT_STEPS = 5
"""Newton's steps to the root of FOAM's polynomial: enough for nearly all sets."""

_LAST_STEP = 1e-9
"""They have converged where the last is a smaller share of the root: what is left is its square."""

_LEAST_ZETA = 1e-3
"""FOAM loses twice the digits that the smallness of ζ beside the cube of the root tells: 6 at the most."""

_SMALL_PRODUCT = 1 << 18
"""m·n·k of the largest matrix product that OpenBLAS leaves to one thread: others cost more than they bring here."""

_NUM_SUMMANDS = 18
"""Numbers of a camera that are summed for a fit, and that its errors are linear in."""

_OVERFLOWING = 1e150
"""Numbers whose squares are beyond float64."""


def multiply_rows(left: FloatArray, right: FloatArray, out: FloatArray) -> None:
    """Write the product of `left` (b, k) and `right` (k, n) to `out` (b, n), in one thread."""
    step = max(1, _SMALL_PRODUCT // right.size)
    for start in range(0, len(left), step):
        np.matmul(left[start : start + step], right, out=out[start : start + step])


def fit_triples(submitted: FloatArray, true: FloatArray, triples: IntArray) -> FloatArray:
    """Similarities (b, 3, 4) from submitted to true centres, (n, 3) each, of `triples` (b, 3) of cameras.

    Three points lie in a plane: the rotation takes the plane of the submitted ones to that of the true ones, and turns
    in it by an angle that has a closed form.
    """
    first = _Triangles(submitted.T[:, triples.T])
    second = _Triangles(true.T[:, triples.T])
    cosine = 2 * (first.ax * second.ax + first.bx * second.bx + first.by * second.by)
    cosine -= second.ax * first.bx + second.bx * first.ax
    sine = 2 * (second.by * first.bx - second.bx * first.by) + second.ax * first.by - second.by * first.ax
    length = np.sqrt(cosine * cosine + sine * sine)
    axis = (cosine / length) * second.along + (sine / length) * second.across
    frame = np.stack([axis, _cross(second.normal, axis), second.normal], axis=1)
    rotation = _multiply(frame, first.frame().swapaxes(0, 1))
    scale = np.sqrt(second.spread / first.spread)
    linear = rotation * scale
    translation = second.mean - (linear * first.mean).sum(axis=1)
    similarities = np.moveaxis(np.concatenate([linear, translation[:, None]], axis=1), 2, 0)
    is_sure = first.area * second.area > _LEAST_SHARE * (first.spread * second.spread)
    is_sure &= (first.spread < _OVERFLOWING) & (second.spread < _OVERFLOWING)
    unsure = np.flatnonzero(~is_sure)
    if len(unsure):
        thin = triples[unsure]
        similarities[unsure] = _fit_thin_triples(submitted[thin], true[thin])
    return similarities


class _Triangles:
    """Triangles of three centres (axis, corner, b), seen from their first corner, in a frame of their own plane.

    The other corners are (ax, 0) and (bx, by) in the frame of the unit vectors `along`, `across` and `normal`. `area`
    is twice the area; `spread` is 3/2 of the sum of squares about the mean.
    """

    def __init__(self, corners: FloatArray) -> None:
        a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        self.mean = corners[:, 0] + (a + b) / 3
        squared_a, product = (a * a).sum(axis=0), (a * b).sum(axis=0)
        self.spread = squared_a + (b * b).sum(axis=0) - product
        normal = _cross(a, b)
        self.area = np.sqrt((normal * normal).sum(axis=0))
        self.ax = np.sqrt(squared_a)
        self.bx, self.by = product / self.ax, self.area / self.ax
        self.along, self.normal = a / self.ax, normal / self.area
        self.across = _cross(self.normal, self.along)

    def frame(self) -> FloatArray:
        """The rotations (3, 3, b) from the triangles' frames to the world."""
        return np.stack([self.along, self.across, self.normal], axis=1)


def _fit_thin_triples(submitted: FloatArray, true: FloatArray) -> FloatArray:
    """Similarities (b, 3, 4) of triples of submitted and true centres (b, 3, 3), one centre a row, by Horn."""
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

    The sums that a fit needs are taken about one common origin, for all sets in a single matrix product. They lose
    digits where a set is small beside its distance from that origin, and where its cameras lie on a line the rotation
    hangs on the last of them: such sets are fitted one by one.
    """

    def __init__(self, submitted: FloatArray, true: FloatArray) -> None:
        self.submitted, self.true = submitted, true
        self.submitted_origin, self.true_origin = np.median(submitted, axis=0), np.median(true, axis=0)
        submitted, true = submitted - self.submitted_origin, true - self.true_origin
        products = (true[:, :, None] * submitted[:, None, :]).reshape(-1, 9)
        squares = [(submitted**2).sum(axis=1, keepdims=True), (true**2).sum(axis=1, keepdims=True)]
        self.summands = np.hstack([np.ones((len(true), 1)), submitted, true, *squares, products])

    def fit(self, sets: WordArray, is_quick: bool = False) -> FloatArray:
        """Similarities (s, 3, 4) from submitted to true centres that fit the members of each of `sets` (s, w).

        Rotations have about 12 digits; `is_quick` leaves them 10 at least, and is several times faster.
        """
        sums = np.empty((_NUM_SUMMANDS, len(sets)))
        step = max(1, _SMALL_PRODUCT // self.summands.size)
        for start in range(0, len(sets), step):
            rows = slice(start, start + step)
            np.matmul(self.summands.T, unpack_sets(sets[rows], len(self.true)).T.astype(np.float64), out=sums[:, rows])
        size, submitted_sum, true_sum, submitted_squares, true_squares = sums[0], sums[1:4], sums[4:7], sums[7], sums[8]
        submitted_mean, true_mean = submitted_sum / size, true_sum / size
        products = sums[9:].reshape(3, 3, -1) - true_sum[:, None] * submitted_mean[None]
        submitted_spread = submitted_squares - (submitted_sum * submitted_mean).sum(axis=0)
        true_spread = true_squares - (true_sum * true_mean).sum(axis=0)
        scale = np.sqrt(true_spread / submitted_spread)
        is_sure = (submitted_spread > _LEAST_SHARE * submitted_squares) & (true_spread > _LEAST_SHARE * true_squares)
        is_sure &= (submitted_spread < _OVERFLOWING) & (true_spread < _OVERFLOWING)
        if is_quick:
            rotation, is_done = _foam_rotations(products, np.sqrt(submitted_spread * true_spread))
        else:
            rotation, is_done = np.empty_like(products), np.zeros_like(is_sure)
        rest = np.flatnonzero(is_sure & ~is_done)
        if len(rest):
            kabsch, is_sure[rest] = _kabsch_rotations(np.moveaxis(products[:, :, rest], 2, 0))
            rotation[:, :, rest] = np.moveaxis(kabsch, 0, 2)
        linear = rotation * scale
        submitted_mean += self.submitted_origin[:, None]
        true_mean += self.true_origin[:, None]
        translation = true_mean - (linear * submitted_mean).sum(axis=1)
        similarities = np.moveaxis(np.concatenate([linear, translation[:, None]], axis=1), 2, 0)
        for index in np.flatnonzero(~is_sure):
            similarities[index] = self.fit_exactly(sets[index])
        return similarities

    def fit_exactly(self, cameras: WordArray) -> FloatArray:
        """The similarity (3, 4) that fits the members of one set (w,), in the official code's order of arithmetic.

        That is one row an axis, means first.
        """
        is_member = unpack_sets(cameras[None], len(self.true))[0]
        submitted, true = self.submitted[is_member].T.copy(), self.true[is_member].T.copy()
        submitted_mean, true_mean = submitted.mean(axis=1), true.mean(axis=1)
        submitted -= submitted_mean[:, None]
        true -= true_mean[:, None]
        scale = np.sqrt(np.sum(true**2, keepdims=True) / np.sum(submitted**2, keepdims=True))[0]
        rotation, _ = _kabsch_rotations(_without_overflow((true @ submitted.T)[None], scale))
        linear = rotation[0] * scale
        return np.column_stack([linear, true_mean - linear @ submitted_mean])


def _foam_rotations(products: FloatArray, largest: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Kabsch's rotations (3, 3, s) from the sums of products (3, 3, s), true axis first, by Markley's FOAM.

    Also tells (s,) which of them have 10 digits at least. The largest trace that the products can be turned to is the
    largest root of a polynomial of degree 4, found by Newton's method from `largest` (s,), an upper bound. Given the
    root, the rotation has a closed form.
    """
    x, y, z = products
    cofactors = np.stack([_cross(y, z), _cross(z, x), _cross(x, y)])
    determinant = (x * cofactors[0]).sum(axis=0)
    squares = (products * products).sum(axis=(0, 1))
    constant = 4 * (cofactors * cofactors).sum(axis=(0, 1))
    root = np.minimum(largest, np.sqrt(3 * squares))
    for _ in range(_ROOT_STEPS):
        excess = root * root - squares
        step = (excess * excess - 8 * determinant * root - constant) / (4 * root * excess - 8 * determinant)
        root = root - step
    kappa = 0.5 * (root * root - squares)
    # The product of the sums of two singular values each: small where the cameras lie nearly on a line.
    zeta = kappa * root - determinant
    rotation = _multiply(_multiply(products, products.swapaxes(0, 1)), products)
    np.subtract((kappa + squares) * products, rotation, out=rotation)
    rotation += root * cofactors
    rotation /= zeta
    is_done: BoolArray = (np.abs(step) < _LAST_STEP * root) & (zeta > _LEAST_ZETA * root**3)
    return rotation, is_done


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


def _multiply(first: FloatArray, second: FloatArray) -> FloatArray:
    """Products (3, 3, b) of matrices (3, 3, b)."""
    product: FloatArray = first[:, 0, None] * second[0]
    summand = np.empty_like(product)
    for index in (1, 2):
        np.multiply(first[:, index, None], second[index], out=summand)
        product += summand
    return product


def _cross(first: FloatArray, second: FloatArray) -> FloatArray:
    """Cross products along the first axis, of length 3."""
    product = np.empty(np.broadcast_shapes(first.shape, second.shape))
    other = np.empty_like(product[0])
    for axis in range(3):
        after, before = (axis + 1) % 3, (axis + 2) % 3
        np.multiply(first[after], second[before], out=product[axis])
        np.multiply(first[before], second[after], out=other)
        product[axis] -= other
    return product
