"""Sets of cameras as bits: packing, counting, and a memory of the sets that were met.

A set of cameras out of n is a row of ⌈n/64⌉ uint64 words; the bits beyond n are 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
WordArray = NDArray[np.uint64]

_MEMORY_BYTES = 1 << 25
"""What a memory of sets may take: 32 MiB, some hundred thousand sets of a large scene."""

_MIXER = np.uint64(0x9E3779B97F4A7C15)
_HALF_WORD = np.uint64(32)


def num_words(num_cameras: int) -> int:
    """How many words hold a set of cameras out of `num_cameras`."""
    return -(-num_cameras // 64)


def pack_sets(is_member: BoolArray, sets: WordArray) -> None:
    """Write the sets (t, b, n) to words `sets` (b, t, w), whose bits beyond n are 0; n must be a multiple of 8."""
    packed = np.packbits(is_member).reshape(*is_member.shape[:2], -1)
    sets.view(np.uint8)[..., : packed.shape[2]] = packed.swapaxes(0, 1)


def unpack_sets(words: WordArray, num_cameras: int) -> BoolArray:
    """Sets (s, n), True for members, of words (s, w)."""
    bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, count=num_cameras)
    return bits.view(np.bool_)


def count_members(words: WordArray) -> IntArray:
    """Sizes (...) of sets (..., w)."""
    bits = np.bitwise_count(words)
    sizes = bits[..., 0].astype(np.int64)
    for word in range(1, words.shape[-1]):
        sizes += bits[..., word]
    return sizes


def differ(first: WordArray, second: WordArray) -> BoolArray:
    """Whether two sets (..., w) differ (...)."""
    result: BoolArray = first[..., 0] != second[..., 0]
    for word in range(1, first.shape[-1]):
        result |= first[..., word] != second[..., word]
    return result


class SetMemory:
    """Remembers sets of n cameras in a table of bounded size, where a set has one place.

    Whole sets are compared, not their hashes, so a new set is never taken for a known one. A set may be forgotten, when
    another one needs its place; it then counts as new again.
    """

    def __init__(self, num_cameras: int, capacity: int) -> None:
        """Make room for about `capacity` sets, as far as memory allows."""
        words = num_words(num_cameras)
        self._bits = max(1, min(capacity, _MEMORY_BYTES // (8 * words)).bit_length() - 1)
        # The empty set, all zeros, marks a free place: sets without members are not remembered.
        self._known = np.zeros((1 << self._bits, words), dtype=np.uint64)
        self._row_of_place = np.zeros(1 << self._bits, dtype=np.int32)

    def find_new(self, sets: WordArray) -> IntArray:
        """Rows (m,), rising, of the `sets` (s, w) that are not remembered and not met earlier in `sets`.

        They are remembered from now on.
        """
        place = self._places(sets)
        unknown = np.flatnonzero(differ(self._known[place], sets))
        place = place[unknown]
        # Of rows with the same place the one written last stays, so the first row is written last.
        self._row_of_place[place[::-1]] = unknown[::-1]
        first = self._row_of_place[place]
        is_new = (first == unknown) | differ(sets[first], sets[unknown])
        self._known[place[is_new]] = sets[unknown[is_new]]
        new: IntArray = unknown[is_new]
        return new

    def _places(self, sets: WordArray) -> IntArray:
        mixed: WordArray = np.zeros(len(sets), dtype=np.uint64)
        for word in sets.T:
            mixed = (mixed ^ word) * _MIXER
            mixed ^= mixed >> _HALF_WORD
        places: IntArray = ((mixed * _MIXER) >> np.uint64(64 - self._bits)).astype(np.int64)
        return places
