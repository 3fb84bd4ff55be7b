"""Readings undo the conventions that they are named after, exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wrong_poses import WRONG, corrupt, make_world

from scenesort.errors import OptionError
from scenesort.evaluation.conventions import AS_GIVEN, READINGS, find_reading, is_posed, read_as


def test_every_reading_but_the_first_has_its_convention_here() -> None:
    assert [reading.name for reading in READINGS] == ["as-given", *WRONG]
    assert READINGS[0] is AS_GIVEN


@pytest.mark.parametrize("name", WRONG)
@settings(max_examples=8)
@given(seed=st.integers(0, 10_000))
def test_converting_gives_back_the_poses(name: str, seed: int) -> None:
    _, right, _ = make_world(seed, num_photos=4)
    found = read_as(corrupt(right, WRONG[name]), {"park": find_reading(name)})
    np.testing.assert_allclose(found.rotation, right.rotation, atol=1e-9)
    np.testing.assert_allclose(found.translation, right.translation, atol=1e-9 * np.abs(right.translation).max())


@pytest.mark.parametrize("name", WRONG)
def test_readings_of_one_group_give_centres_alike(name: str) -> None:
    """Centres are equal up to a similarity where all distances are, and one is no mirror image of the other."""
    _, table, _ = make_world(3)
    reading = find_reading(name)
    first = next(other for other in READINGS if other.centers == reading.centers)
    ours = read_as(table, {"park": reading}).center_in_world
    others = read_as(table, {"park": first}).center_in_world
    distances = [np.linalg.norm(each[:, None] - each[None], axis=2) for each in (ours, others)]
    np.testing.assert_allclose(distances[0], distances[1], rtol=1e-9, atol=1e-9)
    volumes = [np.linalg.det(each[1:4] - each[0]) for each in (ours, others)]
    assert volumes[0] == pytest.approx(volumes[1])


def test_half_turns_have_quaternions_too() -> None:
    """A half turn's quaternion has w = 0, where the common formula divides by nothing."""
    _, table, _ = make_world(0, num_photos=3)
    half_turns = np.array([np.diag(row) for row in ([1, -1, -1], [-1, 1, -1], [-1, -1, 1])] * 2, dtype=float)
    table = corrupt(table, lambda R, t: (np.eye(3), t))
    table.rotation[:] = half_turns
    found = read_as(table, {"park": find_reading("w-last")}).rotation
    # (0, 1, 0, 0), read with w last, is the quaternion (0, 0, 1, 0): half a turn about y.
    np.testing.assert_allclose(found[0], np.diag([-1.0, 1.0, -1.0]), atol=1e-12)
    np.testing.assert_allclose(found[1], np.diag([-1.0, -1.0, 1.0]), atol=1e-12)
    np.testing.assert_allclose(found[2], np.eye(3), atol=1e-12)


def test_rows_without_a_pose_and_other_collections_stay() -> None:
    _, table, _ = make_world(1, datasets=("park", "town"))
    table.rotation[0], table.translation[0] = np.nan, np.nan
    table.translation[1, 2] = np.inf
    found = read_as(table, {"town": find_reading("camera-to-world"), "elsewhere": find_reading("opengl")})
    in_park = np.array(table.dataset) == "park"
    np.testing.assert_array_equal(found.rotation[in_park], table.rotation[in_park])
    assert not np.allclose(found.rotation[~in_park], table.rotation[~in_park])
    found = read_as(table, {"park": find_reading("camera-to-world")})
    np.testing.assert_array_equal(found.rotation[:2], table.rotation[:2])
    np.testing.assert_array_equal(found.translation[:2], table.translation[:2])
    assert is_posed(table).tolist()[:3] == [False, False, True]


def test_unknown_readings_are_named() -> None:
    with pytest.raises(OptionError, match=r"no reading 'open-gl' \(did you mean 'opengl'\?\); choose from: as-given, "):
        find_reading("open-gl")
