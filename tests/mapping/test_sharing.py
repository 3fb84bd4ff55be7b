"""Cameras shared or not: who may share, and which models are believed."""

import dataclasses

import numpy as np

from pictures import camera
from scenesort.mapping import choose, with_shared_cameras
from scenesort.types import MappingPhoto, PosedPhoto, PosedScene

NO_POINTS = np.zeros((0, 2))


def photo(name, of):
    return MappingPhoto(name, name, of, NO_POINTS)


def model(names, error_px, each=3):
    photos = tuple(PosedPhoto(name, camera(), 1, np.eye(3, 4), np.zeros((each, 2)), np.arange(each)) for name in names)
    points = np.zeros((each, 3))
    return PosedScene("", photos, points, points.astype(np.uint8), np.full(each, error_px))


def test_only_guessed_cameras_of_one_size_are_shared():
    photos = (
        photo("a", camera()),
        photo("b", camera(640, 480, 700.0)),
        photo("c", camera(320, 240)),
        photo("d", camera(has_focal_prior=True)),
        photo("e", camera(fixed=True)),
        photo("f", dataclasses.replace(camera(), model="PINHOLE")),
    )
    groups = {item.name: item.camera_group for item in with_shared_cameras(photos)}
    assert groups["a"] == groups["b"]
    assert len(set(groups.values())) == 5
    assert all(groups[name] == name for name in "cdef")
    assert with_shared_cameras(photos[1:]) is None
    assert with_shared_cameras(()) is None


def test_shared_cameras_win_unless_they_pose_fewer_or_fit_worse():
    own = [model("abcd", 1.0)]
    for shared, wins in (
        ([model("abcd", 1.0)], True),
        ([model("abcd", 1.04)], True),
        ([model("abcd", 1.1)], False),
        ([model("abc", 0.5)], False),
        ([model("abc", 1.0), model("cd", 1.0)], True),
        ([], False),
    ):
        assert (choose(own, shared) is shared) == wins
    shared = [model("abc", 9.0)]
    assert choose([], shared) is shared
