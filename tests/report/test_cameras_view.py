"""The upright frame, frusta, colours and thumbnails."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cameras_made_up import STRANGER, UNPOSED, made_up_scene, made_up_thumbnails, ring, truth_alone
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scenesort.report.cameras_view import (
    MAX_THUMBNAIL_BYTES,
    MAX_THUMBNAIL_PX,
    TRUE_RGB,
    UNMEASURED_RGB,
    Thumbnail,
    describe,
    error_rgb,
    find_thumbnails,
    frustum_corners,
    frustum_depth,
    lay_out,
    scale_position,
    scale_rgb,
    upright_view,
)

# Machado, Oliveira and Fernandes 2009, full severity, for linear RGB.
COLOUR_VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda up: math.hypot(*up) > 0.1), st.integers(0, 5))
def test_up_is_found_even_if_a_camera_lay_on_its_side(up: tuple[float, float, float], turned: int) -> None:
    poses = ring(6, np.array(up))
    # A quarter turn of the camera about its view: x becomes y.
    poses[turned, :, :3] = poses[turned, :, :3] @ np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    view_from_world = upright_view(poses)
    rotation = view_from_world[:, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) > 0
    # Half a ring of tilted cameras: their mean axis is off the true one by a few degrees.
    assert (rotation @ np.array(up))[1] / np.linalg.norm(up) > math.cos(math.radians(20))


def test_a_full_ring_gives_up_exactly_and_cameras_look_away() -> None:
    poses = ring(7, np.array([0.0, 0, 1]), tilt_deg=40)
    full = np.concatenate([poses[:-1], poses[:-1] * [[-1, -1, 1, -1], [-1, -1, 1, -1], [1, 1, 1, 1]]])
    full[6:, :, :3] = np.array([np.diag([-1.0, -1, 1]) @ pose[:, :3] for pose in poses[:-1]])
    np.testing.assert_allclose(upright_view(full)[1, :3], [0, 0, 1], atol=1e-9)
    parallel = np.tile(np.column_stack([np.eye(3), np.zeros(3)]), (3, 1, 1))
    parallel[:, 0, 3] = [0, 1, 2]
    np.testing.assert_allclose(upright_view(parallel), np.column_stack([np.diag([1.0, -1, -1]), [-1, 0, 0]]))


def test_without_true_poses_the_axes_are_the_cameras() -> None:
    nothing = np.full((2, 3, 4), np.nan)
    np.testing.assert_allclose(upright_view(nothing)[:, :3], np.diag([1.0, -1, -1]))
    assert frustum_depth(nothing[:, :, 3]) == 1


@given(st.floats(1e-3, 1e3))
def test_frusta_grow_with_the_scene(scale: float) -> None:
    centers = ring(8, np.array([0.0, 1, 0]))[:, :, 3]
    depth = frustum_depth(centers)
    assert 0.3 < depth < 2
    assert frustum_depth(scale * centers) == pytest.approx(scale * depth)


def test_equal_centres_still_give_frusta() -> None:
    assert frustum_depth(np.zeros((4, 3))) > 0
    assert frustum_depth(np.array([[0.0, 0, 0], [0, 0, 0], [0, 0, 3]])) > 0


def test_frustum_opens_by_50_degrees_across_the_longer_side() -> None:
    for aspect in (1.5, 1 / 1.5):
        corners = frustum_corners(2.0, aspect)
        width, height = corners[2, 0] - corners[1, 0], corners[4, 1] - corners[1, 1]
        assert width / height == pytest.approx(aspect)
        assert math.degrees(2 * math.atan(max(width, height) / 2 / 2.0)) == pytest.approx(50)
        assert corners[5, 1] < corners[1, 1] < 0  # y is down: the roof is above the upper side


def test_layout_of_a_scene() -> None:
    scene = made_up_scene()
    view = lay_out(scene, made_up_thumbnails("gate_0.jpg", UNPOSED, STRANGER))
    drawn = {(camera.group, camera.photo): camera for camera in view.cameras}
    assert len(drawn) == 6 + 4 + 1
    assert {photo for group, photo in drawn if group == "estimated"} == {f"gate_{row}.jpg" for row in (0, 1, 2, 5)}
    pictured = {key for key, camera in drawn.items() if camera.thumbnail is not None}
    assert pictured == {("estimated", "gate_0.jpg"), ("true", UNPOSED), ("other", STRANGER)}
    assert {camera.rgb for camera in view.cameras if camera.group == "true"} == {TRUE_RGB}
    assert drawn["estimated", "gate_2.jpg"].rgb == scale_rgb(1.0)
    lengths = {join.photo: np.linalg.norm(join.ends[1] - join.ends[0]) for join in view.joins}
    assert lengths == pytest.approx({"gate_0.jpg": 0, "gate_1.jpg": 0.03, "gate_2.jpg": 0.6, "gate_5.jpg": 0}, abs=1e-9)
    # The view's origin is the middle of the scene, and positions are the true frame's, only turned.
    centers = np.array([camera.view_from_cam[:, 3] for camera in view.cameras if camera.group == "true"])
    np.testing.assert_allclose((centers.min(axis=0) + centers.max(axis=0)) / 2, 0, atol=2.5)
    true = scene.true_world_from_cam[:, :, 3]
    np.testing.assert_allclose(np.linalg.norm(centers[0] - centers[4]), np.linalg.norm(true[0] - true[4]))


def test_descriptions() -> None:
    assert describe(made_up_scene()) == (
        "6 photos: 3 of 4 estimated cameras of cluster scene_01 are nearer than 0.5 to their true places;"
        " 1 without a pose; 1 in other clusters; 1 from other scenes"
    )
    assert "no transform fits cluster scene_01" in describe(truth_alone())
    assert "no cluster holds any" in describe(replace(truth_alone(), cluster=None))


def test_colours_follow_the_logarithm_between_the_thresholds() -> None:
    thresholds = (0.01, 0.1, 1.0)
    assert [scale_position(error, thresholds) for error in (0.0, 0.01, 0.1, 1.0, 50.0)] == pytest.approx(
        [0, 0, 0.5, 1, 1]
    )
    assert scale_position(0.5, (0.0, 0.0, 0.0)) == 0
    assert scale_position(0.5, (0.2, 0.2, 0.2)) == 1
    assert error_rgb(math.nan, thresholds) == UNMEASURED_RGB


@pytest.mark.parametrize("vision", COLOUR_VISION)
def test_colours_can_be_told_apart(vision: str) -> None:
    colours = np.array([*(scale_rgb(step / 5) for step in range(6)), TRUE_RGB]) / 255
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    lab = to_lab(np.clip(linear @ np.array(COLOUR_VISION[vision]).T, 0, 1))
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + 100 * np.eye(len(lab))
    # 2.3 is just noticeable.
    assert distances.min() > 10


def to_lab(linear: np.ndarray) -> np.ndarray:
    xyz = linear @ np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]).T
    xyz /= [0.9505, 1.0, 1.089]
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = root[:, 0], root[:, 1], root[:, 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def test_thumbnails_are_found_and_the_others_named(tmp_path: Path) -> None:
    (tmp_path / "park").mkdir()
    Image.new("RGB", (800, 400), "red").save(tmp_path / "park" / "a.jpg")
    Image.new("RGB", (30, 60), "green").save(tmp_path / "b.png")
    (tmp_path / "c.jpg").write_bytes(b"not a photo")
    found, missing = find_thumbnails(tmp_path, "park", ["a.jpg", "b.png", "c.jpg", "d.jpg"])
    assert missing == ("c.jpg", "d.jpg")
    assert found["a.jpg"].pixels.shape == (80, MAX_THUMBNAIL_PX, 3)
    assert found["b.png"].pixels.shape == (60, 30, 3)
    assert found["a.jpg"].aspect == 2


def test_thumbnails_show_stored_pixels(tmp_path: Path) -> None:
    image = Image.new("RGB", (120, 60), "white")
    image.paste("red", (0, 0, 60, 60))
    for orientation in (1, 6, 2):
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(tmp_path / f"{orientation}.png", exif=exif)
    found, _ = find_thumbnails(tmp_path, "park", ["1.png", "6.png", "2.png"])
    np.testing.assert_array_equal(found["6.png"].pixels, found["1.png"].pixels)
    # Mirrored photos have poses of the upright frame.
    np.testing.assert_array_equal(found["2.png"].pixels, found["1.png"].pixels[:, ::-1])


def test_thumbnails_stay_small() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    encoded = Thumbnail(noise).jpeg()
    assert 5000 < len(encoded) <= MAX_THUMBNAIL_BYTES
    assert Thumbnail(noise).jpeg() == encoded
