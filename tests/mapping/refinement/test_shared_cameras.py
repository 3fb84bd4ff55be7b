"""Who shares a camera, and what it starts from."""

import dataclasses

import pytest

from pictures import camera
from predicted_worlds import ARC, prediction, task, views
from scenesort.mapping.refinement.shared_cameras import with_cameras

FOCALS = (580.0, 590.0, 600.0, 610.0, 620.0, 630.0, 900.0)
CAMERAS = [camera(focal=focal) for focal in FOCALS]


def photos(group=None, **changed):
    found = list(task(group=group).photos)
    for row, of in changed.items():
        found[int(row[1:])] = dataclasses.replace(found[int(row[1:])], camera=of)
    return found


def started(of, intrinsics, confidence=None, cameras=CAMERAS):
    return with_cameras(views(ARC, cameras), of, prediction(ARC, cameras, confidence), intrinsics)


@pytest.mark.parametrize(
    ("group", "intrinsics", "count"),
    [(None, "scene", 1), (None, "group", 7), (None, "free", 7), ("one", "group", 1), ("one", "free", 7)],
)
def test_sharing_is_as_asked_for(group, intrinsics, count):
    found = started(photos(group), intrinsics)
    assert len(set(found.camera_ids)) == count
    assert len(set(found.cameras)) == count
    if count == 7:
        assert [of.params[0] for of in found.cameras] == list(FOCALS)


def test_a_shared_camera_starts_at_the_weighted_median():
    assert started(photos(), "scene").cameras[0].params[0] == 610.0
    assert started(photos(), "scene", confidence=[1, 0, 0, 0, 0, 0, 0]).cameras[0].params[0] == 580.0
    assert started(photos(), "scene", confidence=[0] * 7).cameras[0].params[0] == 610.0


def test_other_frames_and_cameras_known_from_exif_or_the_user_do_not_join():
    known = camera(focal=500.0, has_focal_prior=True)
    given = camera(focal=700.0, fixed=True)
    small = camera(320, 240, 300.0)
    of = photos(_1=known, _2=given, _3=small)
    cameras = list(CAMERAS)
    cameras[2], cameras[3] = given, small
    found = started(of, "scene", cameras=cameras)
    assert len({found.camera_ids[row] for row in (0, 1, 2, 3)}) == 4
    assert found.camera_ids[0] == found.camera_ids[4]
    assert found.cameras[1] == known
    assert found.cameras[2] == given


def test_the_model_is_the_tasks_and_lengths_are_the_predictions():
    radial = dataclasses.replace(camera(), model="OPENCV", params=(1.0, 1.0, 2.0, 2.0, 0.1, 0.2, 0.0, 0.0))
    found = started(photos(_0=radial), "free").cameras[0]
    assert found.model == "OPENCV"
    assert found.params == (580.0, 580.0, 320.0, 240.0, 0.1, 0.2, 0.0, 0.0)
    wide = dataclasses.replace(camera(), model="PINHOLE", params=(590.0, 610.0, 321.0, 241.0))
    assert started(photos(), "free", cameras=[wide] * 7).cameras[0].params == (600.0, 321.0, 241.0)
    assert started(photos(_0=radial), "free", cameras=[wide] * 7).cameras[0].params[:4] == (590.0, 610.0, 321.0, 241.0)
