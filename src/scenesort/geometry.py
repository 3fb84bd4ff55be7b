"""Rigid and similarity transforms, and the two pixel frames: pure functions on arrays.

A transform named `a_from_b` takes coordinates in b to coordinates in a, `x_a = R @ x_b + t`: a (3, 4) float64 with the
rotation beside the translation. Poses are `cam_from_world` with OpenCV axes (x right, y down, z forward). Leading
dimensions are batches and broadcast. Pixel points follow COLMAP: the centre of the top-left pixel is (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenesort.types import FloatArray


def compose(a_from_b: FloatArray, b_from_c: FloatArray) -> FloatArray:
    """Return `a_from_c` (..., 3, 4) of two rigid transforms (..., 3, 4); lengths keep their units."""
    rotation = a_from_b[..., :3] @ b_from_c[..., :3]
    translation = a_from_b[..., :3] @ b_from_c[..., 3:] + a_from_b[..., 3:]
    return np.concatenate([rotation, translation], axis=-1)


def invert(a_from_b: FloatArray) -> FloatArray:
    """Return `b_from_a` (..., 3, 4) of a rigid transform (..., 3, 4)."""
    rotation = np.swapaxes(a_from_b[..., :3], -1, -2)
    return np.concatenate([rotation, -rotation @ a_from_b[..., 3:]], axis=-1)


def center_in_world(cam_from_world: FloatArray) -> FloatArray:
    """Return the camera centre (..., 3) in world units of a pose (..., 3, 4)."""
    return invert(cam_from_world)[..., 3]


def rotation_angle_deg(R1: FloatArray, R2: FloatArray) -> FloatArray:
    """Return the angle (...) in degrees, 0 to 180, of the rotation that takes R2 (..., 3, 3) to R1 (..., 3, 3).

    Sine and cosine together stay exact for tiny angles, where the arc cosine of the trace alone loses half the digits.
    """
    relative = np.asarray(R1) @ np.swapaxes(R2, -1, -2)
    axis = np.stack(
        [
            relative[..., 2, 1] - relative[..., 1, 2],
            relative[..., 0, 2] - relative[..., 2, 0],
            relative[..., 1, 0] - relative[..., 0, 1],
        ],
        axis=-1,
    )
    angle: FloatArray = np.degrees(
        np.arctan2(np.linalg.norm(axis, axis=-1), np.trace(relative, axis1=-2, axis2=-1) - 1.0)
    )
    return angle


def rotation_from_quaternion(quaternion_wxyz: FloatArray) -> FloatArray:
    """Return the rotation (..., 3, 3) of a quaternion (..., 4), scalar first, Hamilton's convention, of any length.

    The same as COLMAP's and Eigen's. A quaternion of length 0 gives nan.
    """
    w, x, y, z = np.moveaxis(quaternion_wxyz / np.linalg.norm(quaternion_wxyz, axis=-1, keepdims=True), -1, 0)
    rows = [
        np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], axis=-1),
        np.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], axis=-1),
        np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], axis=-1),
    ]
    return np.stack(rows, axis=-2)


def nearest_rotation(matrix: FloatArray) -> FloatArray:
    """Return the rotation (..., 3, 3) that is nearest to a matrix (..., 3, 3) in the Frobenius norm.

    Source: Kabsch, "A solution for the best rotation to relate two sets of vectors", 1976, by SVD.
    """
    left, _, right = np.linalg.svd(matrix)
    left[..., :, 2] *= np.sign(np.linalg.det(left @ right))[..., None]
    rotation: FloatArray = left @ right
    return rotation


def transform_points(a_from_b: FloatArray, points_b: FloatArray) -> FloatArray:
    """Return points (..., n, 3) in a of points (..., n, 3) in b, by a rigid transform (..., 3, 4)."""
    moved: FloatArray = points_b @ np.swapaxes(a_from_b[..., :3], -1, -2) + a_from_b[..., None, :, 3]
    return moved


def upright_from_frame_px(points_px: FloatArray, frame_size_px: tuple[int, int], quarter_turns: int) -> FloatArray:
    """Return upright pixel points (n, 2) of frame pixel points (n, 2).

    `frame_size_px` is the frame's width and height; `quarter_turns` clockwise turns of 90 degrees take the frame to
    upright (`scenesort.types.Photo`). The mapping is exact, pixel centres go to pixel centres.
    """
    width, height = frame_size_px
    x, y = np.asarray(points_px)[..., 0], np.asarray(points_px)[..., 1]
    match quarter_turns % 4:
        case 0:
            turned = x, y
        case 1:
            turned = height - y, x
        case 2:
            turned = width - x, height - y
        case _:
            turned = y, width - x
    return np.stack(turned, axis=-1)


def frame_from_upright_px(points_px: FloatArray, frame_size_px: tuple[int, int], quarter_turns: int) -> FloatArray:
    """Return frame pixel points (n, 2) of upright pixel points (n, 2); the inverse of `upright_from_frame_px`.

    `frame_size_px` is the size of the frame, not of the upright photo.
    """
    width, height = frame_size_px
    upright_size = (height, width) if quarter_turns % 2 else (width, height)
    return upright_from_frame_px(points_px, upright_size, -quarter_turns)


@dataclass(frozen=True, slots=True, eq=False)
class Similarity:
    """A similarity `x_b = scale * rotation @ x_a + translation` that takes world a to world b.

    `scale`: units of b per unit of a, above 0; `rotation`: (3, 3) float64; `translation`: (3,) float64 in units of b.
    """

    scale: float
    rotation: FloatArray
    translation: FloatArray

    def apply_to_points(self, points_a: FloatArray) -> FloatArray:
        """Return points (..., 3) in world b of points (..., 3) in world a."""
        moved: FloatArray = self.scale * (points_a @ self.rotation.T) + self.translation
        return moved

    def apply_to_poses(self, cam_from_a: FloatArray) -> FloatArray:
        """Return poses (..., 3, 4) `cam_from_b`, in units of b, of poses (..., 3, 4) `cam_from_a` in units of a."""
        rotation = cam_from_a[..., :3] @ self.rotation.T
        translation = self.scale * cam_from_a[..., 3] - rotation @ self.translation
        return np.concatenate([rotation, translation[..., None]], axis=-1)

    def inverse(self) -> Similarity:
        """Return the similarity that takes world b back to world a."""
        rotation = self.rotation.T
        return Similarity(1.0 / self.scale, rotation, -(rotation @ self.translation) / self.scale)
