"""Principal components of vectors, whitened or not (Jégou and Chum, ECCV 2012)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenesort.types import Float32Array

VECTORS_A_WHITENED_COMPONENT = 4
"""Vectors there must be for each component that is kept when whitening.

With nearly as many components as vectors, whitening puts all vectors at equal distances and no likeness is left.
"""


@dataclass(frozen=True, slots=True)
class Projection:
    """`mean`: (d,) float32, `rows`: (k, d) float32; a vector becomes `rows @ (vector - mean)`."""

    mean: Float32Array
    rows: Float32Array

    def apply(self, vectors: Float32Array) -> Float32Array:
        """Return (n, k) float32 of vectors (n, d): centred and decorrelated, not of unit length."""
        moved = (vectors - self.mean) @ self.rows.T
        return moved.astype(np.float32, copy=False)


def fit_projection(vectors: Float32Array, size: int, whitening: float) -> Projection | None:
    """Learn the projection to at most `size` principal components of vectors (n, d), the largest first.

    Each component is divided by its standard deviation to the power `whitening`: 0 keeps distances, 1 gives all kept
    components variance 1. Components without variance are left out, and with any whitening no more than
    n / `VECTORS_A_WHITENED_COMPONENT` are kept. None where fewer than two are left. Signs are fixed: the entry of
    largest magnitude of each row is positive.
    """
    exact = vectors.astype(np.float64)
    count, length = exact.shape
    mean = exact.mean(axis=0)
    centred = exact - mean
    # The smaller of the two square matrices has the same spectrum.
    if count >= length:
        variances, axes = np.linalg.eigh(centred.T @ centred / count)
        axes = axes.T
    else:
        variances, sides = np.linalg.eigh(centred @ centred.T / count)
        axes = sides.T @ centred
        axes /= np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), 1e-300)
    variances, axes = variances[::-1], axes[::-1]
    kept = min(size, int(np.count_nonzero(variances > 1e-9 * max(variances[0], 1e-9))))
    if whitening > 0:
        kept = min(kept, count // VECTORS_A_WHITENED_COMPONENT)
    if kept < 2:
        return None
    axes, variances = axes[:kept], variances[:kept]
    signs = np.sign(axes[np.arange(kept), np.abs(axes).argmax(axis=1)])
    rows = axes * (signs / variances ** (whitening / 2))[:, None]
    return Projection(mean.astype(np.float32), rows.astype(np.float32))
