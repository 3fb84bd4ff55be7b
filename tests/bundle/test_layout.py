from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesort.bundle import BundleError
from scenesort.bundle.layout import OVERHEAD_BYTES, part_folder, plan_parts, write_files
from scenesort.bundle.models import PlacedFile
from scenesort.bundle.standalone.contents import BundleFault, digest_of, join

SIZES = st.lists(st.integers(0, 3_000), max_size=30)


def placed(sizes: list[int]) -> list[tuple[PlacedFile, int]]:
    return [(PlacedFile(f"wheels/{number}", Path("unused")), size) for number, size in enumerate(sizes)]


@given(SIZES, st.integers(1, 4_000))
def test_no_part_is_larger_than_asked_and_every_byte_is_in_one(sizes: list[int], room: int) -> None:
    common = 500
    planned, num_parts = plan_parts(placed(sizes), room + common + OVERHEAD_BYTES, common)
    filled = dict.fromkeys(range(1, num_parts + 1), 0)
    for item in planned:
        starts = [piece.start for piece in item.slices]
        assert starts == [sum(piece.size_bytes for piece in item.slices[:number]) for number in range(len(starts))]
        assert sum(piece.size_bytes for piece in item.slices) == item.size_bytes
        for piece in item.slices:
            filled[piece.part] += piece.size_bytes
    assert all(size <= room for size in filled.values())
    assert not sizes or all(size > 0 for size in filled.values()) or sum(sizes) == 0
    assert num_parts <= max(1, 2 * -(-sum(sizes) // room))


def test_without_a_size_there_is_one_part_and_nothing_is_cut() -> None:
    planned, num_parts = plan_parts(placed([10**12, 5]), None, 500)
    assert num_parts == 1
    assert [len(item.slices) for item in planned] == [1, 1]


def test_a_part_that_has_no_room_for_anything_is_refused() -> None:
    with pytest.raises(BundleError, match="--part-size"):
        plan_parts(placed([5]), OVERHEAD_BYTES, 1)


def test_cut_files_are_the_same_after_joining(tmp_path: Path) -> None:
    content = bytes(range(251)) * 40
    (tmp_path / "big").write_bytes(content)
    (tmp_path / "small").write_bytes(b"small")
    files = [PlacedFile("wheels/big", tmp_path / "big"), PlacedFile("wheels/small", tmp_path / "small")]
    planned, num_parts = plan_parts([(files[0], 10_040), (files[1], 5)], OVERHEAD_BYTES + 4_000, 0)
    out = tmp_path / "out"
    big, small = write_files(planned, out, num_parts)
    folders = [part_folder(out, part, num_parts) for part in range(1, num_parts + 1)]
    assert num_parts == 3
    assert [piece.path for piece in big.pieces] == [f"wheels/big.part-00{number}" for number in range(3)]
    assert big.is_cut
    assert not small.is_cut
    assert digest_of(tmp_path / "big") == big.sha256
    join(big, folders, tmp_path / "joined")
    assert (tmp_path / "joined").read_bytes() == content
    (folders[1] / big.pieces[1].path).write_bytes(bytes(big.pieces[1].size_bytes))
    with pytest.raises(BundleFault, match="joined pieces"):
        join(big, folders, tmp_path / "again")
    assert not list(tmp_path.glob("*again*"))
