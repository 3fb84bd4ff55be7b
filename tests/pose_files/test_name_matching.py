"""Which photo another tool's name means: the exact one, or the only one that it can mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesort.pose_files.matching import PhotoNames


@pytest.mark.parametrize(
    ("name", "photos", "expected"),
    [
        ("a.png", ["a.png", "deep/a.png"], ["a.png"]),
        ("images/a.png", ["a.png", "b.png"], ["a.png"]),
        ("./images/../a.png", ["a.png"], ["a.png"]),
        ("C:\\photos\\a.png", ["a.png"], ["a.png"]),
        ("a.png", ["deep/a.png"], ["deep/a.png"]),
        ("a.png", ["x/a.png", "y/a.png"], ["x/a.png", "y/a.png"]),
        ("y/a.png", ["x/a.png", "y/a.png"], ["y/a.png"]),
        ("images/y/a.png", ["x/a.png", "y/a.png"], ["y/a.png"]),
        ("z/a.png", ["x/a.png"], []),
        ("ba.png", ["a.png"], []),
        ("a", ["a.png", "b.png"], ["a.png"]),
        ("train/a", ["train/a.png", "test/a.png"], ["train/a.png"]),
        ("a.jpg", ["a.png", "a.tif"], ["a.png", "a.tif"]),
        ("a.jpg", ["a.png", "a.jpg"], ["a.jpg"]),
        ("frame.001", ["frame.001.png", "frame.002.png"], ["frame.001.png"]),
        ("A.png", ["a.png"], []),
        ("/", ["a.png"], []),
        (".a", [".a"], [".a"]),
    ],
)
def test_names(name: str, photos: list[str], expected: list[str]) -> None:
    assert PhotoNames(photos).find(name) == expected


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("1305031102.175304", ["rgb/1305031102.175304.png"]),
        ("1305031102.1753040", ["rgb/1305031102.175304.png"]),
        ("1.305031102175303936e+09", ["rgb/1305031102.175304.png"]),
        ("1305031102.175305", []),
        ("7", ["0007.png", "7.png"]),
        ("0", []),
    ],
)
def test_timestamps(timestamp: str, expected: list[str]) -> None:
    photos = ["rgb/1305031102.175304.png", "7.png", "0007.png", "nan.png", "1_0.png", "b.png"]
    assert PhotoNames(photos).find_timestamp(timestamp) == expected


names = st.lists(st.text("ab./", min_size=1, max_size=6), min_size=1, max_size=6, unique=True)


@given(names, st.text("ab./\\", min_size=1, max_size=8))
def test_an_exact_name_always_means_itself_and_any_text_is_understood(photos: list[str], name: str) -> None:
    known = PhotoNames(photos)
    for photo in photos:
        assert known.find(photo) == [photo]
    assert set(known.find(name)) <= set(photos)


def test_what_follows_a_dot_is_an_extension_only_if_pictures_have_it() -> None:
    names = PhotoNames(["i0.jpg", "i1.5.png"])
    assert names.find("i0.99") == []
    assert names.find("i0.PNG") == ["i0.jpg"]
    assert names.find("i1.5") == ["i1.5.png"]
