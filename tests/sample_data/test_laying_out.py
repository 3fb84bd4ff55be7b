"""Sets as folders: tables that the metric reads, thresholds with a known answer, a text on where photos are from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_world import any_pose, camera_text, images_text, photo, ring
from scenesort import evaluation
from scenesort.errors import SampleDataError
from scenesort.evaluation.tables import read_thresholds
from scenesort.geometry import Similarity, rotation_from_quaternion
from scenesort.photos import find_photos
from scenesort.sample_data import laying_out
from scenesort.sample_data.entries import SampleSet, Source
from scenesort.sample_data.laying_out import Part, camera_spread, lay_out


def make(name: str, layout: str, folder: Path, truth: str = "tests") -> Part:
    source = Source("original", f"https://example.org/{name}", (), layout, "tests", note="small")
    entry = SampleSet(name, "a ring", 4, name, (source,), truth, "no terms", "tests", "Nobody 2026.")
    return Part(entry, source, folder)


def rings(folder: Path, name: str, count: int, radius: float) -> Part:
    """A set of `count` cameras on a circle, with a camera file a photo."""
    (folder / name).mkdir(parents=True)
    for index, pose in enumerate(ring(count, radius)):
        (folder / name / f"{index}.png").write_bytes(photo(100 * count + index))
        (folder / name / f"{index}.png.camera").write_text(camera_text(pose))
    return make(name, "camera files", folder / name)


def test_a_circle_has_its_radius_as_spread() -> None:
    assert camera_spread(ring(8, 3.0)) == pytest.approx(3.0)


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.01, 100))
def test_spread_moves_with_scale_and_not_with_place(seed: int, scale: float) -> None:
    poses = np.array([any_pose(seed + index) for index in range(5)])
    rng = np.random.default_rng(seed)
    moved = Similarity(scale, np.eye(3), rng.normal(size=3)).apply_to_poses(poses)
    assert camera_spread(moved) == pytest.approx(scale * camera_spread(poses), rel=1e-6)
    # One camera far away hardly counts.
    far = np.concatenate([ring(9), Similarity(1, np.eye(3), np.full(3, 1e6)).apply_to_poses(ring(1))])
    assert camera_spread(far) < 7


def test_a_pile_has_scenes_that_the_metric_scores_in_full(tmp_path: Path) -> None:
    target = tmp_path / "pile"
    target.mkdir()
    lay_out(target, "pile", [rings(tmp_path / "in", "one", 5, 2.0), rings(tmp_path / "in", "two", 6, 10.0)])
    labels, thresholds = target / "labels.csv", target / "thresholds.csv"
    found = read_thresholds(thresholds)
    np.testing.assert_allclose(found["pile", "two"], [0.05, 0.1, 0.2, 0.4, 0.8, 1.6], rtol=1e-6)
    np.testing.assert_allclose(found["pile", "one"], np.array([0.5, 1, 2, 4, 8, 16]) / 100 * 2, rtol=0.05)
    assert evaluation.score(labels, labels, thresholds).score == pytest.approx(100)
    photos = sorted(path.name for path in (target / "photos/pile").iterdir())
    assert photos == [*(f"one_{index}.png" for index in range(5)), *(f"two_{index}.png" for index in range(6))]
    rows = labels.read_text().splitlines()
    assert rows[0] == "dataset,scene,image,rotation_matrix,translation_vector"
    assert [row.split(",")[:3] for row in rows[5:7]] == [["pile", "one", "one_4.png"], ["pile", "two", "two_0.png"]]


def test_photos_without_a_pose_are_left_out_and_named(tmp_path: Path) -> None:
    folder, target = tmp_path / "in", tmp_path / "hall"
    (folder / "images").mkdir(parents=True)
    target.mkdir()
    for index in range(5):
        (folder / f"images/{index}.jpg").write_bytes(photo(index, "JPEG"))
    poses = dict(zip(["0.jpg", "1.jpg", "3.jpg"], ring(3), strict=True))
    (folder / "images.txt").write_text(images_text(poses))
    lay_out(target, "hall", [make("hall", "poses file", folder)])
    assert sorted(path.name for path in (target / "photos/hall").iterdir()) == list(poses)
    text = (target / "README.txt").read_text()
    assert "a ring; 3 photos" in text
    assert "photos without a true camera: images/2.jpg, images/4.jpg" in text
    assert "https://example.org/hall" in text
    assert "Nobody 2026." in text


def test_a_pile_with_photos_that_have_no_truth_has_no_tables(tmp_path: Path) -> None:
    target = tmp_path / "pile"
    target.mkdir()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/a.png").write_bytes(photo(1))
    lay_out(
        target,
        "pile",
        [rings(tmp_path / "in", "one", 3, 1.0), make("bare", "photos only", tmp_path / "bare", truth="")],
    )
    assert sorted(path.name for path in target.iterdir()) == ["README.txt", "photos", "set.json"]
    assert len(list((target / "photos/pile").iterdir())) == 4
    assert "can be sorted, not scored" in (target / "README.txt").read_text()


def test_what_cannot_be_scored_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(SampleDataError, match=r"2 photos came with a true camera, where 4 are\s+known"):
        lay_out(tmp_path / "a", "few", [rings(tmp_path / "in", "few", 2, 1.0)])
    (tmp_path / "b").mkdir()
    with pytest.raises(SampleDataError, match="one place"):
        lay_out(tmp_path / "b", "still", [rings(tmp_path / "in", "still", 4, 0.0)])


def test_disks_without_links_get_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(laying_out.os, "link", refuse)
    (tmp_path / "one").mkdir()
    lay_out(tmp_path / "one", "one", [rings(tmp_path / "in", "one", 3, 1.0)])
    assert (tmp_path / "one/photos/one/2.png").read_bytes() == photo(302)


def test_the_photos_are_a_collection_that_a_run_can_read(tmp_path: Path) -> None:
    from scenesort.config import Options

    (tmp_path / "one").mkdir()
    lay_out(tmp_path / "one", "one", [rings(tmp_path / "in", "one", 3, 1.0)])
    found = find_photos(tmp_path / "one/photos/one", Options().photos)
    assert [item.name for item in found.photos] == ["0.png", "1.png", "2.png"]


def test_rotations_are_written_whole(tmp_path: Path) -> None:
    quaternion = np.array([0.3, -0.2, 0.9, 0.1])
    poses = ring(3).copy()
    poses[0, :, :3] = rotation_from_quaternion(quaternion)
    folder, target = tmp_path / "in", tmp_path / "one"
    folder.mkdir()
    target.mkdir()
    for index, pose in enumerate(poses):
        (folder / f"{index}.png").write_bytes(photo(index))
        (folder / f"{index}.png.camera").write_text(camera_text(pose))
    lay_out(target, "one", [make("one", "camera files", folder)])
    first = (target / "labels.csv").read_text().splitlines()[1].split(",")
    np.testing.assert_allclose(np.array(first[3].split(";"), dtype=float).reshape(3, 3), poses[0, :, :3], atol=1e-15)
