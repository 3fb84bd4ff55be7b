"""Neighbour graph of a large collection: the only door to FAISS, imported when a collection is large enough to need it.

The graph is a hierarchical navigable small world (Malkov and Yashunin, IEEE TPAMI 2020) over descriptors of one byte a
number. It only proposes candidates, which the index ranks by the descriptors themselves. It needs no clustering
beforehand and grows by insertion. FAISS's own order of insertion is reproducible in one thread and in no more.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np

from scenesort.errors import ArtefactLostError, MissingDependencyError
from scenesort.retrieval.index_exact import Float16Array, RowArray

BLOCK_ROWS = 16384
"""Photos or queries that stand in memory as float32 at once."""

RANGE_HEADROOM = 0.1
"""Share by which the range of one-byte numbers exceeds that of the first photos, for photos added later."""


class NeighbourGraph:
    """Rows of descriptors joined to their neighbours; `len()` is the number of rows."""

    def __init__(self, faiss_index: Any, threads: int) -> None:
        self._index = faiss_index
        self._threads = threads

    @classmethod
    def empty(cls, dimension: int, links: int, build_effort: int, threads: int) -> Self:
        """Make a graph without rows; `links` a row and level, `build_effort` candidates looked at to find them."""
        faiss = _faiss()
        index = faiss.IndexHNSWSQ(dimension, faiss.ScalarQuantizer.QT_8bit, links, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = build_effort
        quantizer = faiss.downcast_index(index.storage).sq
        quantizer.rangestat, quantizer.rangestat_arg = faiss.ScalarQuantizer.RS_minmax, RANGE_HEADROOM
        return cls(index, threads)

    @classmethod
    def read(cls, path: Path, threads: int) -> Self:
        """Read what `write` wrote; raises ArtefactLostError for a file that is missing or damaged."""
        faiss = _faiss()
        try:
            return cls(faiss.read_index(str(path)), threads)
        except RuntimeError as error:
            raise ArtefactLostError(f"{path} holds no index that can be read: remove it and run again") from error

    def write(self, path: Path) -> None:
        """Write the graph to a file."""
        _faiss().write_index(self._index, str(path))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, descriptors: Float16Array) -> None:
        """Insert rows (n, d); the first call also takes the range of the one-byte numbers from them."""
        with self._threading():
            if not self._index.is_trained:
                sample = descriptors[:: max(1, len(descriptors) // BLOCK_ROWS)]
                self._index.train(np.asarray(sample).astype(np.float32))
            for first in range(0, len(descriptors), BLOCK_ROWS):
                self._index.add(np.asarray(descriptors[first : first + BLOCK_ROWS]).astype(np.float32))

    def candidates(self, queries: Float16Array, count: int, effort: int) -> RowArray:
        """Return `count` rows (q, count) int64 likely to be nearest to each query, -1 where fewer were found."""
        self._index.hnsw.efSearch = max(effort, count)
        with self._threading():
            _, rows = self._index.search(queries.astype(np.float32), count)
        found: RowArray = rows
        return found

    @contextmanager
    def _threading(self) -> Iterator[None]:
        # torch may share FAISS's thread pool: its number of threads is put back.
        faiss = _faiss()
        before = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(self._threads)
        try:
            yield
        finally:
            faiss.omp_set_num_threads(before)


def check_graph_library() -> None:
    """Raise MissingDependencyError when FAISS isn't installed."""
    _faiss()


def _faiss() -> Any:
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise MissingDependencyError(
            f"the index of a large collection needs FAISS, which can't be imported ({error}): "
            "pip install 'scenesort[large]', or raise the number of photos that are searched exactly"
        ) from error
