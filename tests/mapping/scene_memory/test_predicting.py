"""Scenes longer than a window: joined rightly, memory bounded, nothing joined silently wrong."""

import dataclasses

import numpy as np
import pytest

from oracle_worlds import NO_IMAGE, inputs_of, links, oracle, photos_of, walk
from scenesort import geometry
from scenesort.errors import WeightsError
from scenesort.mapping.scene_memory import join, plan_window, predict_scene, shared_photos
from scenesort.synthetic.oracle import OracleNoise

NOISE = OracleNoise(rotation_deg=1.0, translation=0.02, focal=0.02, points=0.02)


def predict(model, views, window, overlap=8, said=None, inliers=None):
    loaded = []

    def load(name):
        loaded.append(name)
        return NO_IMAGE

    said = [] if said is None else said
    found = predict_scene(
        model,
        photos_of(views),
        links(views) if inliers is None else inliers,
        load,
        window_photos=window,
        overlap_photos=overlap,
        tell=said.append,
    )
    return found, said, loaded


def aligned_errors(scene, views):
    """Distances of centres from the truth, as shares of the walk's extent, after the best similarity of all."""
    found = geometry.center_in_world(np.array([photo.cam_from_world for photo in scene.photos]))
    truth = geometry.center_in_world(np.array([views[photo.name].cam_from_world for photo in scene.photos]))
    a, b = found - found.mean(axis=0), truth - truth.mean(axis=0)
    rotation = geometry.nearest_rotation(b.T @ a)
    scale = np.sum(b * (a @ rotation.T)) / np.sum(a * a)
    return np.linalg.norm(scale * a @ rotation.T - b, axis=1) / np.linalg.norm(b, axis=1).max()


@pytest.mark.parametrize("incremental", [False, True])
def test_windows_of_an_exact_model_join_exactly(incremental):
    views = walk(40)
    (scene,), said, _ = predict(oracle(views, OracleNoise(), incremental), views, 12)
    assert {photo.name for photo in scene.photos} == set(views)
    assert aligned_errors(scene, views).max() < 1e-6
    assert said == []
    for photo in scene.photos:
        depth = photo.point_map.points_xyz @ photo.cam_from_world[2, :3] + photo.cam_from_world[2, 3]
        ratio = depth / views[photo.name].depth_m
        assert np.ptp(ratio) < 1e-3 * ratio.mean()


def test_drift_over_300_photos_is_bounded():
    views = walk(300)
    (scene,), _, _ = predict(oracle(views, NOISE), views, 40)
    assert len(scene.photos) == 300
    assert aligned_errors(scene, views).max() < 0.03


def test_wrong_photos_among_the_shared_do_not_spoil_a_join():
    views = walk(60)
    (scene,), _, _ = predict(oracle(views, dataclasses.replace(NOISE, outliers=0.1), seed=2), views, 20, overlap=10)
    assert np.median(aligned_errors(scene, views)) < 0.03


def test_windows_that_disagree_become_models_of_their_own_and_it_is_said():
    views = walk(30)
    found, said, _ = predict(oracle(views, OracleNoise(outliers=1.0)), views, 12)
    assert len(found) > 1
    assert any("a model of their own" in sentence for sentence in said)


def test_memory_that_runs_out_halves_the_window():
    views = walk(40)
    (scene,), said, loaded = predict(oracle(views, OracleNoise(fits_photos=12)), views, 40)
    assert len(scene.photos) == 40
    assert aligned_errors(scene, views).max() < 1e-6
    assert "ran out of memory with 40 photos at once: going on with 20" in said[0]
    assert "going on with 10" in said[1]
    assert len(loaded) > 70


def test_memory_too_small_for_any_window_is_a_clear_error():
    views = walk(6)
    with pytest.raises(WeightsError, match="ran out of memory with 3 photos at once"):
        predict(oracle(views, OracleNoise(fits_photos=1)), views, 6)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    views = walk(6)
    with pytest.raises(WeightsError, match=r"knows nothing of photo '0003\.jpg'"):
        predict(oracle({name: view for name, view in views.items() if name != "0003.jpg"}, NOISE), views, 6)


@pytest.mark.parametrize("count", [1, 2])
def test_tiny_scenes(count):
    views = walk(count)
    (scene,), _, _ = predict(oracle(views, NOISE), views, 20)
    assert len(scene.photos) == count
    demanding = oracle(views, NOISE)
    type(demanding).least_photos, least = 3, type(demanding).least_photos
    try:
        with pytest.raises(WeightsError, match="poses at least 3 photos"):
            predict(demanding, views, 20)
    finally:
        type(demanding).least_photos = least


def test_a_join_needs_photos_that_agree():
    views = walk(6)
    first = oracle(views, OracleNoise()).predict(inputs_of(views)).photos
    second = oracle(views, OracleNoise(), seed=1).predict(inputs_of(views)).photos
    joined = join(shared_photos(first, second))
    assert joined.agreeing.all()
    moved = joined.b_from_a.apply_to_poses(np.array([photo.cam_from_world for photo in first]))
    np.testing.assert_allclose(moved, [photo.cam_from_world for photo in second], atol=1e-5)
    assert join(shared_photos(first[:1], second[:1])).b_from_a is None
    assert join(shared_photos(first, second[::-1])).b_from_a is None


def test_the_window_is_as_large_as_memory_allows():
    def needs(photos, side_px):
        return 1000.0 + 100 * photos

    def plan(free_mb, wanted=0):
        return plan_window("mast3r", needs, 60, side_px=0, least_photos=2, wanted=wanted, free_mb=free_mb)

    assert plan(None).photos == plan(10_000).photos == 60
    assert plan(10_000, 25).photos == 25
    assert plan(5000).photos == 35
    assert plan(5000).sentence == "mast3r needs about 7.0 GB at 60 photos a window; 5.0 GB are free: using 35"
    with pytest.raises(WeightsError, match=r"needs about 1\.2 GB for 2 photos at once, and 1\.0 GB are free"):
        plan(1000)
