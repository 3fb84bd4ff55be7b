"""COLMAP's triangulator on arrays: whole tracks from matches, and nothing where there is no parallax."""

import numpy as np

from mapped_worlds import mapping_task, random_points
from predicted_worlds import ARC
from scenesort.colmap import PosedKeypoints, triangulate_matches

POINTS = random_points(80)


def triangulated(poses=ARC, matched=ARC, cut=(), **values):
    task = mapping_task(matched, POINTS, noise_px=0.3, **values)
    photos = [
        PosedKeypoints(photo.name, photo.camera, 1, pose, photo.keypoints_px)
        for row, (photo, pose) in enumerate(zip(task.photos, poses, strict=True))
        if row not in cut
    ]
    return triangulate_matches(photos, task.geometries, max_error_px=4.0, min_angle_deg=1.5, seed=0)


def test_chained_matches_become_whole_tracks():
    found = triangulated(reach=1)
    assert len(found.points_xyz) == len(POINTS)
    # COLMAP follows matches over at most five photos, so a track may come in two parts that can't be merged.
    assert (np.bincount(found.point) == len(ARC)).mean() > 0.95
    firsts = np.searchsorted(found.point, np.arange(len(POINTS)))
    assert np.linalg.norm(found.points_xyz - POINTS[found.keypoint[firsts]], axis=1).max() < 0.2
    for point in range(len(POINTS)):
        assert len(set(found.keypoint[found.point == point])) == 1


def test_order_and_numbers_are_the_same_twice():
    first, again = triangulated(), triangulated()
    for name in ("photo", "keypoint", "point", "points_xyz"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    order = np.lexsort((first.photo, first.point))
    np.testing.assert_array_equal(order, np.arange(len(order)))


def test_photos_that_are_not_there_are_left_out():
    found = triangulated(cut=(6,))
    assert found.photo.max() == 5
    assert len(found.points_xyz) == len(POINTS)


def test_no_parallax_gives_no_points():
    still = np.array([ARC[0]] * 3)
    found = triangulated(still, still)
    assert len(found.points_xyz) == len(found.photo) == 0
    assert found.points_xyz.shape == (0, 3)
