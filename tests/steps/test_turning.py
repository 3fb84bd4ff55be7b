"""Photos turned against their neighbours are found, matched upright, and posed in their stored pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import scenesort
from rendered import QUICK
from scenesort import synthetic
from scenesort.config import Options, preset, with_values
from scenesort.execution import WorkerPool
from scenesort.geometry import rotation_angle_deg
from scenesort.photos import find_photos
from scenesort.progress import Silent
from scenesort.steps import Context, find_turns
from scenesort.types import PhotoSet
from scenesort.workspace import Workspace

STORED_TURNS = (0, 1, 0, 2, 0, 3)
"""By photo of the walk: clockwise quarter turns that took the upright photo to the stored pixels."""
ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def scene():
    """Six photos of a street, upright."""
    return synthetic.make_scene(
        synthetic.SceneSpec("lane", "street", 12, len(STORED_TURNS), width_px=512, height_px=384, focal_ratio=0.9)
    )


@pytest.fixture(scope="module")
def folder(scene, tmp_path_factory):
    """The photos of the street, stored with their turns."""
    made = tmp_path_factory.mktemp("turned") / "lane"
    made.mkdir()
    for index, (photo, turns) in enumerate(zip(scene, STORED_TURNS, strict=True)):
        Image.fromarray(np.rot90(photo.image, k=-turns)).save(made / f"{index}.png")
    return made


@pytest.fixture
def context(tmp_path, needs_weights):
    needs_weights("xfeat")
    with Workspace.open(tmp_path / "out") as workspace, WorkerPool(1) as pool:
        yield Context(workspace, pool, Options(), "cpu", Silent())


def turns_of(photos: PhotoSet) -> list[int]:
    return [photo.quarter_turns for photo in photos.photos]


def test_each_photo_is_turned_back_and_most_stay_as_they_are(context, folder):
    photos = find_turns(context, find_photos(folder, context.options.photos))
    assert turns_of(photos) == [-turns % 4 for turns in STORED_TURNS]
    assert context.notices == ["3 photos lie turned against their neighbours, '1.png' first: matched upright"]
    assert {stage.name.partition(" ")[0] for stage in context.stages} == {"turns"}


def test_the_work_is_kept(context, folder):
    found = find_photos(folder, context.options.photos)
    first = find_turns(context, found)
    done = sum(stage.done for stage in context.stages)
    assert find_turns(context, found) == first
    assert sum(stage.done for stage in context.stages) == done > 0


def test_photos_that_know_their_upright_decide_which_way_is_up(context, scene, tmp_path):
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for index, turns in enumerate(STORED_TURNS):
        # One is stored upside down and says so; all others lie on the same side and say nothing.
        exif = Image.Exif()
        if turns == 2:
            exif[ORIENTATION] = 3
        stored = np.rot90(scene[index].image, k=-2 if turns == 2 else -1)
        Image.fromarray(stored).save(mixed / f"{index}.png", exif=exif)
    photos = find_turns(context, find_photos(mixed, context.options.photos))
    assert turns_of(photos) == [2 if turns == 2 else 3 for turns in STORED_TURNS]


def test_a_photo_that_is_gone_stays_as_it_is_and_so_does_a_lone_one(context, folder, tmp_path):
    found = find_photos(folder, context.options.photos)
    gone = PhotoSet(
        tuple(replace(photo, path=tmp_path / "gone") if photo.name == "1.png" else photo for photo in found.photos)
    )
    assert turns_of(find_turns(context, gone)) == [0, 0, 0, 2, 0, 1]
    alone = PhotoSet(found.photos[:1])
    assert find_turns(context, alone) is alone


@pytest.mark.parametrize("values", [{"photos.find_turns": False}, {"matching.mix": ("sift+nearest",)}])
def test_nothing_is_done_where_it_is_not_wanted_or_needed(context, folder, values):
    context.options = with_values(context.options, values)
    found = find_photos(folder, context.options.photos)
    assert find_turns(context, found) is found
    assert context.stages == []


@pytest.mark.parametrize("has_turns_found", [True, False])
def test_poses_are_those_of_the_stored_pixels(folder, scene, needs_weights, has_turns_found, tmp_path):
    needs_weights("xfeat")
    chosen = with_values(
        preset("fast"), {**QUICK, "matching.mix": ("xfeat+nearest",), "photos.find_turns": has_turns_found}
    )
    result = scenesort.run(folder, tmp_path / "out", options=chosen)
    posed = {photo.name: photo for scene in result.scenes for photo in scene.photos}
    if not has_turns_found:
        assert len(posed) < len(STORED_TURNS)
        return
    assert len(posed) == len(STORED_TURNS)
    true = {
        f"{index}.png": synthetic.turn_pose(photo.cam_from_world, turns)[:, :3]
        for index, (photo, turns) in enumerate(zip(scene, STORED_TURNS, strict=True))
    }
    first = posed["0.png"].cam_from_world[:, :3]
    for name, photo in posed.items():
        relative = photo.cam_from_world[:, :3] @ first.T
        assert rotation_angle_deg(relative, true[name] @ true["0.png"].T) < 2
        assert (photo.camera.width_px, photo.camera.height_px) == Image.open(folder / name).size
