"""Focal lengths that can't be right are told, those of other lenses are not."""

import dataclasses

import numpy as np
import pytest

from pictures import camera, photo
from scenesort.mapping import doubted_focals
from scenesort.types import PosedPhoto, PosedScene


def scene_of(focals, ids=None, **known):
    """Return a scene of photos with these focal lengths, one camera each, and its photos as found."""
    names = [f"{row}.jpg" for row in range(len(focals))]
    posed = tuple(
        PosedPhoto(name, camera(focal=focal), row, np.eye(3, 4), np.zeros((0, 2)), np.zeros(0, np.int64))
        for name, focal, row in zip(names, focals, ids or range(len(focals)), strict=True)
    )
    nothing = np.zeros((0, 3))
    scene = PosedScene("x", posed, nothing, nothing.astype(np.uint8), np.zeros(0))
    return scene, {name: photo(name, camera=camera(focal=700.0, **known)) for name in names}


def test_one_far_from_all_others_is_doubted():
    (found,) = doubted_focals(*scene_of([600, 610, 590, 605, 600, 620, 1700]))
    assert (found.name, found.against) == ("6.jpg", "others of its size")
    assert found.factor == pytest.approx(1700 / 602.5)


def test_the_farthest_comes_first():
    found = doubted_focals(*scene_of([600, 610, 590, 605, 600, 620, 610, 605, 1100, 200]))
    assert [item.name for item in found] == ["9.jpg", "8.jpg"]


def test_a_second_lens_is_none_to_doubt():
    assert doubted_focals(*scene_of([600, 610, 590, 605, 600, 620, 1700, 1650])) == []


def test_few_others_or_others_that_differ_prove_nothing():
    assert doubted_focals(*scene_of([600, 610, 590, 605, 1700])) == []
    assert doubted_focals(*scene_of([600, 710, 890, 1005, 1100, 1320, 3700])) == []


def test_photos_of_one_camera_count_once():
    assert doubted_focals(*scene_of([600] * 6 + [1700], ids=[1, 1, 1, 1, 1, 1, 2])) == []


def test_exif_is_held_against_what_came_out():
    found = doubted_focals(*scene_of([720, 300], has_focal_prior=True))
    assert [(item.name, item.against) for item in found] == [("1.jpg", "EXIF")]
    assert found[0].factor == pytest.approx(300 / 700)


def test_fixed_cameras_are_never_doubted():
    scene, photos = scene_of([300], has_focal_prior=True)
    fixed = dataclasses.replace(scene.photos[0], camera=camera(focal=300, fixed=True))
    assert doubted_focals(dataclasses.replace(scene, photos=(fixed,)), photos) == []
