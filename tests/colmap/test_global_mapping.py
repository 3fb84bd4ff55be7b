"""The global mapper on known cameras."""

import numpy as np
import pytest

from mapped_worlds import center_errors, mapping_task, poses_on_an_arc, random_points
from pictures import camera
from scenesort import work
from scenesort.execution import WorkerPool

TIMEOUT_S = 500
ARC = poses_on_an_arc(9)
POINTS = random_points(220)


@pytest.fixture(scope="module")
def mapped():
    """Map tasks in child processes, as a run does: COLMAP may hang or abort."""
    with WorkerPool(1) as pool:
        yield lambda *tasks: [
            outcome.result().models
            for outcome in pool.run(work.map_part, [work.MapJob(task) for task in tasks], timeout_s=TIMEOUT_S)
        ]


def test_cameras_are_where_they_are(mapped):
    ((scene,),) = mapped(mapping_task(ARC, POINTS, group="one", backend="global"))
    assert len(scene.photos) == len(ARC)
    # The cameras stand 8 units from the points' middle; keypoints are off by 0.2 px at a focal length of 600.
    assert center_errors(scene, ARC).max() < 0.05
    assert scene.photos[0].camera.params[0] == pytest.approx(600, abs=12)
    assert scene.points_error_px.mean() < 0.5


def test_a_focal_length_far_off_is_found_before_mapping(mapped):
    ((scene,),) = mapped(mapping_task(ARC, POINTS, group="one", known=camera(focal=1000.0), backend="global"))
    assert scene.photos[0].camera.params[0] == pytest.approx(600, abs=30)
    assert center_errors(scene, ARC).max() < 0.1


@pytest.mark.parametrize("robust_loss_px", [0.5, 0.0])
def test_intrinsics_that_the_user_gave_are_kept(mapped, robust_loss_px):
    known = camera(focal=600.0, fixed=True)
    task = mapping_task(ARC, POINTS, group="one", known=known, backend="global", robust_loss_px=robust_loss_px)
    ((scene,),) = mapped(task)
    assert {photo.camera for photo in scene.photos} == {known}
    assert center_errors(scene, ARC).max() < 0.05


def test_the_same_input_gives_the_same_models(mapped):
    task = mapping_task(ARC, POINTS, reach=3, backend="global")
    (first,), (again,) = mapped(task, task)
    for one, other in zip(first.photos, again.photos, strict=True):
        np.testing.assert_array_equal(one.cam_from_world, other.cam_from_world)
    np.testing.assert_array_equal(first.points_xyz, again.points_xyz)


def test_models_smaller_than_asked_for_are_dropped(mapped):
    (models,) = mapped(mapping_task(ARC[:4], POINTS, min_photos=5, backend="global"))
    assert models == []
