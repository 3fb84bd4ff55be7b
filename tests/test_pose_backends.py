"""A whole run with a pose model as backend: where one scene fails, the other stands."""

import csv
import shutil

import pytest

import scenesort
from rendered import options
from scenesort.errors import OptionError, WeightsError

pytest_plugins = ["rendered"]


@pytest.fixture(scope="module")
def truth(pile, tmp_path_factory):
    """The pile's truth without the photos of the lane."""
    folder = tmp_path_factory.mktemp("truth")
    for name in ("cameras.csv", "depths.npz"):
        shutil.copy(pile.labels.parent / name, folder / name)
    with pile.labels.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row for row in rows if row["scene"] != "lane")
    (folder / "oracle.toml").write_text("rotation_deg = 1.0\ntranslation = 0.02\npoints = 0.02\n")
    return folder


def test_a_scene_that_fails_leaves_the_others_whole(pile, truth, cache, tmp_path):
    chosen = options(mapping__backend="oracle", pose_models__model=str(truth))
    result = scenesort.run(pile.photos, tmp_path / "out", options=chosen, cache=cache)
    (collection,) = result.collections.values()
    scene, lane = collection.scenes
    assert (lane.photos, sorted(lane.unposed)) == ((), pile.names("lane"))
    assert sorted(photo.name for photo in scene.photos) == pile.names("market")
    assert len(scene.points_xyz) > 100
    assert any("knows nothing of photo" in notice for notice in collection.notices)
    assert any("GB at" in notice for notice in collection.notices)


def test_a_scene_is_mapped_in_three_ways_and_the_healthiest_models_kept(pile, truth, cache, tmp_path):
    ways = {"mapping__start_with": "oracle", "mapping__compare_with": "oracle"}
    chosen = options(**ways, pose_models__model=str(truth))
    result = scenesort.run(pile.photos, tmp_path / "out", options=chosen, cache=cache)
    (collection,) = result.collections.values()
    members = [sorted(photo.name for photo in scene.photos) for scene in collection.scenes]
    assert sorted(members) == sorted([pile.names("market"), pile.names("lane")])
    told = [notice for notice in collection.notices if "health" in notice]
    assert sum("of incremental" in notice or "by incremental" in notice for notice in told) >= 2
    assert any("by oracle" in notice or "of oracle" in notice for notice in told)
    # The oracle knows nothing of the lane: its photos have the backend's poses.
    assert any("knows nothing of photo" in notice for notice in collection.notices)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"mapping__backend": "orcle"}, OptionError, "did you mean 'oracle'"),
        ({"mapping__backend": "oracle"}, WeightsError, r"set pose_models\.model"),
        ({"mapping__fill_with": "oracle", "pose_models__model": "/nowhere"}, WeightsError, "'/nowhere' is no folder"),
        ({"mapping__fill_with": "incremental"}, OptionError, "no pose_models member 'incremental'"),
        ({"mapping__start_with": "incremental"}, OptionError, "no pose_models member 'incremental'"),
        ({"mapping__compare_with": "incremental"}, OptionError, "the backend itself"),
        ({"mapping__backend": "mast3r"}, OptionError, "allows no commercial use"),
    ],
)
def test_mistakes_show_before_the_first_photo_is_read(pile, tmp_path, values, error, message):
    with pytest.raises(error, match=message):
        scenesort.run(pile.photos, tmp_path / "out", options=options(**values))
    assert not (tmp_path / "out").exists()
