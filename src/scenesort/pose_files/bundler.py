"""Bundler's bundle.out, version 0.3, and the list of photos beside it.

Source: Snavely, "Bundler v0.3 User's Manual", section "Output format and scene representation". A camera is f k1 k2, a
rotation and a translation that take world to camera coordinates; the camera looks down its negative z axis, y is up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scenesort.errors import EvaluationError
from scenesort.pose_files.base import (
    NamedPose,
    PoseCluster,
    PoseSource,
    check_rotation,
    data_lines,
    make_cluster,
    parse_finite,
    read_lines,
)

HEADER = "# Bundle file v0.3"
BUNDLE_NAME = "bundle.out"

_FLIP_YZ = np.diag([1.0, -1.0, -1.0])
_CAMERA_NUMBERS = 15
_POINT_NUMBERS = 6
_NUMBERS_PER_VIEW = 4
_FOCAL_HINT = re.compile(r"\s+0\s+[0-9.eE+-]+$")


def read_bundler(path: Path, name: str, names: Path | None = None, collection: str | None = None) -> PoseCluster:
    """Read a bundle file; cameras of focal length 0 have no pose and are left out.

    `names` lists the photos in the cameras' order; without it, the list is looked for beside the file. Raises
    `EvaluationError` where a file is malformed.
    """
    source = PoseSource(path, collection)
    lines = read_lines(source)
    if not lines or lines[0][1].strip() != HEADER:
        raise EvaluationError(
            f"{source.where('line 1')}: the first line is not '{HEADER}'. Other versions aren't read."
        )
    words = _Words([(word, number) for number, line in lines[1:] for word in line.split()], source)
    num_cameras, num_points = (words.take_count(what) for what in ("number of cameras", "number of points"))
    list_path = names or _find_list(source)
    images = [_FOCAL_HINT.sub("", text) for _, text in data_lines(PoseSource(list_path))]
    if len(images) != num_cameras:
        raise EvaluationError(
            f"{source.where()}: {num_cameras} cameras, but {len(images)} photos in {list_path}. Give one photo a line,"
            " in the cameras' order."
        )
    poses = []
    for camera, image in enumerate(images, start=1):
        number = words.line
        where = source.where(f"line {number}", image)
        values = words.take_numbers(_CAMERA_NUMBERS, f"camera {camera}", image)
        focal_px, rotation, translation = values[0], np.reshape(values[3:12], (3, 3)), np.array(values[12:])
        if focal_px < 0:
            raise EvaluationError(f"{where}: the focal length is {focal_px:g}. It must be above 0, or 0 for no pose.")
        if focal_px > 0:
            check_rotation(rotation, where)
            poses.append(NamedPose(image, number, _FLIP_YZ @ np.column_stack([rotation, translation])))
    _skip_points(words, num_points)
    return make_cluster(name, source, poses)


def _skip_points(words: _Words, num_points: int) -> None:
    """Pass over the points, so that wrong counts at the top of the file show."""
    for point in range(1, num_points + 1):
        words.take_numbers(_POINT_NUMBERS, f"point {point}")
        words.take_numbers(words.take_count(f"number of views of point {point}") * _NUMBERS_PER_VIEW, f"point {point}")
    if words.position < len(words.words):
        raise EvaluationError(
            f"{words.source.where(f'line {words.line}')}: more follows the last point. The second line must give the"
            " true numbers of cameras and points."
        )


def _find_list(source: PoseSource) -> Path:
    """The list of photos: COLMAP's X.list.txt of X.bundle.out, list.txt beside it, or list.txt above `bundle/`."""
    folder, stem = source.path.parent, source.path.name.removesuffix(".out").removesuffix(".bundle")
    beside = [folder / f"{stem}.list.txt", folder / f"{source.path.name}.list.txt", folder / "list.txt"]
    above = [folder.parent / "list.txt"] if folder.name == "bundle" else []
    for candidate in [*beside, *above]:
        if candidate.is_file():
            return candidate
    raise EvaluationError(
        f"{source.where()}: the list of photos (list.txt) is not beside it, so its cameras have no names. Put it there"
        " or give it as names: one photo a line, in the cameras' order."
    )


@dataclass(slots=True)
class _Words:
    """The words of a bundle file, each with its line, taken from the front."""

    words: list[tuple[str, int]]
    source: PoseSource
    position: int = 0

    @property
    def line(self) -> int:
        """The line of the next word; at the end of the file, that of the last."""
        return self.words[min(self.position, len(self.words) - 1)][1] if self.words else 1

    def take_numbers(self, count: int, what: str, photo: str = "") -> list[float]:
        taken = self.words[self.position : self.position + count]
        if len(taken) < count:
            where = self.source.where(f"line {self.words[-1][1] if self.words else 1}", photo)
            raise EvaluationError(f"{where}: the file ends within {what}. Copy or write it again.")
        self.position += count
        numbers = []
        for word, line in taken:
            numbers += parse_finite([word], self.source.where(f"line {line}", photo))
        return numbers

    def take_count(self, what: str) -> int:
        line = self.line
        (number,) = self.take_numbers(1, f"the {what}")
        if number < 0 or number != int(number):
            raise EvaluationError(
                f"{self.source.where(f'line {line}')}: the {what} is {number:g}. Give a whole number."
            )
        return int(number)
