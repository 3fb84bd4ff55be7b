"""Rendered photos with known cameras for the tests of pose models, and what is checked of every prediction."""

from __future__ import annotations

import numpy as np

from scenesort import synthetic
from scenesort.mapping.pose_models import PhotoInput
from scenesort.types import Camera

SIZES = ((101, 67), (67, 101), (83, 83), (97, 64))
"""Width and height of landscape, portrait and square photos, odd on purpose."""


def true_camera(width, height, focal_share=0.9):
    """A camera with its principal point in the middle, where most models put it."""
    focal = focal_share * max(width, height)
    return Camera("PINHOLE", width, height, (focal, focal, width / 2, height / 2))


def true_poses(count):
    """`cam_from_world` of cameras on an arc that look at one spot, 4 units away."""
    angles = np.radians(np.linspace(-40, 40, count))
    centers = np.stack([4 * np.sin(angles), -4 * np.cos(angles), 0.3 + 0.1 * np.arange(count)], axis=1)
    return [synthetic.look_at(center, np.array([0.0, 0.0, 0.0])) for center in centers]


def photo_inputs(sizes=SIZES, seed=0):
    """Photos of smooth noise: models of the tests don't look at them, real ones are random."""
    rng = np.random.default_rng(seed)
    photos = []
    for index, (width, height) in enumerate(sizes):
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        guess = Camera("SIMPLE_RADIAL", width, height, (1.2 * max(width, height), width / 2, height / 2, 0.0))
        photos.append(PhotoInput(f"photo{index}.jpg", image, guess))
    return photos


def rendered_inputs(count=4, width=160, height=120):
    """Rendered photos of one place, with the cameras that see them."""
    spec = synthetic.SceneSpec("place", "square", 5, num_photos=count, width_px=width, height_px=height)
    photos = synthetic.make_scene(spec)
    return [PhotoInput(f"{index}.jpg", photo.image, photo.camera) for index, photo in enumerate(photos)], photos


def true_depth(width, height):
    """A bumpy depth map (h, w), 3 to 5 units."""
    x, y = np.meshgrid(np.linspace(0, 3, width), np.linspace(0, 2, height))
    return 4 + 0.6 * np.sin(x) * np.cos(y)


def frame_points(point_map):
    """Centres of a point map's cells in the photo's frame, (h, w, 2) pixels."""
    height, width = point_map.confidence.shape
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.stack([x, y, np.ones_like(x)], axis=-1) @ point_map.frame_from_grid.T


def reprojection_px(prediction):
    """Distance in pixels of the frame between each cell's centre and its point, projected by pose and camera."""
    point_map, pose = prediction.point_map, prediction.cam_from_world
    fx, fy, cx, cy = prediction.camera.params
    points = point_map.points_xyz.astype(np.float64) @ pose[:, :3].T + pose[:, 3]
    pixels = points[..., :2] / points[..., 2:] * (fx, fy) + (cx, cy)
    kept = point_map.confidence > 0
    return np.linalg.norm(pixels - frame_points(point_map), axis=-1)[kept]


def check_contract(scene, photos):
    """What the contract promises of any prediction."""
    assert [one.name for one in scene.photos] == [photo.name for photo in photos]
    for one, photo in zip(scene.photos, photos, strict=True):
        height, width = photo.image.shape[:2]
        assert one.cam_from_world.shape == (3, 4)
        assert one.cam_from_world.dtype == np.float64
        rotation = one.cam_from_world[:, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(rotation) > 0
        assert (one.camera.width_px, one.camera.height_px) == (width, height)
        assert one.confidence >= 0
        cells = one.point_map
        assert cells.points_xyz.dtype == cells.confidence.dtype == np.float32
        assert cells.points_xyz.shape == (*cells.confidence.shape, 3)
        assert np.isfinite(cells.points_xyz).all()
        assert (cells.confidence >= 0).all()
        inside = frame_points(cells)
        assert inside.min() >= 0
        assert (inside <= (width, height)).all()


def shown(picture, camera, pose):
    """What a picture of a photo shows, by the photo's true camera and pose.

    Intrinsics (3, 3) in pixels of the picture, depth (h, w), points in the camera's frame and in the world (h, w, 3).
    """
    width, height = picture.size_px
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    frame = np.stack([x, y, np.ones_like(x)], axis=-1) @ picture.frame_from_grid.T
    depth = 4 + 0.6 * np.sin(frame[..., 0] / 17) * np.cos(frame[..., 1] / 13)
    fx, fy, cx, cy = camera.params
    local = np.stack([(frame[..., 0] - cx) / fx * depth, (frame[..., 1] - cy) / fy * depth, depth], axis=-1)
    world = (local - pose[:, 3]) @ pose[:, :3]
    affine = np.vstack([picture.frame_from_grid, [0, 0, 1]])
    intrinsics = np.linalg.inv(affine) @ np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    return intrinsics, depth, local, world


def sureness(height, width):
    """A confidence of each cell, no two alike."""
    return 0.5 + np.arange(height * width, dtype=np.float64).reshape(height, width) / (height * width)


def check_truth(scene, pictures, cameras, poses):
    """A prediction gives true poses, intrinsics and points to 1e-4, and the model's confidences."""
    for one, picture, camera, pose in zip(scene.photos, pictures, cameras, poses, strict=True):
        np.testing.assert_allclose(one.cam_from_world, pose, atol=1e-4)
        np.testing.assert_allclose(one.camera.params, camera.params, rtol=1e-4)
        _, _, _, world = shown(picture, camera, pose)
        np.testing.assert_allclose(one.point_map.points_xyz, world[picture.rows, picture.columns], atol=1e-4)
        expected = sureness(*world.shape[:2])[picture.rows, picture.columns]
        np.testing.assert_allclose(one.point_map.confidence, expected, rtol=1e-4)
        assert one.confidence > 0
        assert reprojection_px(one).max() < 0.02


def gradient_photo(width, height):
    """A photo whose red and green tell the place of a pixel's centre, as shares of 255 of width and height."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    return np.round(np.stack([x, y, np.full_like(x, 0.5)], axis=-1) * 255).astype(np.uint8)


def check_pixels(picture, width, height):
    """A picture of a gradient photo shows what its map to the frame says, but for rounding and borders."""
    part = picture.pixels[picture.rows, picture.columns].astype(np.float64)
    rows, columns = part.shape[:2]
    x, y = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    frame = np.stack([x, y, np.ones_like(x)], axis=-1) @ picture.frame_from_part.T
    inner = (slice(2, -2), slice(2, -2))
    read = part[..., :2] / 255 * (width, height)
    assert np.abs(read - frame)[inner].max() < 0.011 * max(width, height)
    # Rounding averages out: a shift of half a pixel would show.
    assert np.abs((read - frame)[inner].mean(axis=(0, 1))).max() < 0.1
