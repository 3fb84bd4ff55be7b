"""What all pose formats share: the value they are read into, numbers and rotations that are checked, text by lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scenesort.errors import EvaluationError
from scenesort.types import FloatArray

ROTATION_TOLERANCE = 1e-3
"""Largest entry of RᵀR - I that rounding in a file explains."""

QUATERNION_TOLERANCE = 1e-2
"""Largest difference of a quaternion's length from 1 that rounding in a file explains."""


@dataclass(frozen=True, slots=True)
class PoseSource:
    """A file that poses are read from, and the collection that they belong to, where it is known."""

    path: Path
    collection: str | None = None

    def where(self, entry: str = "", photo: str = "") -> str:
        """The place of an entry ('line 3', 'frame 2') for a message: file, entry, collection and photo."""
        parts = [str(self.path)]
        parts += [entry] if entry else []
        parts += [f"collection '{self.collection}'"] if self.collection is not None else []
        parts += [f"photo '{photo}'"] if photo else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, eq=False)
class PoseCluster:
    """The posed photos of one file or model: they share one coordinate frame.

    `name` is the cluster's name. `image` holds n names as the file spells them, or timestamps where `by_timestamp`.
    `rotation` (n, 3, 3) and `translation` (n, 3), both float64 and finite, are cam_from_world with OpenCV axes (x
    right, y down, z forward) in the file's own unit. `number` holds n places in the file, from 1, of the kind `entry`:
    'line', 'frame' or 'image'.
    """

    name: str
    source: PoseSource
    image: tuple[str, ...]
    rotation: FloatArray
    translation: FloatArray
    number: tuple[int, ...]
    entry: str = "line"
    by_timestamp: bool = False

    def __post_init__(self) -> None:
        rows = len(self.image)
        shapes = (self.rotation.shape, self.translation.shape)
        if len(self.number) != rows or shapes != ((rows, 3, 3), (rows, 3)):
            raise ValueError("The columns of a PoseCluster must have the same number of rows.")

    def __len__(self) -> int:
        return len(self.image)

    def where(self, row: int) -> str:
        """The place of a row for a message: file, entry, collection and photo."""
        return self.source.where(f"{self.entry} {self.number[row]}", self.image[row])


@dataclass(frozen=True, slots=True, eq=False)
class NamedPose:
    """One pose: the photo's name as the file spells it, its place in the file, and `cam_from_world`, (3, 4) float64."""

    image: str
    number: int
    cam_from_world: FloatArray


def make_cluster(
    name: str, source: PoseSource, poses: Sequence[NamedPose], entry: str = "line", by_timestamp: bool = False
) -> PoseCluster:
    """Join poses; raises `EvaluationError` where a pose is not finite."""
    matrices = np.array([pose.cam_from_world for pose in poses], dtype=np.float64).reshape(-1, 3, 4)
    cluster = PoseCluster(
        name=name,
        source=source,
        image=tuple(pose.image for pose in poses),
        rotation=matrices[:, :, :3],
        translation=matrices[:, :, 3],
        number=tuple(pose.number for pose in poses),
        entry=entry,
        by_timestamp=by_timestamp,
    )
    endless: list[int] = np.flatnonzero(~np.isfinite(matrices).all(axis=(1, 2))).tolist()
    if endless:
        raise EvaluationError(f"{cluster.where(endless[0])}: the pose's numbers are too large. Check them.")
    return cluster


def read_lines(source: PoseSource) -> list[tuple[int, str]]:
    """Return the number, from 1, and the text of each line; byte order marks and all line ends are understood."""
    try:
        with source.path.open(encoding="utf-8-sig") as file:
            return [(number, line.rstrip("\n")) for number, line in enumerate(file, start=1)]
    except OSError as error:
        raise unreadable(source, error) from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{source.where()}: not UTF-8 text ({error.reason}). Save it as UTF-8.") from error


def data_lines(source: PoseSource) -> list[tuple[int, str]]:
    """Return the lines that are neither blank nor comments, which begin with '#', as `read_lines` does."""
    return [(number, text) for number, line in read_lines(source) if (text := line.strip()) and text[0] != "#"]


def unreadable(source: PoseSource, error: OSError) -> EvaluationError:
    """The error for a file that the system doesn't let us read."""
    return EvaluationError(f"{source.where()}: can't be read ({error.strerror or error}). Check the path.")


def parse_number(text: str) -> float | None:
    """Return the number that a word spells, nan and infinity too, or None."""
    try:
        # Python reads '1_000' as a number; other programs don't.
        return None if "_" in text else float(text)
    except ValueError:
        return None


def parse_finite(words: Sequence[str], where: str) -> list[float]:
    """Return the numbers that words spell; raises `EvaluationError` for other text and for nan or infinity."""
    numbers = []
    for word in words:
        number = parse_number(word)
        if number is None:
            raise EvaluationError(f"{where}: '{word[:40]}' stands where a number should be. Correct it.")
        if not math.isfinite(number):
            raise EvaluationError(f"{where}: '{word[:40]}' is no finite number. Leave out a photo that has no pose.")
        numbers.append(number)
    return numbers


def check_rotation(matrix: FloatArray, where: str) -> None:
    """Raise `EvaluationError` unless a matrix (3, 3) is a rotation up to rounding."""
    with np.errstate(over="ignore", invalid="ignore"):
        deviation = float(np.abs(matrix.T @ matrix - np.eye(3)).max())
        is_rotation = deviation <= ROTATION_TOLERANCE and np.linalg.det(matrix) > 0
    if not is_rotation:
        raise EvaluationError(
            f"{where}: the 3x3 part is no rotation (its columns must have length 1, be at right angles and"
            " right-handed). Check the order of the numbers, and take out any scale."
        )


def check_quaternion(length: float, where: str) -> None:
    """Raise `EvaluationError` unless a quaternion's length is 1 up to rounding."""
    if not abs(length - 1) <= QUATERNION_TOLERANCE:
        raise EvaluationError(
            f"{where}: the quaternion has length {length:.3g} where it must be 1. Check the order of the numbers."
        )
