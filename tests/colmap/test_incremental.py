"""The incremental mapper on known cameras: right poses, the same bytes twice, options that do what they say."""

import dataclasses

import numpy as np
import pycolmap
import pytest

from mapped_worlds import center_errors, mapping_task, poses_on_an_arc, random_points
from pictures import camera
from scenesort import work
from scenesort.colmap import write_database, write_model
from scenesort.execution import WorkerPool
from scenesort.types import MappingPhoto

TIMEOUT_S = 500
ARC = poses_on_an_arc(7)
POINTS = random_points(220)


@pytest.fixture(scope="module")
def mapped():
    """Map tasks in child processes, as a run does: COLMAP may hang or abort."""
    with WorkerPool(2) as pool:
        yield lambda *tasks: [
            outcome.result().models
            for outcome in pool.run(work.map_part, [work.MapJob(task) for task in tasks], timeout_s=TIMEOUT_S)
        ]


def model_bytes(scenes, folder):
    """Return the bytes of the model files of some scenes."""
    found = {}
    for index, scene in enumerate(scenes):
        target = folder / str(index)
        target.mkdir(parents=True)
        write_model(scene, target)
        found |= {(index, path.name): path.read_bytes() for path in target.iterdir()}
    return found


def test_cameras_are_where_they_are(mapped):
    ((scene,),) = mapped(mapping_task(ARC, POINTS, group="one"))
    assert [photo.name for photo in scene.photos] == [f"{row:02d}.jpg" for row in range(7)]
    # The cameras stand 8 units from the points' middle; keypoints are off by 0.2 px at a focal length of 600.
    assert center_errors(scene, ARC).max() < 0.02
    assert len(scene.points_xyz) > 0.95 * len(POINTS)
    assert scene.points_error_px.mean() < 0.5
    for photo in scene.photos:
        assert photo.keypoints_px.shape == (len(photo.point_index), 2)
        assert photo.point_index.max() < len(scene.points_xyz)
        rotation = photo.cam_from_world[:, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)


def test_points_lie_where_the_keypoints_say(mapped):
    ((scene,),) = mapped(mapping_task(ARC[:4], POINTS, group="one"))
    for photo in scene.photos:
        seen = scene.points_xyz[photo.point_index] @ photo.cam_from_world[:, :3].T + photo.cam_from_world[:, 3]
        assert (seen[:, 2] > 0).all()
        focal, x, y = photo.camera.params
        error = np.linalg.norm(focal * seen[:, :2] / seen[:, 2:] + [x, y] - photo.keypoints_px, axis=1)
        assert error.max() < 4
        assert np.median(error) < 0.5


def test_a_camera_group_is_one_camera(mapped):
    wrong = camera(focal=700.0)
    grouped, single, fixed = mapped(
        mapping_task(ARC, POINTS, group="one", known=wrong),
        mapping_task(ARC, POINTS, known=wrong),
        mapping_task(ARC, POINTS, group="one", known=camera(focal=640.0, fixed=True)),
    )
    assert len({photo.camera_id for photo in grouped[0].photos}) == 1
    assert len({photo.camera for photo in grouped[0].photos}) == 1
    assert len({photo.camera_id for photo in single[0].photos}) == 7
    # The focal length is found from a wrong guess, unless the user gave it.
    assert grouped[0].photos[0].camera.params[0] == pytest.approx(600, abs=6)
    assert not grouped[0].photos[0].camera.fixed
    assert fixed[0].photos[0].camera.params == (640.0, 320.0, 240.0)
    assert fixed[0].photos[0].camera.fixed


def test_models_smaller_than_asked_for_are_dropped(mapped):
    tasks = []
    for min_photos in (3, 4):
        large = mapping_task(ARC[:5], POINTS, min_photos=min_photos)
        small = mapping_task(ARC[:3], random_points(150, seed=1), prefix="small ")
        joined = {name: (*getattr(large, name), *getattr(small, name)) for name in ("photos", "geometries")}
        tasks.append(dataclasses.replace(large, **joined))
    assert [[len(scene.photos) for scene in found] for found in mapped(*tasks)] == [[5, 3], [5]]


def test_a_photo_that_nothing_ties_to_the_rest_gets_no_pose(mapped):
    ((scene,),) = mapped(mapping_task(ARC, POINTS, cut=(3,)))
    assert "03.jpg" not in [photo.name for photo in scene.photos]
    assert len(scene.photos) == 6


@pytest.mark.parametrize("attempt", [0, 1])
def test_the_same_input_gives_the_same_bytes(mapped, tmp_path, attempt):
    task = mapping_task(ARC, POINTS, reach=3, attempt=attempt)
    first, again = mapped(task, task)
    assert model_bytes(first, tmp_path / "a") == model_bytes(again, tmp_path / "b")


def test_a_large_model_is_the_same_twice(mapped, tmp_path):
    poses = poses_on_an_arc(16)
    task = mapping_task(poses, random_points(1650), reach=2, group="one")
    first, again = mapped(task, task)
    residuals = 2 * sum(len(photo.point_index) for photo in first[0].photos)
    assert residuals > 50_000, "COLMAP's bundle adjustment takes several threads above that"
    assert model_bytes(first, tmp_path / "a") == model_bytes(again, tmp_path / "b")
    assert center_errors(first[0], poses).max() < 0.05


@pytest.mark.parametrize("trial", [1, 2])
def test_every_trial_finds_the_cameras_on_a_path_of_its_own(mapped, trial):
    task = mapping_task(ARC, POINTS, reach=3, group="one")
    (first,), (other,) = mapped(task, dataclasses.replace(task, trial=trial))
    assert center_errors(other, ARC).max() < 0.02
    differences = [
        np.abs(one.cam_from_world - two.cam_from_world).max()
        for one, two in zip(first.photos, other.photos, strict=True)
    ]
    assert max(differences) > 0


def test_a_part_of_many_photos_is_as_precise(mapped):
    poses = poses_on_an_arc(44)
    ((scene,),) = mapped(mapping_task(poses, random_points(120), reach=4, group="one"))
    assert len(scene.photos) == 44
    assert center_errors(scene, poses).max() < 0.02


def test_the_database_holds_what_the_mapper_needs(tmp_path):
    task = mapping_task(ARC[:3], POINTS[:50], group="one", known=camera(fixed=True))
    photos = list(task.photos)
    photos.append(MappingPhoto("other.jpg", "other", camera(320, 240), np.zeros((0, 2))))
    assert write_database(tmp_path / "database.db", photos, task.geometries) == frozenset({1})
    with pycolmap.Database.open(tmp_path / "database.db") as database:
        images = {image.name: image for image in database.read_all_images()}
        assert {name: image.camera_id for name, image in images.items()} == {
            "00.jpg": 1,
            "01.jpg": 1,
            "02.jpg": 1,
            "other.jpg": 2,
        }
        np.testing.assert_allclose(database.read_keypoints(2)[:, :2], task.photos[1].keypoints_px, atol=1e-3)
        assert database.read_camera(2).width == 320
        assert len(database.read_matches(1, 3)) == 50
