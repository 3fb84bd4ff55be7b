import numpy as np
import pytest

from scenesort.scenes import weakest_cut
from scenesort.scenes.look_alikes import shared_and_expected
from scenesort.types import Camera, PosedPhoto, PosedScene

CAMERA = Camera("SIMPLE_RADIAL", 640, 480, (600.0, 320.0, 240.0, 0.0))


def scene_of(points, cameras_x, observers, chance):
    """Cameras 8 units before a wall at z = 0, looking along +z; each sees most of what `observers` allows."""
    photos = []
    for row, x in enumerate(cameras_x):
        pose = np.hstack([np.eye(3), -np.array([[x], [0.0], [-8.0]])])
        in_camera = points @ pose[:, :3].T + pose[:, 3]
        pixels = in_camera[:, :2] / in_camera[:, 2:] * 600 + [320, 240]
        inside = np.all((pixels > 0) & (pixels < [640, 480]), axis=1)
        seen = np.flatnonzero(inside & observers[row] & (chance.random(len(points)) < 0.6))
        photos.append(PosedPhoto(f"{row:02d}.jpg", CAMERA, 1, pose, pixels[seen], seen))
    rgb = np.zeros((len(points), 3), dtype=np.uint8)
    return PosedScene("scene", tuple(photos), points, rgb, np.full(len(points), 0.5))


@pytest.fixture
def chance():
    return np.random.default_rng(3)


def wall(chance, count, low=-6.0, high=6.0):
    return np.column_stack(
        [chance.uniform(low, high, count), chance.uniform(-2, 2, count), chance.uniform(0, 0.5, count)]
    )


def test_one_place_has_no_weak_cut(chance):
    points = wall(chance, 1500)
    scene = scene_of(points, np.linspace(-3, 3, 12), np.ones((12, 1500), dtype=bool), chance)
    cut = weakest_cut(scene, min_photos=3)
    assert cut is not None
    assert cut.ratio > 0.8


def test_a_long_walk_has_no_weak_cut(chance):
    # Photos at the ends share nothing, and shouldn't: they have nothing in view together.
    points = wall(chance, 6000, -30, 30)
    scene = scene_of(points, np.linspace(-28, 28, 40), np.ones((40, 6000), dtype=bool), chance)
    cut = weakest_cut(scene, min_photos=3)
    assert cut is not None
    assert cut.ratio > 0.5


def test_two_places_in_one_model_are_cut_between_them(chance):
    points = wall(chance, 3000)
    observers = np.zeros((12, 3000), dtype=bool)
    first = np.array([0, 2, 4, 6, 8, 10])
    observers[np.ix_(first, np.arange(1500))] = True
    observers[np.ix_(first + 1, np.arange(1500, 3000))] = True
    observers[:, :20] = True  # the structure that looks alike
    cut = weakest_cut(scene_of(points, np.linspace(-3, 3, 12), observers, chance), min_photos=3)
    assert cut is not None
    assert cut.ratio < 0.05
    assert {cut.side, cut.other} == {
        tuple(f"{row:02d}.jpg" for row in first),
        tuple(f"{row:02d}.jpg" for row in first + 1),
    }


def test_too_few_photos_are_never_cut(chance):
    points = wall(chance, 500)
    scene = scene_of(points, np.linspace(-1, 1, 5), np.ones((5, 500), dtype=bool), chance)
    assert weakest_cut(scene, min_photos=3) is None


def test_counts_are_symmetric_and_shared_points_are_expected_ones(chance):
    points = wall(chance, 800)
    scene = scene_of(points, np.linspace(-4, 4, 7), np.ones((7, 800), dtype=bool), chance)
    shared, expected = shared_and_expected(scene)
    np.testing.assert_array_equal(shared, shared.T)
    np.testing.assert_array_equal(expected, expected.T)
    assert np.all(shared <= expected)
    assert np.all(np.diag(expected) == 0)
