"""The readers of labels, submissions and thresholds: what they accept, and what each refusal says."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenesort.errors import EvaluationError
from scenesort.evaluation import PoseTable, check_thresholds, read_poses, read_thresholds

HEADER = "dataset,scene,image,rotation_matrix,translation_vector"
TURN = "0;-1;0;1;0;0;0;0;1"
ROW = f"park,gate,a.png,{TURN},1;2;3"
NAN_ROW = "park,outliers,b.png,nan;NaN;NAN;-nan;nan;nan;nan;nan; nan,nan;nan;nan"


def write(folder: Path, *lines: str, end: str = "\n", mark: bool = False) -> Path:
    path = folder / "table.csv"
    path.write_bytes((end.join(lines) + end).encode("utf-8-sig" if mark else "utf-8"))
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [False, True])
def test_poses_are_read_in_order(tmp_path: Path, end: str, mark: bool) -> None:
    path = write(tmp_path, HEADER, ROW, "", NAN_ROW, end=end, mark=mark)
    table = read_poses(path)
    assert len(table) == 2
    assert table.dataset == ("park", "park")
    assert table.scene == ("gate", "outliers")
    assert table.image == ("a.png", "b.png")
    assert table.line == (2, 4)
    assert table.rotation.dtype == table.translation.dtype == np.float64
    np.testing.assert_array_equal(table.rotation[0], [[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(table.translation[0], [1, 2, 3])
    np.testing.assert_array_equal(table.center_in_world[0], [-2, 1, -3])
    assert np.isnan(table.rotation[1]).all()
    assert np.isnan(table.center_in_world[1]).all()


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "image_id,translation_vector,image,scene,note, dataset,rotation_matrix",
        f'7,1;2;3,"a, with comma.png",gate,,park,{TURN}',
    )
    table = read_poses(path)
    assert (table.dataset, table.scene, table.image) == (("park",), ("gate",), ("a, with comma.png",))
    np.testing.assert_array_equal(table.center_in_world, [[-2, 1, -3]])


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(str.strip)
NUMBERS = st.floats(width=64)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(NAMES, NAMES, NAMES, st.lists(NUMBERS, min_size=12, max_size=12)), min_size=1, max_size=4),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
)
def test_what_is_written_is_read(
    tmp_path: Path, rows: list[tuple[str, str, str, list[float]]], end: str, mark: bool
) -> None:
    """Names with commas, quotes and line breaks, and numbers to the last bit."""
    text = io.StringIO()
    # Python 3.11 leaves a carriage return without quotes where the line doesn't end with one.
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(HEADER.split(","))
    for *names, numbers in rows:
        writer.writerow([*names, ";".join(map(repr, numbers[:9])), ";".join(map(repr, numbers[9:]))])
    path = tmp_path / "table.csv"
    path.write_bytes(text.getvalue().encode("utf-8-sig" if mark else "utf-8"))
    table = read_poses(path)
    assert list(zip(table.dataset, table.scene, table.image, strict=True)) == [tuple(names) for *names, _ in rows]
    numbers = np.array([numbers for *_, numbers in rows])
    np.testing.assert_array_equal(table.rotation.reshape(-1, 9), numbers[:, :9])
    np.testing.assert_array_equal(table.translation, numbers[:, 9:])


@pytest.mark.parametrize("number", ["inf", "-Infinity", "nan"])
def test_one_number_that_is_not_finite_leaves_no_centre(tmp_path: Path, number: str) -> None:
    for row in (f"park,gate,a.png,{TURN},{number};0;0", f"park,gate,a.png,{number}{TURN[1:]},1;2;3"):
        assert not np.isfinite(read_poses(write(tmp_path, HEADER, row)).center_in_world).all()


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ([], ["the file is empty", HEADER]),
        (["dataset;scene;image;rotation_matrix;translation_vector"], ["line 1", "not separated by commas"]),
        (["a,b"], ["line 1", "missing columns: dataset, scene, image"]),
        (["dataset,scene,image,translation_vector", ROW], ["missing columns: rotation_matrix.", HEADER]),
        ([HEADER + ",scene", ROW + ",x"], ["line 1", "repeated columns: scene"]),
        ([HEADER], ["no rows", "Give one row for each photo"]),
        ([HEADER, ROW, ROW + ",extra"], ["line 3", "6 cells where the header has 5"]),
        ([HEADER, "park,gate,a.png"], ["line 2", "3 cells where the header has 5"]),
        ([HEADER, ROW.replace(";2;", ";two;")], ["line 2", "'park'", "'a.png'", "translation_vector", "'two'"]),
        ([HEADER, ROW.replace(";2;", ";;")], ["'a.png'", "holds ''", "nan for a photo without a pose"]),
        ([HEADER, ROW.replace(";2;", ";1_0;")], ["holds '1_0'"]),
        ([HEADER, ROW.replace(";2;", ";٢;")], ["'a.png'", "holds '٢'"]),
        ([HEADER, ROW.replace(";-1;", ";")], ["'a.png'", "'rotation_matrix' has 8 values where 9 are needed"]),
        ([HEADER, ROW, "", ROW + ";4"], ["line 4", "'translation_vector' has 4 values where 3 are needed"]),
        ([HEADER, f"park,gate,a.png,{TURN},nan"], ["'translation_vector' has 1 values"]),
        ([HEADER, ROW.replace("gate", " ")], ["line 2", "'scene' is empty"]),
        ([HEADER, ROW.replace("park", "")], ["'dataset' is empty"]),
        ([HEADER, ROW.replace("a.png", "")], ["'image' is empty"]),
        ([HEADER, 'park,"gate" hall,a.png'], ["line 2", "not a CSV row", "quotes"]),
    ],
)
def test_bad_poses_are_refused(tmp_path: Path, lines: list[str], parts: list[str]) -> None:
    path = write(tmp_path, *lines)
    with pytest.raises(EvaluationError) as caught:
        read_poses(path)
    for part in [str(path), *parts]:
        assert part in str(caught.value)


@pytest.mark.parametrize("read", [read_poses, read_thresholds])
def test_files_that_cannot_be_read_are_refused(tmp_path: Path, read: object) -> None:
    assert callable(read)
    binary = tmp_path / "photo.csv"
    binary.write_bytes(b"\xff\xd8\xff\xe0\x00")
    for path, part in ((tmp_path / "absent.csv", "can't be read"), (tmp_path, "can't be read"), (binary, "UTF-8")):
        with pytest.raises(EvaluationError, match=part) as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_line_numbers_survive_a_line_break_in_quotes(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, ROW.replace("a.png", '"two\nlines.png"'), ROW)
    assert read_poses(path).line == (2, 4)
    path = write(tmp_path, HEADER + ',"a\nnote"', ROW + ",x")
    assert read_poses(path).line == (3,)


def test_columns_of_a_table_must_agree() -> None:
    with pytest.raises(ValueError, match="same number of rows"):
        PoseTable(("park",), ("gate",), ("a.png",), np.zeros((2, 3, 3)), np.zeros((1, 3)), (2,), "made-up")


def test_thresholds_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path, "note,thresholds,scene,dataset", "x,0;0.1;1e1,gate,park", ",1;2;3,pond,park", end="\r\n", mark=True
    )
    thresholds = read_thresholds(path)
    assert list(thresholds) == [("park", "gate"), ("park", "pond")]
    np.testing.assert_array_equal(thresholds["park", "gate"], [0, 0.1, 10])
    assert thresholds["park", "gate"].dtype == np.float64


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        (["dataset,scene", "park,gate"], ["line 1", "missing columns: thresholds"]),
        (["dataset,scene,thresholds"], ["no rows", "Give one row for each scene"]),
        (["dataset,scene,thresholds", "park,gate,1;x;3"], ["line 2", "'park'", "'gate'", "holds 'x'"]),
        (
            ["dataset,scene,thresholds", "park,gate,1;2"],
            ["line 2", "'gate'", "2 thresholds where at least 3 are needed"],
        ),
        (
            ["dataset,scene,thresholds", "park,gate,1;2;3", "park,pond,1;2;3;4"],
            ["line 3", "'pond'", "4 thresholds", "has 3"],
        ),
        (["dataset,scene,thresholds", "park,gate,1;-2;3"], ["line 2", "'gate'", "negative or not finite"]),
        (["dataset,scene,thresholds", "park,gate,1;nan;3"], ["'gate'", "negative or not finite"]),
        (["dataset,scene,thresholds", "park,gate,1;2;inf"], ["'gate'", "negative or not finite"]),
        (["dataset,scene,thresholds", "park,gate,1;2;3", "park,gate,1;2;3"], ["line 3", "given twice"]),
        (["dataset,scene,thresholds", "park,,1;2;3"], ["line 2", "'scene' is empty"]),
    ],
)
def test_bad_thresholds_are_refused(tmp_path: Path, lines: list[str], parts: list[str]) -> None:
    path = write(tmp_path, *lines)
    with pytest.raises(EvaluationError) as caught:
        read_thresholds(path)
    for part in [str(path), *parts]:
        assert part in str(caught.value)


def test_thresholds_made_in_code_are_checked_too() -> None:
    check_thresholds({("park", "gate"): np.array([0.1, 0.2, 0.3])}, "made-up")
    with pytest.raises(EvaluationError, match=r"made-up.*'gate'"):
        check_thresholds({("park", "gate"): np.array([0.1, 0.2])}, "made-up")
    with pytest.raises(EvaluationError, match="at least 3"):
        check_thresholds({("park", "gate"): np.ones((3, 3))}, "made-up")
