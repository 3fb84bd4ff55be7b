"""Points of tracks: right with right poses, robust against a wrong match, and dropped where they can't be trusted."""

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mapped_worlds import mapping_task, random_points
from pictures import camera
from predicted_worlds import ARC, POINTS, task, turned, views
from scenesort import colmap
from scenesort.geometry import Similarity, center_in_world
from scenesort.mapping.refinement.track_points import angles_deg, error_bounds_px, filter_points, triangulate
from scenesort.mapping.refinement.tracks import build_tracks


def tracks_of(of):
    return build_tracks(of.photos, of.geometries)


def test_points_are_where_they_are():
    tracks = tracks_of(task(noise_px=0.0))
    np.testing.assert_allclose(triangulate(views(), tracks), POINTS, atol=1e-6)
    noisy = triangulate(views(), tracks_of(task(noise_px=0.5)))
    assert np.linalg.norm(noisy - POINTS, axis=1).max() < 0.06


def test_distorted_cameras_are_no_problem():
    of = dataclasses.replace(camera(), model="SIMPLE_RADIAL", params=(600.0, 320.0, 240.0, -0.2))
    distorted = views(cameras=[of] * 7)
    tracks = tracks_of(task(noise_px=0.0))
    pixels = tracks.points_px.copy()
    for row, pose in enumerate(ARC):
        own = tracks.photo == row
        local = POINTS[tracks.track[own]] @ pose[:, :3].T + pose[:, 3]
        pixels[own] = colmap.pixels_from_points(of, local)
    bent = dataclasses.replace(tracks, points_px=pixels)
    found = triangulate(distorted, bent)
    np.testing.assert_allclose(found, POINTS, atol=1e-5)
    assert distorted.errors_px(bent, found).max() < 0.01


def test_a_wrong_match_does_not_pull_the_point():
    tracks = tracks_of(task(noise_px=0.0))
    pixels = tracks.points_px.copy()
    pixels[tracks.photo == 3] += [40.0, -25.0]
    wrong = dataclasses.replace(tracks, points_px=pixels)
    found = triangulate(views(), wrong)
    assert np.linalg.norm(found - POINTS, axis=1).max() < 0.01
    kept, _, old = filter_points(views(), wrong, found, 4.0, 1.5)
    assert 3 not in kept.photo
    assert len(old) == len(POINTS)


@settings(max_examples=20)
@given(st.floats(0.01, 100.0), st.integers(0, 1000))
def test_points_move_with_the_world(scale, seed):
    rng = np.random.default_rng(seed)
    of = Similarity(scale, turned(rng.normal(0, 1, 3)), rng.normal(0, 5, 3))
    tracks = tracks_of(mapping_task(ARC[:3], POINTS[:20], noise_px=1.0))
    still, elsewhere = triangulate(views(ARC[:3]), tracks), triangulate(views(of.apply_to_poses(ARC[:3])), tracks)
    np.testing.assert_allclose(elsewhere, of.apply_to_points(still), atol=1e-5 * scale)


def test_angles_are_those_between_the_rays():
    tracks = tracks_of(task(noise_px=0.0))
    angles = angles_deg(views(), tracks, POINTS)
    toward = POINTS[:, None] - center_in_world(ARC)
    toward /= np.linalg.norm(toward, axis=2, keepdims=True)
    exact = np.degrees(np.arccos(np.einsum("pid,pjd->pij", toward, toward).min(axis=(1, 2)).clip(-1, 1)))
    np.testing.assert_allclose(angles, exact, rtol=0.02)
    assert len(angles_deg(views(), tracks_of(task(points=POINTS[:0])), np.zeros((0, 3)))) == 0


def test_points_without_parallax_or_behind_a_camera_are_dropped():
    near = np.array([np.column_stack([ARC[0][:, :3], ARC[0][:, 3] + [0.05 * step, 0, 0]]) for step in range(3)])
    tracks = tracks_of(mapping_task(near, POINTS, noise_px=0.0))
    assert len(filter_points(views(near), tracks, POINTS, 4.0, 1.5)[0]) < 30
    assert len(filter_points(views(near), tracks, POINTS, 4.0, 0.1)[0]) == len(POINTS)
    same = np.array([ARC[0], ARC[0]])
    parallel = triangulate(views(same), tracks_of(mapping_task(same, POINTS, noise_px=0.0)))
    assert np.isnan(parallel).all() or len(filter_points(views(same), tracks, parallel, 4.0, 1.5)[0]) == 0
    behind = POINTS.copy()
    behind[:7] = center_in_world(ARC)[:, :] * 2
    kept, _, old = filter_points(views(), tracks_of(task(noise_px=0.0)), behind, 4.0, 1.5)
    assert set(range(7)).isdisjoint(old)
    assert len(kept) == len(POINTS) - 7


def test_the_bound_on_errors_grows_with_them():
    tracks = tracks_of(task())
    quiet = np.ones(len(tracks.photo))
    assert (error_bounds_px(views(), tracks, quiet, 4.0) == 4.0).all()
    assert (error_bounds_px(views(), tracks, 10 * quiet, 4.0) == 30.0).all()
    assert (error_bounds_px(views(), tracks, np.inf * quiet, 4.0) == 4.0).all()
    # A photo that is off keeps its observations, up to a twentieth of 640 px.
    off = np.where(tracks.photo == 2, 8.0, 1.0)
    assert set(error_bounds_px(views(), tracks, off, 4.0)[tracks.photo == 2]) == {24.0}
    assert set(error_bounds_px(views(), tracks, 50 * off, 4.0)[tracks.photo == 2]) == {150.0}
    assert set(error_bounds_px(views(), tracks, np.where(tracks.photo == 2, 90.0, 1.0), 4.0)) == {32.0, 4.0}


def test_more_points_than_noise():
    points = random_points(50, seed=3)
    tracks = tracks_of(mapping_task(ARC, points, noise_px=1.0))
    kept, found, _ = filter_points(views(), tracks, triangulate(views(), tracks), 4.0, 1.5)
    assert len(kept) == 50
    assert views().errors_px(kept, found).mean() < 1.6
