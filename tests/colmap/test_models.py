"""Models on disk are what they were in memory, and COLMAP opens them."""

import dataclasses

import numpy as np
import pycolmap
import pytest

from mapped_worlds import poses_on_an_arc, projected, random_points
from pictures import camera
from scenesort.colmap import convert, read_model, write_model
from scenesort.types import Camera, PosedPhoto, PosedScene


@pytest.fixture(scope="module")
def scene():
    """Four photos, two of one camera; photo 2 misses every third point, point 5 is seen twice in photo 0."""
    poses, points = poses_on_an_arc(4), random_points(30)
    cameras = [
        (camera(has_focal_prior=True), 1),
        (Camera("OPENCV", 640, 480, (601.5, 602, 320, 240, 0.1, 0, 0, 0.01)), 7),
    ]
    photos = []
    for row, pose in enumerate(poses):
        index = np.arange(30)
        if row == 2:
            index = index[index % 3 > 0]
        if row == 0:
            index = np.append(index, 5)
        pixels = projected(pose, points, camera())[index] + 0.123456789
        photos.append(PosedPhoto(f"deep/ä {row}.jpg", *cameras[row % 2], pose, pixels, index[::-1].copy()))
    rgb = np.random.default_rng(0).integers(0, 255, (30, 3)).astype(np.uint8)
    return PosedScene("scene_01", tuple(photos), points, rgb, np.linspace(0.1, 2, 30))


def observations(scene):
    """Return (photo, keypoint, point's position) of every observation, in no order."""
    return sorted(
        (photo.name, *map(float, pixel), *map(float, scene.points_xyz[point]))
        for photo in scene.photos
        for pixel, point in zip(photo.keypoints_px, photo.point_index, strict=True)
    )


def test_a_model_reads_back_as_it_was_written(scene, tmp_path):
    write_model(scene, tmp_path)
    found = read_model(tmp_path, "scene_01")
    assert found.name == "scene_01"
    assert [photo.name for photo in found.photos] == [photo.name for photo in scene.photos]
    for photo, same in zip(found.photos, scene.photos, strict=True):
        # COLMAP's model files don't tell where a focal length comes from.
        assert photo.camera == dataclasses.replace(same.camera, has_focal_prior=False)
        assert photo.camera_id == same.camera_id
        np.testing.assert_allclose(photo.cam_from_world, same.cam_from_world, atol=1e-12)
    np.testing.assert_array_equal(found.points_xyz, scene.points_xyz)
    np.testing.assert_array_equal(found.points_rgb, scene.points_rgb)
    assert observations(found) == observations(scene)


def test_writing_what_was_read_gives_the_same_files(scene, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write_model(scene, tmp_path / "a")
    write_model(scene, tmp_path / "b")
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_colmap_opens_the_model(scene, tmp_path):
    write_model(scene, tmp_path)
    assert {"cameras.bin", "images.bin", "points3D.bin"} <= {path.name for path in tmp_path.iterdir()}
    opened = pycolmap.Reconstruction(tmp_path)
    assert opened.num_reg_images() == 4
    assert sorted(opened.cameras) == [1, 7]
    assert opened.num_points3D() == 30
    lengths = np.zeros(30, int)
    for photo in scene.photos:
        np.add.at(lengths, photo.point_index, 1)
    assert [opened.point3D(point).track.length() for point in range(1, 31)] == lengths.tolist()
    assert opened.point3D(1).error == pytest.approx(scene.points_error_px[0])


def test_tracks_list_each_points_observations(scene):
    found = convert.tracks(scene)
    for point, track in enumerate(found):
        expected = [
            [row, keypoint]
            for row, photo in enumerate(scene.photos)
            for keypoint in np.flatnonzero(photo.point_index == point)
        ]
        assert track.tolist() == expected


@pytest.mark.parametrize("points", [0, 2])
def test_a_scene_without_photos_has_empty_tracks(points):
    none = PosedScene("x", (), np.zeros((points, 3)), np.zeros((points, 3), np.uint8), np.zeros(points))
    assert [len(track) for track in convert.tracks(none)] == [0] * points
