import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scenesort.scenes import expected_points
from wall_world import facing, is_inside, model_of


def wall_points(count=300, seed=0):
    chance = np.random.default_rng(seed)
    return np.column_stack([chance.uniform(-3, 3, count), chance.uniform(-2, 2, count), np.zeros(count)])


def test_a_point_of_a_near_view_is_expected_and_of_a_far_one_is_not():
    points = wall_points()
    poses = [facing(0.0), facing(1.0), facing(7.0)]
    sees = np.zeros((3, len(points)), bool)
    sees[1] = True
    sees[2] = True
    near, _, far = expected_points(model_of(points, poses, sees))
    assert len(near.point) > 100
    assert set(near.reference.tolist()) == {1}
    assert not near.is_seen.any()
    assert np.all(near.angle_deg < 15)
    # Nobody stands near the third camera.
    assert len(far.point) == 0


def test_the_reference_is_the_nearest_view_and_matches_are_marked():
    points = wall_points()
    poses = [facing(0.0), facing(0.4), facing(1.2)]
    sees = np.ones((3, len(points)), bool)
    sees[0, ::2] = False
    first = expected_points(model_of(points, poses, sees))[0]
    is_second_outside = ~is_inside(points, poses[1], 2)
    assert np.all((first.reference == 1) | is_second_outside[first.point])
    np.testing.assert_array_equal(first.is_seen, first.point % 2 == 1)


def test_points_seen_from_far_closer_are_not_expected():
    points = wall_points()
    poses = [facing(0.0, -8.0), facing(0.0, -3.5)]
    sees = np.array([[False], [True]]) & np.ones((2, len(points)), bool)
    assert len(expected_points(model_of(points, poses, sees))[0].point) == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 6))
def test_expected_points_lie_in_the_frame_and_have_another_observer(seed, count):
    chance = np.random.default_rng(seed)
    points = wall_points(80, seed)
    poses = [facing(float(x)) for x in chance.uniform(-4, 4, count)]
    model = model_of(points, poses, chance.random((count, len(points))) < 0.5)
    for row, item in enumerate(expected_points(model)):
        assert np.all(is_inside(points[item.point], poses[row], 0))
        assert np.all(item.reference != row)
        for reference, point in zip(item.reference, item.point, strict=True):
            assert point in model.photos[reference].point_index
        np.testing.assert_array_equal(item.is_seen, np.isin(item.point, model.photos[row].point_index))
