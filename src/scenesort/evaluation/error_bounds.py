"""Lower bounds of the errors under many similarities at once: which fits can't be the best, for a fraction of the cost.

About common origins, the submitted centre x comes to A x + d, where A is a rotation times s, and its true place is y.
|A x + d - y|² = s²|x|² + 2 (Aᵀd)·x - 2 yᵀA x - 2 d·y + |y|² + |d|² is linear in 18 numbers of the camera, so a single
matrix product gives all errors. It loses digits where errors are small beside the coordinates. What that and a quick
fit can do is bounded and taken off, so that no bound is above the error of the exact fit.
"""

from __future__ import annotations

import numpy as np

from scenesort.types import FloatArray

_ROUNDINGS = 64 * np.finfo(np.float64).eps
"""More than the roundings, of the largest magnitude, that go into one error here and in the search together."""

_QUICK_ROTATION = 1e-9
"""More than twice the error, in radians, of a rotation that was fitted quickly."""

SQUARED_TRUE = 16
"""The feature |y|², whose coefficient is 1: infinite for a camera that is never near its true place."""


class ErrorBounds:
    """Bounds for n cameras with submitted (n, 3) and true (n, 3) centres.

    `features` (18, n) are the numbers that the squared errors are linear in.
    """

    def __init__(self, submitted: FloatArray, true: FloatArray) -> None:
        self.submitted_origin, self.true_origin = np.median(submitted, axis=0), np.median(true, axis=0)
        x, y = (submitted - self.submitted_origin).T, (true - self.true_origin).T
        squared_x, squared_y = (x * x).sum(axis=0), (y * y).sum(axis=0)
        products = (y[:, None] * x[None]).reshape(9, -1)
        self.features: FloatArray = np.vstack([squared_x, x, products, y, squared_y, np.ones_like(squared_x)])
        self.radii = np.sqrt(squared_x.max()), np.sqrt(squared_y.max())
        self.offset = np.sqrt((self.true_origin**2).sum())

    def coefficients(self, transforms: FloatArray) -> FloatArray:
        """Coefficients (s, 18) of similarities (s, 3, 4): their products with `features` are lower bounds (s, n).

        They are not finite where there is no bound.
        """
        components = np.moveaxis(transforms, 0, 2)
        linear, translation = components[:, :3], components[:, 3]
        squared_scale = (linear[0] * linear[0]).sum(axis=0)
        moved_origin = (linear * self.submitted_origin[:, None]).sum(axis=1)
        d = moved_origin + translation - self.true_origin[:, None]
        squared_d = (d * d).sum(axis=0)
        reach = np.sqrt(squared_scale) * self.radii[0] + np.sqrt(squared_d) + self.radii[1]
        offset = np.sqrt((moved_origin * moved_origin).sum(axis=0)) + self.offset
        coefficients = np.empty((len(self.features), len(transforms)))
        coefficients[0] = squared_scale
        coefficients[1:4] = 2 * (linear * d[:, None]).sum(axis=0)
        coefficients[4:13] = -2 * linear.reshape(9, -1)
        coefficients[13:16] = -2 * d
        coefficients[SQUARED_TRUE] = 1
        coefficients[17] = squared_d - reach * (_QUICK_ROTATION * reach + _ROUNDINGS * (reach + offset))
        return coefficients.T
