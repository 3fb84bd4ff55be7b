import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scenesort.geometry import (
    Similarity,
    center_in_world,
    compose,
    frame_from_upright_px,
    invert,
    rotation_angle_deg,
    transform_points,
    upright_from_frame_px,
)

numbers = st.floats(-10, 10, allow_nan=False)
sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
turns = st.integers(0, 3)


def rotation_about(axis, angle_rad):
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle_rad) * cross + (1 - np.cos(angle_rad)) * cross @ cross


@st.composite
def rotations(draw):
    quaternion = draw(arrays(float, 4, elements=numbers).filter(lambda q: np.linalg.norm(q) > 1e-3))
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


@st.composite
def transforms(draw):
    return np.column_stack([draw(rotations()), draw(arrays(float, 3, elements=numbers))])


@st.composite
def similarities(draw):
    return Similarity(draw(st.floats(0.01, 100)), draw(rotations()), draw(arrays(float, 3, elements=numbers)))


points = arrays(float, (5, 3), elements=numbers)
identity = np.eye(4)[:3]


@given(transforms())
def test_inverse(a_from_b):
    np.testing.assert_allclose(compose(a_from_b, invert(a_from_b)), identity, atol=1e-9)
    np.testing.assert_allclose(invert(invert(a_from_b)), a_from_b, atol=1e-9)


@given(transforms(), transforms(), points)
def test_composition_is_one_after_the_other(a_from_b, b_from_c, points_c):
    both = transform_points(compose(a_from_b, b_from_c), points_c)
    np.testing.assert_allclose(both, transform_points(a_from_b, transform_points(b_from_c, points_c)), atol=1e-9)


@given(transforms(), transforms(), transforms())
def test_composition_is_associative(first, second, third):
    np.testing.assert_allclose(
        compose(compose(first, second), third), compose(first, compose(second, third)), atol=1e-8
    )


@given(transforms())
def test_centre_is_the_origin_of_the_camera(cam_from_world):
    centre = center_in_world(cam_from_world)
    np.testing.assert_allclose(transform_points(cam_from_world, centre[None]), np.zeros((1, 3)), atol=1e-9)


def test_batches_broadcast():
    rng = np.random.default_rng(0)
    batch = np.stack([np.column_stack([rotation_about(rng.normal(size=3), 1.0), rng.normal(size=3)]) for _ in range(4)])
    one = batch[2]
    np.testing.assert_allclose(compose(batch, one)[1], compose(batch[1], one))
    np.testing.assert_allclose(invert(batch)[3], invert(batch[3]))
    np.testing.assert_allclose(center_in_world(batch)[2], center_in_world(one))
    cloud = rng.normal(size=(6, 3))
    np.testing.assert_allclose(transform_points(batch, cloud)[2], transform_points(one, cloud))
    angles = rotation_angle_deg(batch[:, :, :3], one[:, :3])
    assert angles.shape == (4,)
    assert angles[2] == pytest.approx(0, abs=1e-6)


@given(rotations(), arrays(float, 3, elements=numbers).filter(lambda v: np.linalg.norm(v) > 1e-3), st.floats(0, 180))
def test_rotation_angle(R, axis, angle_deg):
    assert rotation_angle_deg(rotation_about(axis, np.radians(angle_deg)) @ R, R) == pytest.approx(angle_deg, abs=1e-5)


@pytest.mark.parametrize("angle_deg", [1e-9, 1e-6, 179.9999, 180.0])
def test_rotation_angle_is_exact_at_its_ends(angle_deg):
    R = rotation_about([1, 2, 3], np.radians(angle_deg))
    assert rotation_angle_deg(R, np.eye(3)) == pytest.approx(angle_deg, rel=1e-6)


@given(sizes, turns, arrays(float, (4, 2), elements=st.floats(0, 5000)))
def test_pixel_frames_round_trip(size, quarter_turns, points_px):
    there = upright_from_frame_px(points_px, size, quarter_turns)
    np.testing.assert_allclose(frame_from_upright_px(there, size, quarter_turns), points_px, atol=1e-9)


@given(st.integers(1, 7), st.integers(1, 7), turns)
def test_pixel_centres_follow_the_turned_picture(width, height, quarter_turns):
    frame = np.arange(width * height).reshape(height, width)
    upright = np.rot90(frame, k=-quarter_turns)
    rows, columns = np.indices(frame.shape).reshape(2, -1)
    centres = np.column_stack([columns, rows]) + 0.5
    x, y = (upright_from_frame_px(centres, (width, height), quarter_turns) - 0.5).astype(int).T
    np.testing.assert_array_equal(upright[y, x], frame[rows, columns])


@given(similarities(), points)
def test_similarity_inverse(b_from_a, points_a):
    back = b_from_a.inverse().apply_to_points(b_from_a.apply_to_points(points_a))
    np.testing.assert_allclose(back, points_a, atol=1e-6)


@given(similarities(), transforms(), points)
def test_similarity_moves_poses_with_the_points(b_from_a, cam_from_a, points_a):
    cam_from_b = b_from_a.apply_to_poses(cam_from_a)
    seen = transform_points(cam_from_b, b_from_a.apply_to_points(points_a))
    np.testing.assert_allclose(seen, b_from_a.scale * transform_points(cam_from_a, points_a), atol=1e-7)
    centre = b_from_a.apply_to_points(center_in_world(cam_from_a))
    np.testing.assert_allclose(center_in_world(cam_from_b), centre, atol=1e-7)
