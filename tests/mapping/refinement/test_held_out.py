"""Held-out matches: apart from the rest, and an error that follows how wrong poses are."""

import dataclasses
import math

import numpy as np

from predicted_worlds import ARC, noisy, task, views
from scenesort.mapping.refinement import held_out
from scenesort.mapping.refinement.tracks import build_tracks

TASK = task(noise_px=0.5)
TRACKS = build_tracks(TASK.photos, TASK.geometries)


def keypoints(tracks):
    return {*zip(tracks.photo.tolist(), tracks.keypoint.tolist(), strict=True)}


def test_no_keypoint_is_on_both_sides():
    train, judging = held_out.split(TRACKS, 0.2, seed=0)
    assert keypoints(train).isdisjoint(keypoints(judging))
    assert keypoints(train) | keypoints(judging) == keypoints(TRACKS)
    assert 0.1 * len(TRACKS) < len(judging) < 0.3 * len(TRACKS)
    again, other = held_out.split(TRACKS, 0.2, seed=0)[1], held_out.split(TRACKS, 0.2, seed=1)[1]
    assert keypoints(again) == keypoints(judging) != keypoints(other)


def test_matches_of_held_out_keypoints_and_wrong_photos_are_gone():
    _, judging = held_out.split(TRACKS, 0.2, seed=0)
    wrong = np.array([row == 2 for row in range(7)])
    left = held_out.without(TASK.geometries, TASK.photos, judging, wrong)
    taken = keypoints(judging)
    rows = {photo.name: row for row, photo in enumerate(TASK.photos)}
    assert len(left) == 15
    for geometry in left:
        assert "02.jpg" not in geometry.pair
        for name, column in zip(geometry.pair, geometry.inlier_matches.T, strict=True):
            assert taken.isdisjoint((rows[name], keypoint) for keypoint in column.tolist())
    total = sum(geometry.num_inliers for geometry in left)
    assert total == 15 * (len(TRACKS) - len(judging))


def test_the_error_grows_with_that_of_the_poses():
    errors = [held_out.error_px(views(noisy(rotation_deg=deg, center=0)), TRACKS) for deg in (0, 0.5, 2, 8)]
    assert 0.3 < errors[0] < 0.8
    assert errors == sorted(errors)
    assert errors[3] > 10
    assert math.isnan(held_out.error_px(views(), held_out.split(TRACKS, 0.0, 0)[1]))


def test_one_photo_or_wrong_matches_do_not_decide_alone():
    base = held_out.error_px(views(), TRACKS)
    behind = ARC.copy()
    behind[0, :, 3] *= -1
    assert base < held_out.error_px(views(behind), TRACKS) < 10 * base
    pixels = TRACKS.points_px.copy()
    pixels[::50] += 1e6
    assert held_out.error_px(views(), dataclasses.replace(TRACKS, points_px=pixels)) < 2 * base
