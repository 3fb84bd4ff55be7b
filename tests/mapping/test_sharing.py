"""Cameras shared or not: who may share, and which models are believed."""

import dataclasses

import numpy as np

from pictures import camera
from scenesort.mapping import choose, with_shared_cameras
from scenesort.types import MappingPhoto, PosedPhoto, PosedScene

NO_POINTS = np.zeros((0, 2))


def photo(name, of):
    return MappingPhoto(name, name, of, NO_POINTS)


def model(names, error_px, each=3, focals=(600.0,)):
    """Return a model; the cameras take the focal lengths in turn."""
    cameras = [camera(640, 480, focals[row % len(focals)]) for row in range(len(names))]
    photos = tuple(
        PosedPhoto(name, own, 1, np.eye(3, 4), np.zeros((each, 2)), np.arange(each))
        for name, own in zip(names, cameras, strict=True)
    )
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
    own = [model("abcd", 1.0, focals=(500.0, 800.0))]
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


def test_own_cameras_that_agree_lose_by_a_wider_margin():
    """The largest model's focal lengths tell, for each frame size."""
    shared = [model("abcd", 1.08)]
    small = model("cd", 1.0, focals=(300.0, 900.0))
    assert choose([model("abcd", 1.0, focals=(590.0, 610.0)), small], shared) is shared
    apart = [model("abcd", 1.0, focals=(500.0, 700.0))]
    assert choose(apart, shared) is apart
    agreeing = [model("abcd", 1.0)]
    assert choose(agreeing, [model("abcd", 1.2)]) is agreeing
