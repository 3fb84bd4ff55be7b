"""Converted tables: poses change, and nothing else."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from wrong_poses import WRONG, corrupt, make_world

from scenesort.evaluation import read_poses
from scenesort.evaluation.conventions import find_reading
from scenesort.evaluation.rewriting import convert_csv, to_csv

NANS = ";".join(["nan"] * 9)


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    _, right, _ = make_world(0)
    path = tmp_path / "table.csv"
    path.write_bytes(to_csv(corrupt(right, WRONG["opengl-camera-to-world"]), {}))
    path.write_bytes(convert_csv(path, {"park": find_reading("opengl-camera-to-world")}))
    found = read_poses(path)
    assert (found.dataset, found.scene, found.image) == (right.dataset, right.scene, right.image)
    np.testing.assert_allclose(found.rotation, right.rotation, atol=1e-12)
    np.testing.assert_allclose(found.translation, right.translation, atol=1e-12)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_all_other_cells_stay(tmp_path: Path, newline: str, mark: bytes) -> None:
    half_turn = "1;0;0;0;-1;0;0;0;-1.0"
    lines = [
        "image_id,image,dataset, scene,translation_vector,rotation_matrix,note",
        f'7,"b,é.jpg",park,one,1;2;3,{half_turn},"said ""hm"""',
        f"3,a.jpg,park,outliers,NaN; nan;nan,{NANS},",
        "",
        f"1,c.jpg,town,two,1.50;2;3,{half_turn},x",
        f"0,d.jpg,park,one,1;inf;3,{half_turn},x",
    ]
    path = tmp_path / "table.csv"
    path.write_bytes(mark + newline.join([*lines, ""]).encode("utf-8"))
    content = convert_csv(path, {"park": find_reading("camera-to-world")})
    assert content.startswith(mark + b"image_id")
    assert (b"\r\n" in content) == (newline == "\r\n")
    before, after = ([row for row in rows_of(part) if row] for part in (path.read_bytes(), content))
    assert after[0] == before[0]
    assert after[1] == ["7", "b,é.jpg", "park", "one", "-1.0;2.0;3.0", after[1][5], 'said "hm"']
    assert [float(part) for part in after[1][5].split(";")] == [1, 0, 0, 0, -1, 0, 0, 0, -1]
    assert after[2:] == before[2:]


def test_tables_of_other_formats_get_the_usual_columns() -> None:
    _, right, _ = make_world(0, num_photos=2)
    right.rotation[0] = np.nan
    rows = rows_of(to_csv(right, {"park": find_reading("transposed")}))
    assert rows[0] == ["dataset", "scene", "image", "rotation_matrix", "translation_vector"]
    assert rows[1] == ["park", "found_gate", "gate_0.png", NANS, "nan;nan;nan"]
    numbers = np.array([float(part) for part in rows[2][3].split(";")]).reshape(3, 3)
    np.testing.assert_array_equal(numbers, right.rotation[1].T)
