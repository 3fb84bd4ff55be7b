"""The way back to the prediction's frame: exact for a similarity, robust against a photo that moved."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predicted_worlds import ARC, moved, turned
from scenesort.geometry import Similarity
from scenesort.mapping.refinement.frame import extent, predicted_from_adjusted


def similarity(scale, seed):
    rng = np.random.default_rng(seed)
    return Similarity(scale, turned(rng.normal(0, 1.5, 3)), rng.normal(0, 3, 3))


@settings(max_examples=25)
@given(st.floats(0.01, 100.0), st.integers(0, 10_000), st.integers(2, 7))
def test_a_similarity_is_undone(scale, seed, count):
    elsewhere = similarity(scale, seed).apply_to_poses(ARC[:count])
    back = predicted_from_adjusted(elsewhere, ARC[:count])
    np.testing.assert_allclose(back.apply_to_poses(elsewhere), ARC[:count], atol=1e-6)
    assert back.scale == pytest.approx(1 / scale, rel=1e-6)


def test_photos_that_moved_do_not_take_the_others_along():
    changed = ARC.copy()
    changed[3] = moved(ARC[3], rotation_deg=90.0, center=9.0)
    back = predicted_from_adjusted(similarity(0.3, 1).apply_to_poses(changed), ARC)
    found = back.apply_to_poses(similarity(0.3, 1).apply_to_poses(changed))
    others = [0, 1, 2, 4, 5, 6]
    np.testing.assert_allclose(found[others], ARC[others], atol=0.02)


def test_cameras_in_a_line_or_at_one_place_keep_their_turn():
    line = np.array([np.column_stack([ARC[0][:, :3], ARC[0][:, 3] + [step, 0, 0]]) for step in range(4)])
    elsewhere = similarity(2.0, 5).apply_to_poses(line)
    np.testing.assert_allclose(predicted_from_adjusted(elsewhere, line).apply_to_poses(elsewhere), line, atol=1e-6)
    place = np.array([np.column_stack([turned([0, 0.3 * step, 0]), np.zeros(3)]) for step in range(3)])
    back = predicted_from_adjusted(place, place)
    assert back.scale == 1.0
    np.testing.assert_allclose(back.apply_to_poses(place), place, atol=1e-9)


def test_extent_is_the_usual_distance_from_the_middle():
    assert extent(np.array([[0, 0, 0], [2, 0, 0], [1, 0, 0], [1, 100, 0]])) == pytest.approx(1.0)
    assert extent(np.zeros((0, 3))) == 0
