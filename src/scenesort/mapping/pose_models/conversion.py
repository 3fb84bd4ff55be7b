"""From what models give (on the grid of their picture) to what the contract promises (in the photo's frame)."""

from __future__ import annotations

from typing import Any

import numpy as np

from scenesort import geometry
from scenesort.errors import WeightsError
from scenesort.mapping.pose_models.base import PhotoInput, PointMap, PosePrediction
from scenesort.mapping.pose_models.pictures import Picture
from scenesort.types import Camera, Float32Array, FloatArray

FOCAL_RANGE = (0.05, 50.0)
"""Focal lengths outside, as shares of the photo's longer side, are no camera's."""


def pose_prediction(
    photo: PhotoInput,
    picture: Picture,
    cam_from_world: FloatArray,
    intrinsics: FloatArray,
    points_xyz: FloatArray,
    confidence: FloatArray,
    member: str,
) -> PosePrediction:
    """Return the prediction of a photo from what a model says of its picture of h x w pixels.

    `cam_from_world`: (3, 4) or (4, 4), made a rotation. `intrinsics`: (3, 3) in pixels of the picture, (0, 0) its
    corner. `points_xyz`: (h, w, 3) in the world; `confidence`: (h, w), at least 0. What isn't finite, and padding, has
    no point. A focal length that is no camera's is replaced by the photo's own, with confidence 0. Raises WeightsError
    for a pose that isn't finite.
    """
    pose = _rigid(np.asarray(cam_from_world, np.float64)[:3], photo.name, member)
    camera = frame_camera(np.asarray(intrinsics, np.float64), picture, photo.camera)
    points = np.asarray(points_xyz, np.float32)[picture.rows, picture.columns]
    sureness = np.asarray(confidence, np.float32)[picture.rows, picture.columns]
    is_point = np.isfinite(points).all(axis=-1) & np.isfinite(sureness) & (sureness > 0)
    kept = np.where(is_point, sureness, np.float32(0))
    # Points that are none stay finite, so that means and boxes of points do.
    point_map = PointMap(np.where(is_point[..., None], points, np.float32(0)), kept, picture.frame_from_part)
    overall = float(kept.mean(dtype=np.float64)) if camera is not None else 0.0
    return PosePrediction(photo.name, pose, camera or photo.camera, overall, point_map)


def frame_camera(intrinsics: FloatArray, picture: Picture, known: Camera) -> Camera | None:
    """Return the PINHOLE camera of a photo's frame from intrinsics (3, 3) in pixels of its picture, (0, 0) its corner.

    None where the focal length is no camera's. `known` gives the frame's size.
    """
    (scale_x, _, shift_x), (_, scale_y, shift_y) = picture.frame_from_grid
    focal_x, focal_y = scale_x * intrinsics[0, 0], scale_y * intrinsics[1, 1]
    center_x, center_y = scale_x * intrinsics[0, 2] + shift_x, scale_y * intrinsics[1, 2] + shift_y
    params = tuple(float(value) for value in (focal_x, focal_y, center_x, center_y))
    longer_px = max(known.width_px, known.height_px)
    lowest, highest = (share * longer_px for share in FOCAL_RANGE)
    if not (np.isfinite(params).all() and all(lowest <= focal <= highest for focal in params[:2])):
        return None
    return Camera("PINHOLE", known.width_px, known.height_px, params)


def grid_intrinsics(camera: Camera, picture: Picture) -> FloatArray:
    """Return (3, 3) intrinsics in pixels of a photo's picture, (0, 0) its corner, without the lens's distortion.

    For COLMAP's models with one focal length or two before the principal point.
    """
    two_focals = camera.model in {"PINHOLE", "OPENCV", "FULL_OPENCV", "OPENCV_FISHEYE", "FOV", "THIN_PRISM_FISHEYE"}
    focals, center = (
        (camera.params[:2], camera.params[2:4]) if two_focals else (camera.params[:1] * 2, camera.params[1:3])
    )
    matrix = np.eye(3)
    for axis in (0, 1):
        scale, shift = picture.frame_from_grid[axis, axis], picture.frame_from_grid[axis, 2]
        matrix[axis, axis] = focals[axis] / scale
        matrix[axis, 2] = (center[axis] - shift) / scale
    return matrix


def unproject(depth: FloatArray, intrinsics: FloatArray, cam_from_world: FloatArray) -> Float32Array:
    """Return the world points (h, w, 3) of a depth map (h, w) along z, each on the ray of its pixel's centre."""
    height, width = depth.shape
    x = (np.arange(width) + 0.5 - intrinsics[0, 2]) / intrinsics[0, 0]
    y = (np.arange(height) + 0.5 - intrinsics[1, 2]) / intrinsics[1, 1]
    rays = np.stack([*np.broadcast_arrays(x[None, :], y[:, None]), np.ones((height, width))], axis=-1)
    in_camera = rays * np.asarray(depth, np.float64)[..., None]
    points = geometry.transform_points(geometry.invert(cam_from_world), in_camera.reshape(-1, 3))
    return points.reshape(height, width, 3).astype(np.float32)


def intrinsics_of_points(points_xyz: FloatArray, confidence: FloatArray, picture: Picture) -> FloatArray:
    """Return (3, 3) intrinsics in pixels of a picture from points (h, w, 3) in its camera's frame.

    The pixels of the photo are taken for square and the principal point for the photo's middle. The focal length
    minimises the weighted sum of distances in pixels, by Weiszfeld's iteration as in DUSt3R (Wang et al., CVPR 2024,
    section 3.3).
    """
    scales = np.diag(picture.frame_from_grid[:, :2])
    rows, columns = picture.rows, picture.columns
    middle = np.array([(columns.start + columns.stop) / 2, (rows.start + rows.stop) / 2])
    y, x = np.mgrid[rows, columns] + 0.5
    offsets_px = (np.stack([x, y], axis=-1) - middle) * scales
    points = np.asarray(points_xyz, np.float64)[rows, columns]
    weights = np.asarray(confidence, np.float64)[rows, columns]
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = points[..., :2] / points[..., 2:]
    usable = np.isfinite(slopes).all(axis=-1) & (points[..., 2] > 0) & (weights > 0)
    slopes, offsets_px, weights = slopes[usable], offsets_px[usable], weights[usable]
    focal_px = _weighted_focal(slopes, offsets_px, weights)
    for _ in range(10):
        residuals = np.linalg.norm(offsets_px - focal_px * slopes, axis=1)
        focal_px = _weighted_focal(slopes, offsets_px, weights / np.maximum(residuals, 1e-8))
    return np.array([[focal_px / scales[0], 0, middle[0]], [0, focal_px / scales[1], middle[1]], [0, 0, 1]])


def to_numpy(tensor: Any) -> FloatArray:
    """Return a tensor of any device and precision as a float64 array."""
    array: FloatArray = tensor.detach().float().cpu().numpy().astype(np.float64)
    return array


def _weighted_focal(slopes: FloatArray, offsets_px: FloatArray, weights: FloatArray) -> float:
    below = float((weights * (slopes**2).sum(axis=1)).sum())
    return float((weights * (slopes * offsets_px).sum(axis=1)).sum()) / below if below > 0 else float("nan")


def _rigid(pose: FloatArray, name: str, member: str) -> FloatArray:
    if not np.isfinite(pose).all():
        raise WeightsError(
            f"{member}: the pose of {name} is not finite; set precision to float32, and if that doesn't help download "
            "the model again"
        )
    return np.concatenate([geometry.nearest_rotation(pose[:, :3]), pose[:, 3:]], axis=1)
