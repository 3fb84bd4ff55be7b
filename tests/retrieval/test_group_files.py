"""Groups as CSV: by hand, a run's clusters.csv and submissions are read; mistakes are named by line."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenesort.errors import OptionError
from scenesort.export.submission import SubmissionRow, write_rows
from scenesort.retrieval.group_files import HEADER, group_rows, read_groups

NAMES = ("a.jpg", "b, b.jpg", "dir/c.jpg", "é.jpg", "x/d.jpg", "y/d.jpg")

names = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\u2028\u2029"), min_size=1)
trimmed = names.filter(lambda name: name == name.strip() and "/" not in name)


def written(tmp_path, text):
    path = tmp_path / "groups.csv"
    path.write_bytes(text.encode())
    return path


@given(
    photos=st.lists(trimmed, unique=True, max_size=12),
    groups=st.lists(trimmed.filter(lambda name: name not in ("-1", "outliers")), unique=True, max_size=3),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_written_groups_come_back(tmp_path_factory, photos, groups, data):
    groups = sorted(groups)
    labels = np.array([data.draw(st.integers(-1, len(groups) - 1)) for _ in photos], dtype=np.int64)
    path = tmp_path_factory.mktemp("groups") / "clusters.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [HEADER, *group_rows(photos, labels, np.ones(len(photos), np.float32), groups)]
        )
    found = read_groups(path, photos)
    back = [found.names[label] if label >= 0 else None for label in found.labels]
    assert back == [groups[label] if label >= 0 else None for label in labels]
    assert found.labels.dtype == np.int64
    assert list(found.names) == sorted({groups[label] for label in labels if label >= 0})


def test_clusters_without_names_are_written_by_number():
    rows = group_rows(("a", "b", "c"), np.array([1, -1, 0]), np.array([0.5, 0, 2 / 3], np.float32))
    assert rows == [("a", "1", "0.500"), ("b", "-1", "0.000"), ("c", "0", "0.667")]


def test_a_hand_written_table_with_marks_quotes_and_gaps_is_read(tmp_path):
    text = '\ufeffScene, photo ,why\r\nhill,a.jpg,\r\nhill,"b, b.jpg","by\r\neye"\r\n\r\n,,\r\n'
    text += "outliers,é.jpg,\r\ndale,x/d.jpg,\r\n"
    found = read_groups(written(tmp_path, text), NAMES)
    assert found.names == ("dale", "hill")
    assert found.labels.tolist() == [1, 1, -1, -1, 0, -1]


@pytest.mark.parametrize("none", ["outliers", "", "-1", " "])
def test_photos_may_be_in_no_group(tmp_path, none):
    found = read_groups(written(tmp_path, f"image,cluster\na.jpg,{none}\ndir/c.jpg,0\na.jpg,-1\n"), NAMES)
    assert found.names == ("0",)
    assert found.labels.tolist() == [-1, -1, 0, -1, -1, -1]


def test_a_submission_is_read_for_one_collection(tmp_path):
    path = tmp_path / "submission.csv"
    rows = [
        SubmissionRow("first", "scene_01", "a.jpg", None),
        SubmissionRow("first", "scene_02", "dir/c.jpg", None),
        SubmissionRow("first", "outliers", "é.jpg", None),
        SubmissionRow("second", "scene_02", "a.jpg", None),
    ]
    write_rows(path, rows)
    assert read_groups(path, NAMES, "first").labels.tolist() == [0, -1, 1, -1, -1, -1]
    assert read_groups(path, NAMES, "second").names == ("scene_02",)
    with pytest.raises(
        OptionError, match=r"no row of collection 'frist' \(did you mean 'first'\?\).* names first, second"
    ):
        read_groups(path, NAMES, "frist")
    with pytest.raises(OptionError, match=r"several collections \(first, second\)"):
        read_groups(path, NAMES)
    write_rows(path, rows[:3])
    assert read_groups(path, NAMES).names == ("scene_01", "scene_02")


def test_a_collection_does_not_matter_where_rows_do_not_tell_theirs(tmp_path):
    path = written(tmp_path, "photo,scene\na.jpg,hill\n")
    assert read_groups(path, NAMES, "any").labels.tolist() == [0, -1, -1, -1, -1, -1]


def test_the_end_of_a_name_is_enough_where_one_photo_has_it(tmp_path):
    path = written(tmp_path, "photo,scene\nc.jpg,hill\nset/a.jpg,hill\n./y/d.jpg,dale\n")
    assert read_groups(path, NAMES).labels.tolist() == [1, -1, 1, -1, -1, 0]


def test_files_that_were_left_out_are_passed_over(tmp_path):
    path = written(tmp_path, "photo,scene\nbroken.jpg,hill\na.jpg,hill\ncopies/e.jpg,dale\n")
    found = read_groups(path, NAMES, left_out=("broken.jpg", "copies/e.jpg"))
    assert found.names == ("hill",)
    assert found.labels.tolist() == [0, -1, -1, -1, -1, -1]
    with pytest.raises(OptionError, match=r"line 4: no photo is named 'copies/e\.jpg'"):
        read_groups(path, NAMES, left_out=("broken.jpg",))
    # Left out or not, a file makes the end of its name ambiguous.
    path = written(tmp_path, "photo,scene\nc.jpg,hill\n")
    with pytest.raises(OptionError, match=r"may be dir/c\.jpg or other/c\.jpg"):
        read_groups(path, NAMES, left_out=("other/c.jpg",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("photo,scene\na.jpg,hill\ndir/e.jpg,hill\n", r"line 3: no photo is named 'dir/e.jpg' \(did you mean"),
        ("photo,scene\nother/c.jpg,hill\n", "line 2: no photo is named 'other/c.jpg'"),
        ("photo,scene\nd.jpg,hill\n", "line 2: 'd.jpg' may be x/d.jpg or y/d.jpg: give the whole name"),
        ("photo,scene\n,hill\n", "line 2: no photo is named ''"),
        (
            "photo,scene\na.jpg,hill\na.jpg,hill\na.jpg,dale\n",
            "line 4: photo 'a.jpg' is in group 'dale' here and in group 'hill' in line 2",
        ),
        ("photo,scene\nc.jpg,hill\ndir/c.jpg,\n", "line 3: photo 'dir/c.jpg' is in no group here and in group 'hill'"),
        ('photo,scene,why\na.jpg,hill,"by\neye"\nz.jpg,hill,\n', "line 4: no photo is named 'z.jpg'"),
        ('photo,scene,why\nz.jpg,hill,"by\neye"\n', "line 2: no photo is named 'z.jpg'"),
        ("photo,scene\na.jpg\n", "line 2: 1 cells where the header has 2"),
        ("photo,scenes\na.jpg,hill\n", r"line 1: .* no column 'scene' or 'cluster' \(did you mean 'scenes'\?\)"),
        ("name,scene\na.jpg,hill\n", "line 1: the header has no column 'photo' or 'image'"),
        ("photo;scene\na.jpg;hill\n", "separated by commas"),
        ("", "line 1: the header has no column 'photo' or 'image'"),
        ("photo,scene,cluster\na.jpg,1,1\n", "line 1: several columns 'scene', 'cluster' where one"),
        ("photo,scene,scene\na.jpg,1,1\n", "line 1: several columns 'scene', 'scene'"),
        ('photo,scene\n"a.jpg" x,hill\n', "line 2: not a row of a CSV"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(OptionError, match=message) as raised:
        read_groups(path, NAMES)
    assert str(path) in str(raised.value)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(OptionError, match=r"none.csv can't be read: No such file"):
        read_groups(tmp_path / "none.csv", NAMES)
    with pytest.raises(OptionError, match="can't be read"):
        read_groups(tmp_path, NAMES)
    path = tmp_path / "latin.csv"
    path.write_bytes("photo,scene\né.jpg,hill\n".encode("latin-1"))
    with pytest.raises(OptionError, match="line 2: no photo is named"):
        read_groups(path, NAMES)


def test_names_that_are_not_utf8_are_read_as_they_are_written(tmp_path):
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    path = tmp_path / "groups.csv"
    path.write_bytes(f"photo,scene\n{name},hill\n".encode("utf-8", "surrogateescape"))
    assert read_groups(path, [name]).labels.tolist() == [0]
