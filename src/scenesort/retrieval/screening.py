"""Screening: a cheap look at every pair, so that the costly matchers see only pairs worth their time.

A pair's score is the number of mutual nearest neighbours among its photos' best descriptors that are similar enough. On
pairs of known overlap that count ranked better than plain counts and ratio tests (docs/benchmarks.md). It only ranks a
photo's partners and is never a threshold, because no count proves or rules out an overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from scenesort.descriptors import mutual_nearest, unit_descriptors
from scenesort.types import Features, Float32Array

VERSION = "1"
"""Part of the key of screening artefacts: raise it when scores change."""

MIN_SIMILARITY = 0.8
"""Least cosine similarity of neighbours that count."""

BLOCK_PHOTOS = 32
"""Photos on each side of a block: what one screening task holds in memory."""


def screen_descriptors(features: Features, keypoints: int) -> Float32Array:
    """Return the unit descriptors (n, d) of a photo's best `keypoints` keypoints."""
    return unit_descriptors(features, keypoints)


def block_pairs(num_photos: int) -> Iterator[tuple[range, range]]:
    """Yield the blocks that cover every pair of `num_photos` photos once: index ranges of rows and columns."""
    starts = range(0, num_photos, BLOCK_PHOTOS)
    for row in starts:
        for column in starts:
            if column >= row:
                yield (
                    range(row, min(row + BLOCK_PHOTOS, num_photos)),
                    range(column, min(column + BLOCK_PHOTOS, num_photos)),
                )


def screen_pair(a: Float32Array, b: Float32Array) -> float:
    """Score one pair: the higher, the likelier its photos overlap."""
    _, _, best, _ = mutual_nearest(a, b)
    return float(np.count_nonzero(best > MIN_SIMILARITY))


def screen_block(rows: Sequence[Float32Array], columns: Sequence[Float32Array], same: bool) -> NDArray[np.float32]:
    """Score every pair of two blocks of photos, (len(rows), len(columns)) float32.

    With `same`, both blocks are the same photos and only the pairs above the diagonal are scored.
    """
    scores = np.zeros((len(rows), len(columns)), dtype=np.float32)
    for i, a in enumerate(rows):
        for j, b in enumerate(columns):
            if not same or j > i:
                scores[i, j] = screen_pair(a, b)
    return scores
