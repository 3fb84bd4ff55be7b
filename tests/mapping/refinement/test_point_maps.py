"""Point maps at keypoints: bilinear, by confidence, and refused where they don't belong to the poses."""

import dataclasses
import re

import numpy as np
import pytest

from predicted_worlds import ARC, CELL_PX, POINTS, map_of_points, plane_map, prediction, task, views
from scenesort.mapping.refinement import point_maps
from scenesort.mapping.refinement.tracks import build_tracks
from scenesort.mapping.refinement.views import Views

TASK = task(noise_px=0.0)
TRACKS = build_tracks(TASK.photos, TASK.geometries)


def said(scale=1.0, poses=ARC, maps=None):
    maps = maps or [map_of_points(pose, scale=scale) for pose in poses]
    return point_maps.of_tracks(prediction(poses, point_maps=maps), views(poses), TRACKS)


def test_a_plane_is_met_exactly_between_the_cells():
    pose = ARC[2]
    pixels = np.random.default_rng(0).uniform([6, 6], [634, 474], (200, 2))
    found, confidence = point_maps.points_at(plane_map(pose, depth=5.0), pixels)
    local = found @ pose[:, :3].T + pose[:, 3]
    np.testing.assert_allclose(local[:, 2], 5.0, atol=1e-4)
    np.testing.assert_allclose(600 * local[:, :2] / local[:, 2:] + [320, 240], pixels, atol=0.01)
    np.testing.assert_allclose(confidence, 1.0)


def test_grids_that_are_turned_or_smaller_than_the_photo_are_read_through_their_transform():
    upright = plane_map(ARC[0])
    turned = dataclasses.replace(
        upright,
        points_xyz=np.rot90(upright.points_xyz).copy(),
        confidence=np.rot90(upright.confidence).copy(),
        frame_from_grid=np.array([[0.0, -CELL_PX, 640.0], [CELL_PX, 0.0, 0.0]]),
    )
    pixels = np.array([[100.0, 50.0], [333.3, 222.2]])
    expected = point_maps.points_at(upright, pixels)[0]
    np.testing.assert_allclose(point_maps.points_at(turned, pixels)[0], expected, atol=1e-4)
    half = dataclasses.replace(upright, points_xyz=upright.points_xyz[:24], confidence=upright.confidence[:24])
    found, confidence = point_maps.points_at(half, np.array([[100.0, 400.0], [-50.0, 10.0], [100.0, 100.0]]))
    assert np.isnan(found[:2]).all()
    assert confidence.tolist() == [0, 0, 1]


def test_cells_without_a_point_do_not_count_and_jumps_are_not_bridged():
    flat = plane_map(ARC[0])
    confidence = flat.confidence.copy()
    confidence[10, 10] = 0
    points = flat.points_xyz.copy()
    points[10, 10] = np.nan
    holed = dataclasses.replace(flat, points_xyz=points, confidence=confidence)
    found, sure = point_maps.points_at(holed, np.array([[108.0, 108.0], [105.0, 105.0]]))
    assert np.isfinite(found[0]).all()
    assert 0 < sure[0] < 1
    assert sure[1] == 0
    assert np.isnan(found[1]).all()
    near, far = plane_map(ARC[0], depth=2.0), plane_map(ARC[0], depth=40.0)
    right = np.arange(64)[None, :, None] > 31
    jump = dataclasses.replace(near, points_xyz=np.where(right, far.points_xyz, near.points_xyz))
    found, _ = point_maps.points_at(jump, np.array([[318.0, 240.0], [322.0, 240.0]]))
    depths = found @ ARC[0][2, :3] + ARC[0][2, 3]
    np.testing.assert_allclose(depths, [2.0, 40.0], atol=0.01)


def test_a_photo_that_says_otherwise_is_outvoted_and_confidence_weighs():
    points, confidence = said()
    wrong = points.copy()
    wrong[TRACKS.photo == 2] += 5.0
    right, swayed = (point_maps.robust_mean(TRACKS, found, confidence) for found in (points, wrong))
    assert np.median(np.linalg.norm(swayed - right, axis=1)) < 0.3
    alone = np.where(TRACKS.photo == 2, 1.0, 0.0)
    np.testing.assert_allclose(
        point_maps.robust_mean(TRACKS, wrong, alone), wrong[TRACKS.photo == 2], rtol=0, atol=1e-9
    )
    assert np.isnan(point_maps.robust_mean(TRACKS, points, np.zeros(len(points)))).all()


def test_maps_of_these_poses_are_fine():
    points, _ = said()
    assert point_maps.find_fault(views(), TRACKS, points, POINTS) is None
    unknown = POINTS.copy()
    unknown[:5] = np.nan
    assert point_maps.find_fault(views(), TRACKS, points, unknown) is None
    assert "no parallax" in point_maps.find_fault(views(), TRACKS, points, np.full_like(POINTS, np.nan))


@pytest.mark.parametrize("scale", [0.5, 1.5, 10.0])
def test_maps_of_another_scale_are_refused(scale):
    points, _ = said(scale)
    fault = point_maps.find_fault(views(), TRACKS, points, POINTS)
    assert float(re.search(r"are (.*) times as large", fault)[1]) == pytest.approx(scale, rel=0.1)


def test_maps_in_another_frame_are_refused():
    in_camera = []
    for pose in ARC:
        own = map_of_points(pose)
        local = own.points_xyz.reshape(-1, 3) @ pose[:, :3].T + pose[:, 3]
        in_camera.append(dataclasses.replace(own, points_xyz=local.reshape(own.points_xyz.shape).astype(np.float32)))
    points, _ = said(maps=in_camera)
    fault = point_maps.find_fault(views(), TRACKS, points, POINTS)
    assert "another frame" in fault or "times as large" in fault
    moved = [dataclasses.replace(map_of_points(pose), points_xyz=map_of_points(pose).points_xyz + 3.0) for pose in ARC]
    points, _ = said(maps=moved)
    assert "another frame" in point_maps.find_fault(views(), TRACKS, points, POINTS)


def test_a_prediction_without_maps_has_none():
    points, confidence = said(maps=[None] * 7)
    assert np.isnan(points).all()
    assert not confidence.any()
    assert "no point maps" in point_maps.find_fault(views(), TRACKS, points, POINTS)


def test_maps_follow_the_views_order():
    of = prediction(
        ARC[::-1],
        names=[f"{row:02d}.jpg" for row in range(6, -1, -1)],
        point_maps=[plane_map(pose) for pose in ARC[::-1]],
    )
    some = Views(("02.jpg",), ARC[2:3], views().cameras[:1], (1,))
    first = TRACKS.keep(TRACKS.photo > 4, np.ones(len(TRACKS), dtype=bool))[0]
    only = dataclasses.replace(first, photo=np.where(first.photo == 5, 0, 1))
    found, _ = point_maps.of_tracks(of, some, only)
    local = found[only.photo == 0] @ ARC[2][:, :3].T + ARC[2][:, 3]
    np.testing.assert_allclose(local[:, 2], 8.0, atol=1e-3)
