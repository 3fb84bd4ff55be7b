"""Index of global descriptors: which photos look most like each photo, exactly or, for large collections, nearly so.

Up to `exact_photos` photos a search compares with every photo. Beyond, a neighbour graph proposes candidates, and their
order and similarities come from the descriptors all the same, so both kinds of search answer alike.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from scenesort.errors import ArtefactLostError, OptionError
from scenesort.retrieval.index_exact import Float16Array, RowArray, exact_neighbours, ranked
from scenesort.retrieval.index_graph import BLOCK_ROWS, NeighbourGraph, check_graph_library
from scenesort.retrieval.index_rows import FILE, FileRows, MemoryRows, Rows
from scenesort.types import Float32Array

__all__ = ["VERSION", "DescriptorIndex", "IndexOptions", "Neighbours", "check_graph_library"]

VERSION = 1
"""Part of the key of index artefacts and of the file format: raise it when answers or files change."""

STATE_FILE, GRAPH_FILE = "index.json", "graph.faiss"

UNIT_TOLERANCE = 0.01
"""Most that the length of a descriptor may differ from 1; rounding to float16 takes less."""


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How an index searches.

    `exact_photos`: collections up to this size are searched exactly. The others shape the graph of larger ones:
    `links` of a photo, `build_effort` and `search_effort` candidates looked at when a photo is added and searched,
    `threads` of both (results are reproducible with one alone).
    """

    exact_photos: int = 20_000
    links: int = 32
    build_effort: int = 80
    search_effort: int = 96
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The most similar photos of each query, best first, equal ones by their row.

    `rows`: (q, k) int64 rows of the collection, -1 where an approximate search found fewer than k.
    `similarity`: (q, k) float32 cosine similarities in steps of 2⁻¹⁶, -inf where there is no row. The Euclidean
    distance of unit descriptors is sqrt(2 - 2 similarity).
    """

    rows: RowArray
    similarity: Float32Array


class DescriptorIndex:
    """Unit descriptors of photos, numbered in the order in which they were added."""

    def __init__(self, rows: Rows, dimension: int, options: IndexOptions, folder: Path | None = None) -> None:
        self._rows = rows
        self._folder = folder
        self._graph: NeighbourGraph | None = None
        self.dimension = dimension
        self.options = options

    @classmethod
    def in_memory(cls, dimension: int, options: IndexOptions | None = None) -> Self:
        """Make an empty index of descriptors (d,) in memory."""
        return cls(MemoryRows(np.zeros((0, dimension), dtype=np.float16)), dimension, options or IndexOptions())

    @classmethod
    def on_disk(cls, folder: Path, dimension: int, options: IndexOptions | None = None) -> Self:
        """Make an empty index whose descriptors stand in a file in `folder`, for collections larger than memory.

        What a graph needs stays in memory: d + 8 `links` bytes a photo. The folder is the caller's; an index in it
        is replaced.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name in (STATE_FILE, GRAPH_FILE):
            (folder / name).unlink(missing_ok=True)
        return cls(FileRows(folder / FILE, dimension, 0), dimension, options or IndexOptions(), folder)

    @classmethod
    def open(cls, folder: Path, options: IndexOptions | None = None, *, on_disk: bool = False) -> Self:
        """Open a saved index; with `on_disk` its descriptors stay in their file and additions go there.

        `links` of an existing graph stay what they were. Photos that were added but had not reached the graph when it
        was saved are inserted at the next search. Raises ArtefactLostError for a folder that holds no whole index.
        """
        state = _read_state(folder)
        dimension, count = state["dimension"], state["photos"]
        rows: Rows = FileRows(folder / FILE, dimension, count)
        if not on_disk:
            rows = MemoryRows(np.array(rows.view(), dtype=np.float16))
        index = cls(rows, dimension, options or IndexOptions(), folder if on_disk else None)
        graph_path = folder / GRAPH_FILE
        if count > index.options.exact_photos and graph_path.is_file():
            graph = NeighbourGraph.read(graph_path, index.options.threads)
            if len(graph) > count:
                raise ArtefactLostError(f"{graph_path} has more photos than its index: remove the folder and run again")
            index._graph = graph
        return index

    def __len__(self) -> int:
        return len(self._rows.view())

    @property
    def descriptors(self) -> Float16Array:
        """All descriptors (n, d) float16, not to be written to; mapped from their file where the index is on disk."""
        return self._rows.view()

    def add(self, descriptors: Float16Array) -> None:
        """Add photos (n, d) float16 of unit length; they follow those already there.

        Nothing is built again, except that a graph is begun when a collection outgrows exact search.
        Raises OptionError for descriptors of another dimension or length.
        """
        self._check(descriptors)
        self._rows.append(descriptors.astype(np.float16))

    def search(self, queries: Float16Array, k: int) -> Neighbours:
        """Find the `k` photos most like each of `queries` (q, d) float16 of unit length; fewer photos give fewer.

        Raises MissingDependencyError when a large collection needs FAISS and it isn't installed.
        """
        self._check(queries)
        collection = self._rows.view()
        k = min(k, len(collection))
        if len(collection) <= self.options.exact_photos:
            return Neighbours(*exact_neighbours(queries, collection, k))
        graph = self._grown_graph()
        found = Neighbours(np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32))
        # Twice as many as asked for: one-byte numbers misplace near neighbours by a few ranks.
        count = min(2 * k, len(collection))
        for first in range(0, len(queries), BLOCK_ROWS):
            block = slice(first, first + BLOCK_ROWS)
            near = graph.candidates(queries[block], count, self.options.search_effort)
            found.rows[block], found.similarity[block] = ranked(queries[block], collection, near, k)
        return found

    def neighbours(self, k: int) -> Neighbours:
        """Find for every photo the `k` others most like it: rows and similarity (n, min(k, n - 1))."""
        collection = self._rows.view()
        k = max(min(k, len(collection) - 1), 0)
        found = self.search(collection, k + 1)
        # A photo is its own best match, unless others equal it or an approximate search missed it.
        own = found.rows == np.arange(len(collection))[:, None]
        own[~own.any(axis=1), -1:] = True
        shape = len(collection), k
        return Neighbours(found.rows[~own].reshape(shape), found.similarity[~own].reshape(shape))

    def save(self, folder: Path | None = None) -> None:
        """Write the index to `folder`, by default where an index on disk stands.

        Each file is complete or absent after a kill; a later `open` mends a graph that is older than the descriptors.
        """
        folder = folder or self._folder
        if folder is None:
            raise OptionError("an index in memory has no folder of its own: name the folder to save it in")
        folder.mkdir(parents=True, exist_ok=True)
        if folder != self._folder:
            for name in (STATE_FILE, GRAPH_FILE):
                (folder / name).unlink(missing_ok=True)
            rows = FileRows(folder / FILE, self.dimension, 0)
            collection = self._rows.view()
            for first in range(0, len(collection), BLOCK_ROWS):
                rows.append(collection[first : first + BLOCK_ROWS])
        state = {"version": VERSION, "dimension": self.dimension, "photos": len(self)}
        aside = folder / f"{STATE_FILE}.part"
        aside.write_text(json.dumps(state) + "\n", encoding="utf-8")
        os.replace(aside, folder / STATE_FILE)
        if len(self) > self.options.exact_photos:
            aside = folder / f"{GRAPH_FILE}.part"
            self._grown_graph().write(aside)
            os.replace(aside, folder / GRAPH_FILE)

    def _grown_graph(self) -> NeighbourGraph:
        """Return the graph with every photo in it."""
        options = self.options
        if self._graph is None:
            self._graph = NeighbourGraph.empty(self.dimension, options.links, options.build_effort, options.threads)
        collection = self._rows.view()
        if len(self._graph) < len(collection):
            self._graph.add(collection[len(self._graph) :])
        return self._graph

    def _check(self, descriptors: Float16Array) -> None:
        if descriptors.ndim != 2 or descriptors.shape[1] != self.dimension:
            raise OptionError(
                f"descriptors of shape {descriptors.shape} don't fit an index of {self.dimension} numbers a photo: "
                "index photos with one descriptor and one fusion alone"
            )
        for first in range(0, len(descriptors), BLOCK_ROWS):
            lengths = np.linalg.norm(np.asarray(descriptors[first : first + BLOCK_ROWS]).astype(np.float32), axis=1)
            # Written so that nan is off as well.
            off = np.flatnonzero(~(np.abs(lengths - 1) <= UNIT_TOLERANCE))
            if len(off):
                raise OptionError(
                    f"descriptor {first + off[0]} has length {lengths[off[0]]:.3g}, not 1: scale descriptors first"
                )


def _read_state(folder: Path) -> dict[str, int]:
    path = folder / STATE_FILE
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        found = {name: int(state[name]) for name in ("version", "dimension", "photos")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtefactLostError(f"{folder} holds no whole index ({error}): remove it and run again") from error
    if found["version"] != VERSION:
        raise ArtefactLostError(f"{folder} holds an index of another version: remove it and run again")
    return found
