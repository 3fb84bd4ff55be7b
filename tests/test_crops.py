"""Crops of photos: what they hold, and that points of them come back to where they were."""

import numpy as np
import pytest

from pictures import blobs
from scenesort.crops import crop, crop_boxes, is_worthwhile, tiles

SIZE = (640, 480)


def test_a_box_holds_the_points_with_a_margin_and_leaves_strays_out():
    rng = np.random.default_rng(0)
    points = rng.uniform([200, 100], [300, 180], (200, 2))
    points[0] = [630, 470]
    box, whole = crop_boxes(points, rng.uniform(0, 1, (200, 2)) * SIZE, (SIZE, SIZE))
    left, top, right, bottom = box
    assert 140 <= left <= 200
    assert 300 <= right <= 360
    assert 40 <= top <= 100
    assert 180 <= bottom <= 240
    assert all(value % 40 == 0 for value in box)
    assert whole == (0, 0, *SIZE)


@pytest.mark.parametrize("points", [[(0.2, 0.3)], [(639.9, 479.9)], [(320.0, 240.0)] * 3])
def test_few_points_give_a_box_inside_the_photo(points):
    (left, top, right, bottom), _ = crop_boxes(np.array(points), np.array(points), (SIZE, SIZE))
    assert 0 <= left < right <= SIZE[0]
    assert 0 <= top < bottom <= SIZE[1]


def test_points_of_a_crop_come_back_to_the_photo():
    center = np.array([[333.3, 222.2]])
    image = blobs(SIZE[1], SIZE[0], center, 6.0)
    for side_px in (60, 120, 500):
        part, factor, start = crop(image, (280, 180, 400, 260), side_px)
        assert max(part.shape[:2]) == min(side_px, 240)
        rows, columns = np.mgrid[: part.shape[0], : part.shape[1]] + 0.5
        weight = np.clip(part[..., 0].astype(float) - 70, 0, None)
        found = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
        np.testing.assert_allclose(found * factor + start, center[0], atol=0.15)


def test_a_crop_is_worth_a_look_where_it_is_seen_larger():
    assert is_worthwhile((0, 0, 320, 240), SIZE, 1024, 1024)
    assert not is_worthwhile((0, 0, *SIZE), SIZE, 640, 640)
    assert is_worthwhile((0, 0, 2000, 1500), (4000, 3000), 1024, 1024)
    assert not is_worthwhile((0, 0, 4000, 3000), (4000, 3000), 1024, 1024)


def test_tiles_cover_a_photo_and_reach_into_each_other():
    found = tiles((1001, 700), 3)
    assert len(found) == 9
    seen = np.zeros((700, 1001), int)
    for left, top, right, bottom in found:
        assert 333 <= right - left <= 1001 / 3 + 2 * 42 + 2
        seen[top:bottom, left:right] += 1
    assert seen.min() == 1
    assert seen.max() == 4
