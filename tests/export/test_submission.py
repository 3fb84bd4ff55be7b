"""The challenge's submission: rows, samples, copies, skipped files, and errors."""

import csv

import numpy as np
import pytest

from pictures import camera, photo
from scenesort import evaluation
from scenesort.errors import OptionError
from scenesort.export import SubmissionRow, submission_rows, write_rows
from scenesort.types import PhotoSet, PosedPhoto, PosedScene, SkippedPhoto

POSE = np.arange(12, dtype=float).reshape(3, 4) / 7


def posed(name, pose=POSE):
    return PosedPhoto(name, camera(), 1, pose, np.zeros((0, 2)), np.zeros(0, np.int64))


def scene(name, photos, unposed=()):
    none = np.zeros((0, 3))
    return PosedScene(name, photos, none, none.astype(np.uint8), np.zeros(0), unposed)


@pytest.fixture
def rows():
    found = PhotoSet(
        tuple(photo(name) for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg")),
        skipped=(SkippedPhoto("broken.jpg", "It is damaged."),),
        duplicates={
            "a copy.jpg": "a.jpg",
            "c copy.jpg": "c.jpg",
            "d copy.jpg": "d.jpg",
            "broken copy.jpg": "broken.jpg",
        },
    )
    scenes = [scene("scene_01", (posed("b.jpg"), posed("a.jpg", POSE + 1)), ("d.jpg",))]
    return submission_rows("toys", found, scenes, ["c.jpg"])


def test_every_file_has_a_row(rows):
    assert [(row.image, row.scene, row.cam_from_world is not None) for row in rows] == [
        ("a copy.jpg", "scene_01", True),
        ("a.jpg", "scene_01", True),
        ("b.jpg", "scene_01", True),
        ("broken copy.jpg", "outliers", False),
        ("broken.jpg", "outliers", False),
        ("c copy.jpg", "outliers", False),
        ("c.jpg", "outliers", False),
        ("d copy.jpg", "scene_01", False),
        ("d.jpg", "scene_01", False),
    ]
    np.testing.assert_array_equal(rows[0].cam_from_world, POSE + 1)
    assert {row.dataset for row in rows} == {"toys"}


def test_cells_hold_the_numbers_without_loss():
    *names, rotation, translation = SubmissionRow("toys", "scene_01", "b.jpg", POSE).cells()
    assert names == ["toys", "scene_01", "b.jpg"]
    np.testing.assert_array_equal([float(cell) for cell in rotation.split(";")], POSE[:, :3].ravel())
    np.testing.assert_array_equal([float(cell) for cell in translation.split(";")], POSE[:, 3])
    assert SubmissionRow("toys", "outliers", "c.jpg", None).cells()[3:] == [
        ";".join(["nan"] * 9),
        ";".join(["nan"] * 3),
    ]


def read(path):
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.reader(file))


def test_without_a_sample_the_rows_come_as_given(tmp_path, rows):
    write_rows(tmp_path / "out.csv", rows)
    header, *lines = read(tmp_path / "out.csv")
    assert header == ["dataset", "scene", "image", "rotation_matrix", "translation_vector"]
    assert lines == [row.cells() for row in rows]
    assert b"\r" not in (tmp_path / "out.csv").read_bytes()


def test_a_sample_gives_rows_order_and_numbers(tmp_path, rows):
    sample = tmp_path / "sample.csv"
    sample.write_text(
        "\ufeffimage_id,dataset,scene,image,rotation_matrix,translation_vector\nx7,toys,s,b.jpg,,\nx3,toys,s,c.jpg,,\n",
        encoding="utf-8",
    )
    write_rows(tmp_path / "out.csv", rows, sample)
    header, *lines = read(tmp_path / "out.csv")
    assert header[0] == "image_id"
    known = {row.image: row.cells() for row in rows}
    assert lines == [["x7", *known["b.jpg"]], ["x3", *known["c.jpg"]]]


def test_a_samples_columns_keep_their_order_and_the_rest_follows(tmp_path, rows):
    sample = tmp_path / "sample.csv"
    sample.write_text("image,remark,dataset\nb.jpg,nice,toys\n", encoding="utf-8")
    write_rows(tmp_path / "out.csv", rows, sample)
    header, line = read(tmp_path / "out.csv")
    assert header == ["image", "dataset", "scene", "rotation_matrix", "translation_vector"]
    assert line[:3] == ["b.jpg", "toys", "scene_01"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"--sample .*sample\.csv: No such file or directory; check the path"),
        ("image\nb.jpg\n", "the columns dataset and image are wanted"),
        ("", "the columns dataset and image are wanted"),
        ("dataset,image\ntoys,b.jpg\ntoys,z.jpg\n", r"line 3: photo z\.jpg of collection toys was not in this run"),
        ("dataset,image\ntemples,b.jpg\n", "line 2: photo b.jpg of collection temples"),
    ],
)
def test_a_wrong_sample_is_explained(tmp_path, rows, content, message):
    sample = tmp_path / "sample.csv"
    if content is not None:
        sample.write_text(content, encoding="utf-8")
    with pytest.raises(OptionError, match=message):
        write_rows(tmp_path / "out.csv", rows, sample)


def test_names_that_are_not_unicode_keep_their_bytes(tmp_path):
    name = b'caf\xe9, "x".jpg'.decode("utf-8", "surrogateescape")
    write_rows(tmp_path / "out.csv", [SubmissionRow("toys", "outliers", name, None)])
    assert read(tmp_path / "out.csv")[1][2] == name


def test_the_scorer_reads_what_is_written(tmp_path):
    angles = np.linspace(0, 1, 4)
    names = [f"{row}.jpg" for row in range(4)]
    poses = []
    for angle in angles:
        rotation = [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
        poses.append(np.column_stack([rotation, [angle**2, angle, 3 * angle**3]]))
    truth = [SubmissionRow("toys", "box", name, pose) for name, pose in zip(names, poses, strict=True)]
    write_rows(tmp_path / "labels.csv", truth)
    found = [scene("scene_01", tuple(posed(name, pose) for name, pose in zip(names, poses, strict=True)))]
    rows = submission_rows("toys", PhotoSet(tuple(photo(name) for name in names)), found, [])
    write_rows(tmp_path / "submission.csv", rows)
    (tmp_path / "thresholds.csv").write_text("dataset,scene,thresholds\ntoys,box,0.01;0.02;0.03;0.04\n")
    result = evaluation.score(tmp_path / "labels.csv", tmp_path / "submission.csv", tmp_path / "thresholds.csv")
    assert result.score == pytest.approx(100)
