"""Exact nearest neighbours of unit descriptors, in blocks so that memory stays bounded however many photos there are.

Similarities are rounded to steps of 2⁻¹⁶: float16 descriptors of some hundred numbers tell no finer ones apart, and
rounding errors of float32 sums, which depend on how a matrix is cut into blocks, stay far below. So equal photos tie
wherever they stand, and of a tie the earlier photo wins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scenesort.types import Float32Array

Float16Array = NDArray[np.float16]
RowArray = NDArray[np.int64]

QUERY_ROWS = 512
"""Queries of a block: its similarities are the largest thing that a search holds."""

COLLECTION_ROWS = 8192
"""Photos of a block."""

RERANK_ROWS = 128
"""Queries whose candidates are held at once while they are ranked."""

SIMILARITY_STEPS = 1 << 16
"""Steps of similarity from 0 to 1."""

ROW_BITS = 40
"""Low bits of a key, which hold the row; the similarity stands above them."""

NO_KEY = np.int64(-(1 << 62))
"""Below the key of every similarity."""


def exact_neighbours(queries: Float16Array, collection: Float16Array, k: int) -> tuple[RowArray, Float32Array]:
    """Find the `k` most similar rows of `collection` (n, d) for each of `queries` (q, d), all of unit length.

    Returns rows (q, k) int64 and cosine similarities (q, k) float32, best first, of equal ones the earlier row first.
    `k` is at most n. Memory: a block of similarities and two blocks of descriptors as float32.
    """
    keys = np.full((len(queries), k), NO_KEY, dtype=np.int64)
    for first_query in range(0, len(queries), QUERY_ROWS):
        block = slice(first_query, first_query + QUERY_ROWS)
        rows = queries[block].astype(np.float32)
        best = keys[block]
        for first in range(0, len(collection), COLLECTION_ROWS):
            columns = collection[first : first + COLLECTION_ROWS].astype(np.float32)
            similarity = rows @ columns.T
            _keep_best(best, similarity, first)
    return unpacked(-np.sort(-keys, axis=1))


def ranked(
    queries: Float16Array, collection: Float16Array, candidates: RowArray, k: int
) -> tuple[RowArray, Float32Array]:
    """Rank each query's `candidates` (q, c), rows of `collection` or -1 for none, and keep the best `k` (k ≤ c).

    Returns what `exact_neighbours` returns, with row -1 and similarity -inf where a query has fewer candidates.
    """
    keys = np.empty((len(queries), k), dtype=np.int64)
    for first in range(0, len(queries), RERANK_ROWS):
        block = slice(first, first + RERANK_ROWS)
        rows = candidates[block]
        near = np.asarray(collection[np.maximum(rows, 0)]).astype(np.float32)
        similarity = (near @ queries[block].astype(np.float32)[:, :, None])[:, :, 0]
        packed = np.where(rows >= 0, packed_keys(similarity, rows), NO_KEY)
        keys[block] = -np.sort(-packed, axis=1)[:, :k]
    return unpacked(keys)


def packed_keys(similarity: Float32Array, rows: RowArray) -> RowArray:
    """Similarities and rows as numbers that sort by rising similarity, then by falling row."""
    steps = np.rint(similarity * np.float32(SIMILARITY_STEPS)).astype(np.int64)
    keys: RowArray = (steps << ROW_BITS) + ((1 << ROW_BITS) - 1 - rows)
    return keys


def unpacked(keys: RowArray) -> tuple[RowArray, Float32Array]:
    """Rows and similarities of keys; row -1 and similarity -inf where there is none."""
    is_none = keys == NO_KEY
    rows = np.where(is_none, -1, (1 << ROW_BITS) - 1 - (keys & ((1 << ROW_BITS) - 1)))
    similarity = ((keys >> ROW_BITS) / SIMILARITY_STEPS).astype(np.float32)
    similarity[is_none] = -np.inf
    return rows, similarity


def _keep_best(best: RowArray, similarity: Float32Array, first: int) -> None:
    """Merge a block of similarities, whose columns are rows `first` … of the collection, into the best keys so far."""
    k = best.shape[1]
    # Most of a block can't enter any more: only its candidates are packed and sorted.
    least = ((best.min(axis=1) >> ROW_BITS) - 1).astype(np.float32) / np.float32(SIMILARITY_STEPS)
    if similarity.shape[1] > 2 * k:
        least = np.maximum(
            least, -np.partition(-similarity, k - 1, axis=1)[:, k - 1] - np.float32(2 / SIMILARITY_STEPS)
        )
    row, column = np.nonzero(similarity >= least[:, None])
    if not len(row):
        return
    keys = packed_keys(similarity[row, column], column + first)
    slot = np.arange(len(row)) - np.searchsorted(row, row)
    wide = np.full((len(best), k + int(slot.max()) + 1), NO_KEY, dtype=np.int64)
    wide[:, :k] = best
    wide[row, k + slot] = keys
    best[:] = np.partition(wide, wide.shape[1] - k, axis=1)[:, -k:]
