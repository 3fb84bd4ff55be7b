"""Photos whose matches disagree are found, and too little to adjust with is too little."""

import numpy as np

from predicted_worlds import ARC, POINTS, moved, noisy, task, turned, views
from scenesort.geometry import center_in_world
from scenesort.mapping.refinement import grounding
from scenesort.mapping.refinement.pose_conventions import pair_tracks
from scenesort.mapping.refinement.tracks import build_tracks

TASK = task(noise_px=0.5)
MATCHES = pair_tracks(TASK.photos, TASK.geometries, seed=0, most=600)


def with_turned(poses, rows):
    changed = poses.copy()
    for row in rows:
        rotation = turned([0, np.radians(40), 0]) @ poses[row, :, :3]
        changed[row] = np.column_stack([rotation, -rotation @ center_in_world(poses[row])])
    return changed


def test_photos_with_wrong_poses_are_found():
    for rows in ([], [3], [0, 6]):
        wrong = grounding.disagreeing(views(with_turned(noisy(rotation_deg=0.5, center=0.05), rows)), MATCHES)
        assert np.flatnonzero(wrong).tolist() == rows


def test_coarse_poses_are_not_wrong_ones():
    for seed in range(3):
        assert not grounding.disagreeing(views(noisy(rotation_deg=3.0, center=0.3, seed=seed)), MATCHES).any()


def test_when_too_many_are_wrong_nobody_is():
    rng = np.random.default_rng(2)
    poses = np.array([moved(pose, 90.0, 3.0, rng) if row > 2 else pose for row, pose in enumerate(ARC)])
    assert grounding.disagreeing(views(poses), MATCHES).sum() <= 2


def test_groups_that_share_no_points_are_not_adjusted_together():
    tracks = build_tracks(TASK.photos, TASK.geometries)
    assert grounding.adjustable(7, tracks).all()
    # The first four photos see the first half of the points, the others the rest.
    own = (tracks.photo < 4) == (tracks.track < len(POINTS) // 2)
    apart, _ = tracks.keep(own, np.ones(len(tracks), dtype=bool))
    assert np.flatnonzero(grounding.adjustable(7, apart)).tolist() == [0, 1, 2, 3]


def test_photos_with_few_points_are_left_out():
    tracks = build_tracks(TASK.photos, TASK.geometries)
    few, _ = tracks.keep((tracks.photo != 5) | (tracks.track < 9), np.ones(len(tracks), dtype=bool))
    assert np.flatnonzero(~grounding.adjustable(7, few)).tolist() == [5]


def test_faults_say_what_is_missing():
    everyone, nobody = np.ones(7, dtype=bool), np.zeros(7, dtype=bool)
    assert grounding.find_fault(everyone, POINTS) is None
    assert "only 19 points" in grounding.find_fault(everyone, POINTS[:19])
    assert "no two photos" in grounding.find_fault(nobody, POINTS)
