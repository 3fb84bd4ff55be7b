"""Photos that no model posed join the finished models, if many points prove their pose."""

import dataclasses

import numpy as np
import pytest

from mapped_worlds import center_errors, mapping_task, poses_on_an_arc, random_points
from pictures import camera
from scenesort import work
from scenesort.execution import WorkerPool

ARC = poses_on_an_arc(7)
POINTS = random_points(220)
LAST = "06.jpg"


@pytest.fixture(scope="module")
def mapped():
    with WorkerPool(2) as pool:
        yield lambda *tasks: [
            outcome.result().models
            for outcome in pool.run(work.map_part, [work.MapJob(task) for task in tasks], timeout_s=300)
        ]


def weakly_tied(shared, partners=6, min_inliers=10, group="one", known=None):
    """An arc whose last photo has so many matches with each of its nearest partners, and none with the others."""
    task = mapping_task(ARC, POINTS, group=group, known=known, fill_min_inliers=min_inliers)
    geometries = []
    for geometry in task.geometries:
        if LAST in geometry.pair:
            if int(geometry.pair[0][:2]) < 6 - partners:
                continue
            geometry = dataclasses.replace(geometry, inlier_matches=geometry.inlier_matches[:shared])
        geometries.append(geometry)
    return dataclasses.replace(task, geometries=tuple(geometries))


def names(models):
    return [[photo.name for photo in model.photos] for model in models]


def test_a_photo_with_few_matches_is_posed_once_the_model_stands(mapped):
    filled, strict = mapped(weakly_tied(20), weakly_tied(20, min_inliers=0))
    assert LAST not in names(strict)[0]
    assert LAST in names(filled)[0]
    assert center_errors(filled[0], ARC).max() < 0.1


def test_too_few_points_prove_no_pose(mapped):
    too_few, one_partner = mapped(weakly_tied(20, min_inliers=25), weakly_tied(9, partners=6))
    assert LAST not in names(too_few)[0]
    assert LAST not in names(one_partner)[0]


def test_a_camera_of_its_own_needs_the_usual_number(mapped):
    """Few points fix a pose, not a focal length as well, unless EXIF knows it."""
    own, with_exif = mapped(
        weakly_tied(20, group=None), weakly_tied(20, group=None, known=camera(has_focal_prior=True))
    )
    assert LAST not in names(own)[0]
    assert LAST in names(with_exif)[0]


def test_wrong_matches_pose_no_photo(mapped):
    task = weakly_tied(40)
    rng = np.random.default_rng(3)
    chance = rng.uniform([0, 0], [640, 480], (len(POINTS), 2))
    photos = tuple(
        dataclasses.replace(photo, keypoints_px=chance) if photo.name == LAST else photo for photo in task.photos
    )
    ((model, *_),) = mapped(dataclasses.replace(task, photos=photos))
    assert [photo.name for photo in model.photos] == [f"{row:02d}.jpg" for row in range(6)]


def test_models_are_not_joined(mapped):
    """Two arcs with weak ties: each photo is posed, so none is offered to the other's model."""
    first = mapping_task(ARC, POINTS, group="one", prefix="a")
    second = mapping_task(ARC, random_points(220, seed=5), group="two", prefix="b")
    tie = dataclasses.replace(
        first.geometries[0], pair=("a06.jpg", "b00.jpg"), inlier_matches=first.geometries[0].inlier_matches[:20]
    )
    task = dataclasses.replace(
        first, photos=first.photos + second.photos, geometries=(*first.geometries, *second.geometries, tie)
    )
    (models,) = mapped(task)
    assert sorted(names(models)) == [[f"{prefix}{row:02d}.jpg" for row in range(7)] for prefix in "ab"]
