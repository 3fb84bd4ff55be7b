"""A textured wall seen by pinhole cameras: photos and models with everything known."""

from __future__ import annotations

import cv2
import numpy as np

from scenesort.types import Camera, PosedPhoto, PosedScene

CAMERA = Camera("SIMPLE_RADIAL", 320, 240, (300.0, 160.0, 120.0, 0.0))
TEXELS_PER_UNIT = 60
HALF_UNITS = 6.0


def texture(seed, blank=False):
    """A wall of 12 × 12 units, (720, 720) float32 grey values."""
    if blank:
        return np.full((720, 720), 120.0, np.float32)
    noise = np.random.default_rng(seed).normal(0, 1, (720, 720)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.float32)


def pose_at(x, y=0.0, z=-8.0, yaw_deg=0.0):
    """A camera before the wall at z = 0 that looks along +z, turned about the y axis."""
    angle = np.radians(yaw_deg)
    rotation = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
    center = np.array([x, y, z])
    return np.concatenate([rotation, (-rotation @ center)[:, None]], axis=1)


def facing(x, z=-8.0):
    """A camera at x that looks at the middle of the wall."""
    return pose_at(x, 0.0, z, float(np.degrees(np.arctan2(-x, -z))))


def photo_of(wall, pose):
    """What the camera sees of the wall, (240, 320) float32."""
    columns, rows = np.meshgrid(np.arange(320) + 0.5, np.arange(240) + 0.5)
    rays = np.stack([(columns - 160) / 300, (rows - 120) / 300, np.ones_like(columns)], axis=-1) @ pose[:, :3]
    center = -pose[:, :3].T @ pose[:, 3]
    on_wall = center + rays * (-center[2] / rays[..., 2])[..., None]
    texels = ((on_wall[..., :2] + HALF_UNITS) * TEXELS_PER_UNIT).astype(np.float32)
    return np.asarray(cv2.remap(wall, texels[..., 0], texels[..., 1], cv2.INTER_LINEAR), np.float32)


def pixels_of(points, pose):
    local = points @ pose[:, :3].T + pose[:, 3]
    return local[:, :2] / local[:, 2:] * 300 + (160, 120)


def is_inside(points, pose, margin_px=20):
    pixels = pixels_of(points, pose)
    return np.all((pixels > margin_px) & (pixels < np.array([320, 240]) - margin_px), axis=1)


def model_of(points, poses, sees, names=None):
    """A model whose photo i has matches at the points of `sees` (n, p) that are in its frame."""
    photos = []
    for row, pose in enumerate(poses):
        index = np.flatnonzero(sees[row] & is_inside(points, pose, 2))
        name = names[row] if names else f"{row:02d}.png"
        photos.append(PosedPhoto(name, CAMERA, row + 1, pose, pixels_of(points[index], pose), index))
    rgb = np.zeros((len(points), 3), np.uint8)
    return PosedScene("scene", tuple(photos), points, rgb, np.full(len(points), 0.5))
