"""Pose conventions that are mistaken for cam_from_world, and how to read poses that follow them.

A `Reading` says what a table's rotation and translation columns really hold and gives the cam_from_world poses that
they stand for. World axes are no convention that matters: poses are compared up to a similarity of the world, so any
right-handed choice of its axes, its origin and its unit reads the same. A left-handed choice does not: a mirrored world
fits no similarity.

Below, (R, t) is the right pose with its centre c = -Rᵀt, and (A, b) are the numbers in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from scenesort.errors import OptionError
from scenesort.evaluation.tables import PoseTable
from scenesort.plugins import did_you_mean
from scenesort.types import FloatArray

Poses = tuple[FloatArray, FloatArray]
"""Rotations (n, 3, 3) and translations (n, 3)."""

_OPENGL = np.diag([1.0, -1.0, -1.0])
"""OpenGL camera axes (x right, y up, z backward) from OpenCV's (x right, y down, z forward), and back."""

_FLIP_Y = np.diag([1.0, -1.0, 1.0])
"""Left-handed axes with y up, as game engines have them, from right-handed ones with y down, and back."""

_FLIP_X = np.diag([-1.0, 1.0, 1.0])
_FLIP_Z = np.diag([1.0, 1.0, -1.0])


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read the numbers of a pose table.

    `name` is what it is called in options and tables. `phrase` completes "these look like …" and `formula` tells what
    the columns hold. `convert` gives the right poses of given ones. Readings with the same `centers` give camera
    centres that are equal up to a similarity, and so the same score.
    """

    name: str
    phrase: str
    formula: str
    centers: str
    convert: Callable[[FloatArray, FloatArray], Poses] = field(repr=False, compare=False)


def read_as(table: PoseTable, readings: Mapping[str, Reading]) -> PoseTable:
    """Return a table with the poses of each collection converted by its reading; collections without one are kept.

    Rows without a pose are kept as they are.
    """
    rotation, translation = table.rotation.copy(), table.translation.copy()
    posed = is_posed(table)
    for dataset, reading in readings.items():
        rows = np.flatnonzero(posed & np.array([name == dataset for name in table.dataset], dtype=bool))
        with np.errstate(over="ignore", invalid="ignore"):
            rotation[rows], translation[rows] = reading.convert(rotation[rows], translation[rows])
    return replace(table, rotation=rotation, translation=translation)


def is_posed(table: PoseTable) -> NDArray[np.bool_]:
    """Return for each row of a table whether all numbers of its pose are finite, (n,) bool."""
    numbers = np.concatenate([table.rotation.reshape(-1, 9), table.translation], axis=1)
    finite: NDArray[np.bool_] = np.isfinite(numbers).all(axis=1)
    return finite


def find_reading(name: str) -> Reading:
    """Return the reading of that name; raises `OptionError` where there is none."""
    known = {reading.name: reading for reading in READINGS}
    if name not in known:
        raise OptionError(f"no reading '{name}'{did_you_mean(name, list(known))}; choose from: {', '.join(known)}")
    return known[name]


def _transposed(matrices: FloatArray) -> FloatArray:
    return np.swapaxes(matrices, -1, -2)


def _from_center(rotation: FloatArray, center: FloatArray) -> Poses:
    """The pose with this rotation whose camera is at `center`."""
    return rotation, -np.einsum("nij,nj->ni", rotation, center)


def _mirror_centers(axis: FloatArray) -> Callable[[FloatArray, FloatArray], Poses]:
    def convert(rotation: FloatArray, translation: FloatArray) -> Poses:
        return _from_center(rotation, -np.einsum("nji,nj->ni", rotation, translation) @ axis)

    return convert


def _reorder_quaternions(rotation: FloatArray, order: list[int]) -> FloatArray:
    """Rotations whose quaternions (w, x, y, z) are those of `rotation` with the numbers put into another order.

    The quaternion is a column of 4·qqᵀ, which is linear in the rotation; the column with the largest diagonal is the
    most exact (S. W. Shepperd, "Quaternion from rotation matrix", Journal of Guidance and Control 1(3), 1978).
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = np.moveaxis(rotation, 0, 2)
    products = np.array(
        [
            [1 + xx + yy + zz, zy - yz, xz - zx, yx - xy],
            [zy - yz, 1 + xx - yy - zz, xy + yx, xz + zx],
            [xz - zx, xy + yx, 1 - xx + yy - zz, yz + zy],
            [yx - xy, xz + zx, yz + zy, 1 - xx - yy + zz],
        ]
    )
    products = np.moveaxis(products, 2, 0)
    largest = np.diagonal(products, axis1=1, axis2=2).argmax(axis=1)
    quaternions = np.take_along_axis(products, largest[:, None, None], axis=2)[:, :, 0]
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    w, x, y, z = quaternions[:, order].T
    reordered: FloatArray = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    return np.moveaxis(reordered, 2, 0)


# Where the last number was taken for the first, the true w stands at the end of what was read, and the other way round.
_W_LAST, _W_FIRST = [3, 0, 1, 2], [1, 2, 3, 0]

AS_GIVEN = Reading("as-given", "cam_from_world poses", "A = R, b = t", "given", lambda A, b: (A, b))

READINGS = (
    AS_GIVEN,
    Reading(
        "camera-to-world",
        "camera-to-world poses",
        "A = Rᵀ, b = c",
        "translation",
        lambda A, b: _from_center(_transposed(A), b),
    ),
    Reading(
        "opengl-camera-to-world",
        "camera-to-world poses with OpenGL camera axes (x right, y up, z backward)",
        "A = RᵀF, b = c, F = diag(1, -1, -1)",
        "translation",
        lambda A, b: _from_center(_OPENGL @ _transposed(A), b),
    ),
    Reading(
        "centres",
        "cam_from_world rotations with camera centres in the translation column",
        "A = R, b = c",
        "translation",
        _from_center,
    ),
    Reading(
        "opengl-centres",
        "cam_from_world rotations with OpenGL camera axes and camera centres in the translation column",
        "A = FR, b = c, F = diag(1, -1, -1)",
        "translation",
        lambda A, b: _from_center(_OPENGL @ A, b),
    ),
    Reading(
        "transposed",
        "cam_from_world poses with transposed (column by column) rotations",
        "A = Rᵀ, b = t",
        "transposed",
        lambda A, b: (_transposed(A), b),
    ),
    Reading(
        "opengl",
        "cam_from_world poses with OpenGL camera axes (x right, y up, z backward)",
        "A = FR, b = Ft, F = diag(1, -1, -1)",
        "given",
        lambda A, b: (_OPENGL @ A, b @ _OPENGL),
    ),
    Reading(
        "opengl-rotations",
        "cam_from_world poses with OpenGL camera axes in the rotations, but not in the translations",
        "A = FR, b = t, F = diag(1, -1, -1)",
        "flipped",
        lambda A, b: (_OPENGL @ A, b),
    ),
    Reading(
        "negated-translations",
        "cam_from_world poses with negated translations",
        "A = R, b = -t",
        "given, mirrored",
        lambda A, b: (A, -b),
    ),
    Reading(
        "negated-centres",
        "cam_from_world rotations with negated camera centres in the translation column",
        "A = R, b = -c",
        "translation, mirrored",
        lambda A, b: _from_center(A, -b),
    ),
    Reading(
        "negated-camera-to-world",
        "camera-to-world poses with negated camera centres (Rᵀt without its minus)",
        "A = Rᵀ, b = -c",
        "translation, mirrored",
        lambda A, b: _from_center(_transposed(A), -b),
    ),
    Reading(
        "left-handed",
        "cam_from_world poses in left-handed axes (y up in the world and in the camera)",
        "A = DRD, b = Dt, D = diag(1, -1, 1)",
        "given, mirrored",
        lambda A, b: (_FLIP_Y @ A @ _FLIP_Y, b @ _FLIP_Y),
    ),
    Reading(
        "left-handed-camera-to-world",
        "camera-to-world poses in left-handed axes (y up in the world and in the camera)",
        "A = DRᵀD, b = Dc, D = diag(1, -1, 1)",
        "translation, mirrored",
        lambda A, b: _from_center(_FLIP_Y @ _transposed(A) @ _FLIP_Y, b @ _FLIP_Y),
    ),
    Reading(
        "mirrored",
        "cam_from_world poses in a mirrored world, with reflections for rotations",
        "A = RM, b = t, M = diag(1, 1, -1)",
        "given, mirrored",
        lambda A, b: (A @ _FLIP_Z, b),
    ),
    Reading(
        "mirrored-camera-to-world",
        "camera-to-world poses in a mirrored world, with reflections for rotations",
        "A = MRᵀ, b = Mc, M = diag(1, 1, -1)",
        "translation, mirrored",
        lambda A, b: _from_center(_transposed(A) @ _FLIP_Z, b @ _FLIP_Z),
    ),
    *(
        Reading(
            f"mirrored-centres-{axis}",
            f"cam_from_world poses with camera centres mirrored along {axis}",
            f"A = R, b = -RMc, M negates {axis}",
            "given, mirrored",
            _mirror_centers(flip),
        )
        for axis, flip in (("x", _FLIP_X), ("y", _FLIP_Y), ("z", _FLIP_Z))
    ),
    Reading(
        "negated",
        "cam_from_world poses with every number negated",
        "A = -R, b = -t",
        "given",
        lambda A, b: (-A, -b),
    ),
    Reading(
        "w-last",
        "cam_from_world poses from quaternions x, y, z, w that were taken for w, x, y, z",
        "A = R(x, y, z, w), b = t",
        "w last",
        lambda A, b: (_reorder_quaternions(A, _W_LAST), b),
    ),
    Reading(
        "w-first",
        "cam_from_world poses from quaternions w, x, y, z that were taken for x, y, z, w",
        "A = R(z, w, x, y), b = t",
        "w first",
        lambda A, b: (_reorder_quaternions(A, _W_FIRST), b),
    ),
    Reading(
        "w-last-camera-to-world",
        "camera-to-world poses from quaternions x, y, z, w that were taken for w, x, y, z",
        "A = R(x, y, z, w) of Rᵀ, b = c",
        "translation",
        lambda A, b: _from_center(_transposed(_reorder_quaternions(A, _W_LAST)), b),
    ),
    Reading(
        "w-first-camera-to-world",
        "camera-to-world poses from quaternions w, x, y, z that were taken for x, y, z, w",
        "A = R(z, w, x, y) of Rᵀ, b = c",
        "translation",
        lambda A, b: _from_center(_transposed(_reorder_quaternions(A, _W_FIRST)), b),
    ),
)
"""All readings, the plainest first: of two that fit alike, the first is meant."""
