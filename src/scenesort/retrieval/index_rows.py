"""Where the descriptors of an index stand: in memory, or in a file that is mapped and grows at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from scenesort.errors import ArtefactLostError
from scenesort.retrieval.index_exact import Float16Array

FILE = "descriptors.float16"


class Rows(Protocol):
    """Descriptors (n, d) float16 that can be appended to."""

    def append(self, descriptors: Float16Array) -> None:
        """Add rows at the end."""

    def view(self) -> Float16Array:
        """Return all rows, not to be written to."""


class MemoryRows:
    """Rows in memory, with room to grow by half so that many small additions stay cheap."""

    def __init__(self, descriptors: Float16Array) -> None:
        self._held = descriptors
        self._count = len(descriptors)

    def append(self, descriptors: Float16Array) -> None:
        """Add rows at the end."""
        count = self._count + len(descriptors)
        if count > len(self._held):
            # Exactly what the first addition needs: most indexes are built at once.
            room = count if not self._count else max(count, self._count + self._count // 2)
            held = np.empty((room, descriptors.shape[1]), dtype=np.float16)
            held[: self._count] = self._held[: self._count]
            self._held = held
        self._held[self._count : count] = descriptors
        self._count = count

    def view(self) -> Float16Array:
        """Return all rows."""
        return self._held[: self._count]


class FileRows:
    """Rows in a file of float16 (little-endian), one after the other; only what a search touches is in memory.

    `count` rows of the file are in use: rows behind them are what an interrupted addition left, and are overwritten.
    """

    def __init__(self, path: Path, dimension: int, count: int) -> None:
        self._path = path
        self._dimension = dimension
        self._count = count
        if not count:
            path.write_bytes(b"")
        elif not path.is_file() or path.stat().st_size < 2 * dimension * count:
            raise ArtefactLostError(f"{path} holds fewer than its {count:,} photos: remove its folder and run again")

    def append(self, descriptors: Float16Array) -> None:
        """Add rows at the end."""
        with self._path.open("r+b") as file:
            file.seek(2 * self._dimension * self._count)
            file.write(np.ascontiguousarray(descriptors, dtype="<f2").data)
        self._count += len(descriptors)

    def view(self) -> Float16Array:
        """Return all rows, mapped."""
        if not self._count:
            return np.zeros((0, self._dimension), dtype=np.float16)
        return np.memmap(self._path, dtype="<f2", mode="r", shape=(self._count, self._dimension))
