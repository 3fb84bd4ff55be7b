"""True cameras in the forms that single sets have: Strecha's camera files and projection matrices."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scenesort.errors import EvaluationError
from scenesort.geometry import invert
from scenesort.pose_files.base import PoseSource, check_rotation, data_lines, parse_finite
from scenesort.types import FloatArray

CAMERA_ROWS = (3, 3, 3, 3, 3, 3, 3, 3, 2)
"""Numbers a line of a camera file: K, radial distortion, world_from_cam rotation, centre, width and height."""

SQUARE_TOLERANCE = 1e-3
"""Largest skew, as a share of the focal length, that rounding in a projection matrix explains."""


def read_camera_file(path: Path) -> FloatArray:
    """Return cam_from_world, (3, 4) float64, of a `.camera` file; raises `EvaluationError` where it is malformed.

    Source: Strecha and others, "On Benchmarking Camera Calibration and Multi-View Stereo", 2008: 3 lines of K, one of
    distortion, 3 of the rotation from camera to world axes (x right, y down, z forward), the camera's centre in the
    world, and the photo's width and height.
    """
    source = PoseSource(path)
    rows = _numbers(source, CAMERA_ROWS, "a camera file: K (3 lines), distortion, rotation (3), centre, size")
    world_from_cam = np.column_stack([np.array(rows[4:7]), rows[7]])
    check_rotation(world_from_cam[:, :3], source.where())
    return invert(world_from_cam)


def read_projection_matrix(path: Path) -> FloatArray:
    """Return cam_from_world, (3, 4) float64, of a file with a projection matrix K [R | t] of 3 lines.

    The matrix may have any scale. Source: Hartley and Zisserman, "Multiple View Geometry", 2nd edition, 6.2.4. Raises
    `EvaluationError` where the file is malformed or its K isn't that of a camera with square pixel axes.
    """
    source = PoseSource(path)
    matrix = np.array(_numbers(source, (4, 4, 4), "a projection matrix: 3 lines of 4 numbers"))
    length = float(np.linalg.norm(matrix[2, :3]))
    determinant = float(np.linalg.det(matrix[:, :3]))
    if length == 0 or determinant == 0:
        raise EvaluationError(f"{source.where()}: the matrix has no inverse, so it is no camera's. Check the file.")
    matrix = matrix * (np.sign(determinant) / length)
    # RQ by QR: with J the exchange of rows, J M^T J = Q' R' gives M = (J R'^T J) (J Q'^T J).
    orthogonal, triangular = np.linalg.qr(matrix[::-1, :3].T)
    intrinsics, rotation = triangular.T[::-1, ::-1], orthogonal.T[::-1]
    signs = np.sign(np.diag(intrinsics))
    intrinsics, rotation = intrinsics * signs, rotation * signs[:, None]
    if abs(intrinsics[0, 1]) > SQUARE_TOLERANCE * intrinsics[0, 0]:
        raise EvaluationError(f"{source.where()}: the camera has skewed pixels. Check the order of the numbers.")
    return np.column_stack([rotation, np.linalg.solve(intrinsics, matrix[:, 3])])


def _numbers(source: PoseSource, counts: tuple[int, ...], what: str) -> list[list[float]]:
    """Return the numbers of each line that isn't blank, as many lines and numbers as `counts` says."""
    lines = data_lines(source)
    if [len(text.split()) for _, text in lines] != list(counts):
        raise EvaluationError(f"{source.where()}: not {what}. Fetch it again, or correct the file.")
    return [parse_finite(text.split(), source.where(f"line {number}")) for number, text in lines]
