"""Submissions from other tools' files: every photo of the labels once, or a refusal that names the photo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pose_writers import (
    Cameras,
    bundle_out,
    images_text,
    kitti_text,
    labels_of,
    random_cameras,
    transforms_json,
    tum_text,
    write,
)

from scenesort.errors import EvaluationError
from scenesort.evaluation import PoseTable, read_poses
from scenesort.evaluation.validation import check_submission
from scenesort.pose_files import read_labels, read_submission, restrict

PHOTOS = ["a.png", "b.png", "c.png", "d.png"]
LABELS = labels_of(*(("toys", "et", photo) for photo in PHOTOS))
TWO = labels_of(("toys", "et", "a.png"), ("toys", "et", "b.png"), ("fox", "fox", "a.png"), ("fox", "outliers", "z.png"))
HEADER = "dataset,scene,image,rotation_matrix,translation_vector\n"


def check_rows(table: PoseTable, expected: dict[tuple[str, str], tuple[str, np.ndarray | None]]) -> None:
    """Check each (dataset, image)'s scene and pose, (3, 4) or None."""
    keys = list(zip(table.dataset, table.image, strict=True))
    assert sorted(keys) == sorted(expected)
    for row, key in enumerate(keys):
        scene, pose = expected[key]
        assert table.scene[row] == scene
        if pose is None:
            assert np.isnan(table.rotation[row]).all()
            assert np.isnan(table.translation[row]).all()
            assert table.line[row] == 0
        else:
            np.testing.assert_allclose(table.rotation[row], pose[:, :3], atol=1e-12)
            np.testing.assert_allclose(table.translation[row], pose[:, 3], atol=1e-10)
            assert table.line[row] > 0


def test_a_folder_of_models(tmp_path: Path) -> None:
    first, second = random_cameras(["images/c.png", "a.png"], 1), random_cameras(["b.jpg"], 2)
    write(tmp_path / "1" / "images.txt", images_text(second))
    write(tmp_path / "0" / "images.txt", images_text(first))
    table = read_submission(tmp_path, LABELS)
    check_submission(LABELS, table)
    check_rows(
        table,
        {
            ("toys", "c.png"): ("0", first.cam_from_world[0]),
            ("toys", "a.png"): ("0", first.cam_from_world[1]),
            ("toys", "b.png"): ("1", second.cam_from_world[0]),
            ("toys", "d.png"): ("outliers", None),
        },
    )
    assert table.image == ("a.png", "c.png", "b.png", "d.png")
    assert table.source == str(tmp_path)


@pytest.mark.parametrize("kind", ["colmap", "transforms", "bundler", "tum", "kitti"])
def test_every_format_gives_the_same_table(tmp_path: Path, kind: str) -> None:
    labels = labels_of(*(("toys", "et", f"{number}.5.png") for number in range(4)))
    listed = [f"{number}.5.png" for number in (3, 1, 2)]
    cameras = random_cameras(listed)
    names = write(tmp_path / "names", "\n".join(listed)) if kind in ("bundler", "kitti") else None
    path = {
        "colmap": lambda: write(tmp_path / "et" / "images.txt", images_text(cameras)).parent,
        "transforms": lambda: write(tmp_path / "et.json", transforms_json(cameras)),
        "bundler": lambda: write(tmp_path / "et.out", bundle_out(cameras)),
        "tum": lambda: write(tmp_path / "et.txt", tum_text(cameras, [name[:3] for name in listed])),
        "kitti": lambda: write(tmp_path / "et.txt", kitti_text(cameras)),
    }[kind]()
    expected = {("toys", name): ("et", pose) for name, pose in zip(listed, cameras.cam_from_world, strict=True)}
    check_rows(read_submission(path, labels, names=names), {**expected, ("toys", "0.5.png"): ("outliers", None)})


def test_collections_by_their_folders(tmp_path: Path) -> None:
    toys, fox = random_cameras(["a.png", "b.png"], 1), random_cameras(["a.png"], 2)
    write(tmp_path / "toys" / "sparse" / "0" / "images.txt", images_text(toys))
    write(tmp_path / "fox" / "hill" / "sparse" / "0" / "images.txt", images_text(fox))
    expected = {
        ("toys", "a.png"): ("toys", toys.cam_from_world[0]),
        ("toys", "b.png"): ("toys", toys.cam_from_world[1]),
        ("fox", "a.png"): ("hill", fox.cam_from_world[0]),
        ("fox", "z.png"): ("outliers", None),
    }
    table = read_submission(tmp_path, TWO)
    check_submission(TWO, table)
    check_rows(table, expected)
    only = {key: value for key, value in expected.items() if key[0] == "fox"}
    check_rows(read_submission(tmp_path, TWO, dataset="fox"), only)
    check_rows(read_submission(tmp_path / "fox", TWO, dataset="fox"), only)
    table = read_submission(tmp_path / "fox", restrict(TWO, "fox"))
    check_submission(restrict(TWO, "fox"), table)
    check_rows(table, only)


def test_outliers_are_no_collections_first_cluster(tmp_path: Path) -> None:
    write(tmp_path / "0" / "images.txt", images_text(random_cameras(["d.png"])))
    assert read_submission(tmp_path, LABELS).scene == ("0", "outliers", "outliers", "outliers")


def test_tables_are_read_as_they_are(tmp_path: Path) -> None:
    row = "toys,et,a.png,1;0;0;0;1;0;0;0;1,1;2;3\n"
    path = write(tmp_path / "submission.csv", HEADER + row, "\r\n", mark=True)
    for given in (path, tmp_path):
        table = read_submission(given, LABELS)
        assert (table.image, table.source) == (("a.png",), str(path))
    with pytest.raises(EvaluationError, match="a table names its photos itself"):
        read_submission(path, LABELS, names=path)
    write(path, "dataset,scene\n")
    with pytest.raises(EvaluationError, match="missing columns"):
        read_submission(tmp_path, LABELS)


def refused(path: Path, labels: PoseTable = LABELS, dataset: str | None = None, names: Path | None = None) -> str:
    with pytest.raises(EvaluationError) as found:
        read_submission(path, labels, dataset=dataset, names=names)
    return str(found.value)


def test_unknown_and_ambiguous_photos(tmp_path: Path) -> None:
    path = write(tmp_path / "images.txt", images_text(random_cameras(["a.png", "x.png"])))
    place = f"{path}, line 4, collection 'toys', photo 'x.png'"
    assert refused(path).startswith(f"{place}: the labels (labels.csv) have no such photo in this collection.")
    labels = labels_of(("toys", "et", "1/x.png"), ("toys", "et", "2/x.png"), ("toys", "et", "a.png"))
    assert refused(path, labels).startswith(f"{place}: the name fits several photos of the labels: 1/x.png, 2/x.png.")


def test_timestamps_that_name_no_photo(tmp_path: Path) -> None:
    path = write(tmp_path / "camera.tum", tum_text(random_cameras(["a"]), ["12.5"]))
    expected = (
        f"{path}, line 2, collection 'toys', photo '12.5': no photo of the labels (labels.csv) in this collection"
    )
    assert refused(path).startswith(expected)


def test_a_photo_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "0" / "images.txt", images_text(random_cameras(["a.png", "images/a.png"])))
    expected = "line 4, collection 'toys', photo 'images/a.png': photo 'a.png' has a pose already in line 2."
    assert expected in refused(path)
    write(path, images_text(random_cameras(["a.png", "b.png"])))
    other = write(tmp_path / "1" / "images.txt", images_text(random_cameras(["c.png", "b.jpg"])))
    assert refused(tmp_path).startswith(
        f"{other}, line 4, collection 'toys', photo 'b.jpg': photo 'b.png' is in two clusters, '0' ({path}) and '1'."
    )


def test_collections_that_cannot_be_told(tmp_path: Path) -> None:
    path = write(tmp_path / "toys" / "0" / "images.txt", images_text(random_cameras(["a.png"])))
    for given in (tmp_path, path):
        assert refused(given, TWO).startswith(f"{given}: nothing for collection 'fox' of labels.csv.")
    other = write(tmp_path.parent / "other" / "images.txt", images_text(random_cameras(["a.png"])))
    assert "have 2 collections (toys, fox), and the folders below" in refused(other, TWO)
    assert refused(path, TWO, dataset="hill") == "labels.csv: no collection 'hill'. It has: toys, fox."
    write(tmp_path / "elsewhere" / "images.txt", images_text(random_cameras(["z.png"])))
    assert "elsewhere/images.txt: the labels" in refused(tmp_path, TWO)
    assert "photo 'z.png': the labels (labels.csv) have no such photo" in refused(tmp_path, TWO, dataset="toys")


def test_clusters_that_cannot_be_called_so(tmp_path: Path) -> None:
    write(tmp_path / "outliers" / "images.txt", images_text(random_cameras(["a.png"])))
    assert "a cluster can't be called 'outliers'" in refused(tmp_path)
    write(tmp_path / "x" / "toys" / "0" / "images.txt", images_text(random_cameras(["a.png"])))
    write(tmp_path / "x" / "0" / "images.txt", images_text(random_cameras(["b.png"])))
    write(tmp_path / "x" / "toys" / "1" / "images.txt", images_text(random_cameras(["c.png"])))
    first, second = (tmp_path / "x" / folder / "images.txt" for folder in ("toys/0", "0"))
    assert refused(tmp_path / "x").startswith(f"{second}: its cluster would be called '0', as that of {first} is.")


def test_names_where_they_cannot_serve(tmp_path: Path) -> None:
    names = write(tmp_path / "names", "a.png\n")
    model = write(tmp_path / "models" / "0" / "images.txt", images_text(random_cameras(["a.png"])))
    assert f"{model}: the format names its photos itself" in refused(model, names=names)
    write(tmp_path / "models" / "1" / "images.txt", images_text(random_cameras(["a.png"])))
    assert "2 files of poses, so one list of names" in refused(tmp_path / "models", names=names)


def test_malformed_files_name_their_collection(tmp_path: Path) -> None:
    path = write(tmp_path / "toys" / "images.txt", "1 2 0 0 0 1 2 3 1 a.png\n")
    write(tmp_path / "fox" / "images.txt", images_text(random_cameras(["a.png"])))
    assert refused(tmp_path, TWO).startswith(f"{path}, line 1, collection 'toys', photo 'a.png': the quaternion has")


def test_labels_of_other_tools(tmp_path: Path) -> None:
    cameras = random_cameras(["b.png", "a.png"])
    write(tmp_path / "et" / "images.txt", images_text(cameras))
    table = read_labels(tmp_path, dataset="toys")
    assert (table.dataset, table.scene, table.image) == (("toys", "toys"), ("et", "et"), ("b.png", "a.png"))
    np.testing.assert_allclose(table.center_in_world, cameras.center, atol=1e-10)
    found = read_submission(tmp_path, table)
    check_submission(table, found)
    np.testing.assert_array_equal(found.translation, table.translation)
    write(tmp_path / "kermit" / "images.txt", images_text(random_cameras(["a.png"])))
    with pytest.raises(EvaluationError, match=r"photo 'a\.png' is in two clusters, 'et'"):
        read_labels(tmp_path, dataset="toys")
    path = write(tmp_path / "camera.tum", tum_text(cameras, ["1", "2"]))
    with pytest.raises(EvaluationError, match=r"camera\.tum, collection 'toys': the trajectory names no photos"):
        read_labels(path, dataset="toys")
    table = read_labels(path, dataset="toys", names=write(tmp_path / "names", "b.png\na.png"))
    assert table.image == ("b.png", "a.png")
    csv = write(tmp_path / "labels.csv", HEADER + "toys,et,a.png,1;0;0;0;1;0;0;0;1,1;2;3\n")
    assert read_labels(csv, dataset="toys").image == read_poses(csv).image


def test_restrict(tmp_path: Path) -> None:
    table = replace(TWO, translation=np.arange(12.0).reshape(4, 3))
    found = restrict(table, "fox")
    assert (found.dataset, found.scene, found.image) == (("fox",) * 2, ("fox", "outliers"), ("a.png", "z.png"))
    assert (found.line, found.source) == ((4, 5), "labels.csv")
    np.testing.assert_array_equal(found.translation, table.translation[2:])
    with pytest.raises(EvaluationError, match=r"labels\.csv: no collection 'hill'. It has: toys, fox"):
        restrict(table, "hill")


def test_cameras_of_the_tests_are_cameras() -> None:
    cameras: Cameras = random_cameras(["a", "b"])
    rotation = cameras.cam_from_world[:, :, :3]
    np.testing.assert_allclose(np.linalg.det(rotation), 1)
    np.testing.assert_allclose((rotation @ cameras.center[:, :, None])[:, :, 0], -cameras.cam_from_world[:, :, 3])
