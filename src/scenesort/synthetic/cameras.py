"""True cameras: poses that look at things, projection with lens distortion, turned frames.

Poses are `cam_from_world` (3, 4) float64 in OpenCV axes (x right, y down, z forward), in metres; pixels have (0, 0) at
the top-left corner of the top-left pixel. All cameras are COLMAP's SIMPLE_RADIAL (f, cx, cy, k).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from scenesort.types import Camera, Float32Array, FloatArray


def simple_radial(width_px: int, height_px: int, focal_px: float, k: float = 0.0) -> Camera:
    """A camera with its principal point in the middle."""
    return Camera("SIMPLE_RADIAL", width_px, height_px, (float(focal_px), width_px / 2, height_px / 2, float(k)))


def grid_camera(camera: Camera, cell_px: int) -> Camera:
    """The camera whose pixels are the whole cells of `cell_px` pixels of another."""
    focal, cx, cy, k = camera.params
    return Camera(
        camera.model,
        max(1, camera.width_px // cell_px),
        max(1, camera.height_px // cell_px),
        (focal / cell_px, cx / cell_px, cy / cell_px, k),
    )


def look_at(center: FloatArray, target: FloatArray, roll_deg: float = 0.0) -> FloatArray:
    """Pose (3, 4) of a camera at `center` that looks at `target` (world metres), rolled clockwise by `roll_deg`."""
    forward = np.asarray(target, np.float64) - center
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right = right / np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    angle = np.radians(roll_deg)
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    rotation = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]]) @ rotation
    return np.concatenate([rotation, (-rotation @ center)[:, None]], 1)


def center_in_world(cam_from_world: FloatArray) -> FloatArray:
    """Camera centre, (3,) in world metres."""
    center: FloatArray = -cam_from_world[:, :3].T @ cam_from_world[:, 3]
    return center


def project(points: FloatArray, cam_from_world: FloatArray, camera: Camera) -> tuple[FloatArray, FloatArray]:
    """Pixels (n, 2) and depths (n,) in metres of world points (n, 3); pixels of points behind the camera are nan."""
    focal, cx, cy, k = camera.params
    local = np.asarray(points, np.float64) @ cam_from_world[:, :3].T + cam_from_world[:, 3]
    depth: FloatArray = local[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        plane = np.where(depth[:, None] > 1e-9, local[:, :2] / depth[:, None], np.nan)
    radial = 1 + k * (plane**2).sum(1, keepdims=True)
    pixels: FloatArray = focal * plane * radial + (cx, cy)
    return pixels, depth


@lru_cache(maxsize=3)
def pixel_rays(camera: Camera, supersampling: int) -> tuple[Float32Array, Float32Array]:
    """Undistorted ray of every sub-pixel: x and y at z = 1, each (h, w) float32 of the supersampled size."""
    focal, cx, cy, k = camera.params
    x = ((np.arange(camera.width_px * supersampling) + 0.5) / supersampling - cx) / focal
    y = ((np.arange(camera.height_px * supersampling) + 0.5) / supersampling - cy) / focal
    distorted = np.hypot(x[None, :], y[:, None])
    radius = distorted.copy()
    for _ in range(8 if k else 0):  # Newton on r (1 + k r²) = distorted radius
        radius -= (radius * (1 + k * radius**2) - distorted) / (1 + 3 * k * radius**2)
    scale = np.divide(radius, distorted, out=np.ones_like(radius), where=distorted > 1e-12)
    rays = (scale * x[None, :]).astype(np.float32), (scale * y[:, None]).astype(np.float32)
    for part in rays:
        part.setflags(write=False)
    return rays


def turn_pose(cam_from_world: FloatArray, quarter_turns: int) -> FloatArray:
    """Pose of the frame whose pixels are the given frame's, turned clockwise by `quarter_turns` × 90 degrees."""
    turn = np.linalg.matrix_power(np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), quarter_turns % 4)
    turned: FloatArray = turn @ cam_from_world
    return turned


def turn_camera(camera: Camera, quarter_turns: int) -> Camera:
    """Camera of the frame whose pixels are the given frame's, turned clockwise by `quarter_turns` × 90 degrees."""
    width, height = camera.width_px, camera.height_px
    focal, cx, cy, k = camera.params
    for _ in range(quarter_turns % 4):
        width, height, cx, cy = height, width, height - cy, cx
    return Camera(camera.model, width, height, (focal, cx, cy, k))
