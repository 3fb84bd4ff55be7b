"""Pairs as text: what scenesort and hloc write is read, and mistakes are named by line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenesort.errors import OptionError
from scenesort.export.hloc import write_pairs
from scenesort.retrieval.pair_files import read_pairs

NAMES = ("a.jpg", "b b.jpg", "dir/c.jpg", "é.jpg")


@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] < pair[1])))
@settings(max_examples=30)
def test_pairs_come_back(tmp_path_factory, pairs):
    names = tuple(f"folder {row}/photo.jpg" for row in range(10))
    path = tmp_path_factory.mktemp("pairs") / "pairs.txt"
    write_pairs(path, [(names[first], names[second]) for first, second in sorted(pairs, reverse=True)])
    found = read_pairs(path, names)
    assert {tuple(pair) for pair in found.pairs.tolist()} == pairs
    assert len(found) == len(pairs)
    assert found.rules == ("file",)


def test_spaces_tabs_repeats_and_line_ends_are_taken(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_bytes("\ufeffa.jpg b b.jpg\r\n\r\nb b.jpg\ta.jpg\r\nb b.jpg  dir/c.jpg\r\né.jpg a.jpg".encode())
    assert read_pairs(path, NAMES).pairs.tolist() == [[0, 1], [0, 3], [1, 2]]
    path.write_text("")
    assert read_pairs(path, NAMES).pairs.shape == (0, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.jpg dir/c.jpg\na.jpg dir/d.jpg\n", r"line 2: no photo is named 'dir/d.jpg' \(did you mean 'dir/c.jpg'\?\)"),
        ("x.jpg a.jpg", "line 1: no photo is named 'x.jpg'"),
        ("a.jpg a.jpg", "line 1: 'a.jpg' is paired with itself"),
        ("a.jpg", "line 1: 'a.jpg' is not two names"),
        ("a.jpg dir/c.jpg 0.5", "is not two names"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    path = tmp_path / "pairs.txt"
    path.write_text(text)
    with pytest.raises(OptionError, match=message):
        read_pairs(path, NAMES)


def test_lines_with_two_readings_and_missing_files_are_refused(tmp_path):
    path = tmp_path / "pairs.txt"
    with pytest.raises(OptionError, match="can't be read"):
        read_pairs(path, NAMES)
    path.write_text("a b c")
    with pytest.raises(OptionError, match="in 2 ways"):
        read_pairs(path, ("a", "b c", "a b", "c"))


def test_copies_stand_for_their_photo_and_unusable_files_are_passed_over(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("a.jpg copy.jpg\ncopy.jpg b.jpg\nbad.jpg a.jpg\nc.jpg lost.jpg\n")
    found = read_pairs(path, ("a.jpg", "b.jpg", "c.jpg"), {"copy.jpg": "a.jpg", "lost.jpg": "bad.jpg"}, {"bad.jpg"})
    assert found.pairs.tolist() == [[0, 1]]
    with pytest.raises(OptionError, match=r"line 1: no photo is named 'copy.jpg'"):
        read_pairs(path, ("a.jpg", "b.jpg", "c.jpg"))
