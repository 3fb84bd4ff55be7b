"""Screening: a cheap look at proposed pairs, so that the costly matchers see only pairs worth their time.

A pair's score is the number of mutual nearest neighbours among its photos' best descriptors that are similar enough. On
pairs of known overlap that count ranked better than plain counts and ratio tests (docs/benchmarks.md). It only ranks a
photo's partners and is never a threshold, because no count proves or rules out an overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from scenesort.descriptors import mutual_nearest, unit_descriptors
from scenesort.retrieval.index_exact import RowArray
from scenesort.types import Features, Float32Array

VERSION = "2"
"""Part of the key of screening artefacts: raise it when scores change."""

MIN_SIMILARITY = 0.8
"""Least cosine similarity of neighbours that count."""

BLOCK_PHOTOS = 64
"""Most photos of a block: what one screening task holds in memory."""

TILE_PHOTOS = 32
"""Photos on each side of the tiles that pairs are taken in, so that a block of all pairs is one tile."""


def screen_descriptors(features: Features, keypoints: int) -> Float32Array:
    """Return the unit descriptors (n, d) of a photo's best `keypoints` keypoints."""
    return unit_descriptors(features, keypoints)


def screening_blocks(pairs: RowArray) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers of `pairs` (m, 2) in blocks of pairs of at most `BLOCK_PHOTOS` photos, each number once.

    Pairs of photos whose rows lie close come together, so that a block of many pairs has few photos.
    """
    order = np.lexsort((pairs[:, 1], pairs[:, 0], pairs[:, 1] // TILE_PHOTOS, pairs[:, 0] // TILE_PHOTOS))
    block: list[int] = []
    photos: set[int] = set()
    for number, (first, second) in zip(order.tolist(), pairs[order].tolist(), strict=True):
        if len(photos | {first, second}) > BLOCK_PHOTOS:
            yield np.array(block)
            block, photos = [], set()
        block.append(number)
        photos |= {first, second}
    if block:
        yield np.array(block)


def screen_pair(a: Float32Array, b: Float32Array) -> float:
    """Score one pair: the higher, the likelier its photos overlap."""
    _, _, best, _ = mutual_nearest(a, b)
    return float(np.count_nonzero(best > MIN_SIMILARITY))


def screen(photos: Sequence[Float32Array], pairs: RowArray) -> Float32Array:
    """Score pairs (m, 2) of rows of `photos`, the unit descriptors of some photos: (m,) float32."""
    return np.array([screen_pair(photos[first], photos[second]) for first, second in pairs.tolist()], dtype=np.float32)
