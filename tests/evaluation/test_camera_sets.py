"""Sets of cameras as bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesort.evaluation.camera_sets import (
    BoolArray,
    SetMemory,
    WordArray,
    count_members,
    differ,
    num_words,
    pack_sets,
    unpack_sets,
)

SEEDS = st.integers(0, 2**32 - 1)


def random_sets(random: np.random.Generator, shape: tuple[int, int], num_cameras: int) -> BoolArray:
    """Sets (t, b, n), n padded to whole bytes."""
    is_member = np.zeros((*shape, num_cameras + -num_cameras % 8), dtype=np.bool_)
    is_member[..., :num_cameras] = random.random((*shape, num_cameras)) < random.random()
    return is_member


def packed(is_member: BoolArray, num_cameras: int) -> WordArray:
    sets = np.zeros((is_member.shape[1], is_member.shape[0], num_words(num_cameras)), dtype=np.uint64)
    pack_sets(is_member, sets)
    return sets


@given(seed=SEEDS, num_cameras=st.integers(1, 200))
def test_packed_sets_keep_their_members(seed: int, num_cameras: int) -> None:
    is_member = random_sets(np.random.default_rng(seed), (3, 5), num_cameras)
    sets = packed(is_member, num_cameras)
    expected = is_member[..., :num_cameras].swapaxes(0, 1)
    np.testing.assert_array_equal(count_members(sets), expected.sum(axis=2))
    np.testing.assert_array_equal(unpack_sets(sets[:, 1], num_cameras), expected[:, 1])
    np.testing.assert_array_equal(differ(sets[:, 0], sets[:, 1]), (expected[:, 0] != expected[:, 1]).any(axis=1))


def new_by_a_set(batches: list[WordArray]) -> list[list[int]]:
    known: set[bytes] = set()
    found = []
    for sets in batches:
        found.append([])
        for index, row in enumerate(sets):
            if row.tobytes() not in known:
                found[-1].append(index)
                known.add(row.tobytes())
    return found


@pytest.mark.parametrize("num_cameras", [5, 64, 65, 200])
def test_new_sets_are_found_once_in_order(num_cameras: int) -> None:
    random = np.random.default_rng(num_cameras)
    choice = packed(random_sets(random, (1, 100), num_cameras), num_cameras)[:, 0]
    choice = choice[count_members(choice) > 0]
    batches = [choice[random.integers(0, len(choice), 60)] for _ in range(4)]
    memory = SetMemory(num_cameras, 1 << 18)
    assert [memory.find_new(sets).tolist() for sets in batches] == new_by_a_set(batches)


def test_a_full_memory_forgets_but_never_takes_a_new_set_for_a_known_one() -> None:
    sets = np.arange(1, 2001, dtype=np.uint64)[:, None]
    memory = SetMemory(64, 16)
    assert memory.find_new(sets).tolist() == list(range(2000))
    again = memory.find_new(sets)
    assert len(again) >= 1980


def test_memory_is_bounded() -> None:
    memory = SetMemory(10_000, 1 << 40)
    assert memory._known.nbytes <= 1 << 25
