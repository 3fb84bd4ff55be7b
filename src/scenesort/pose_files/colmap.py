"""COLMAP models: `images.bin` or `images.txt`, which hold every photo's name and pose.

Source: COLMAP's documentation, "Output Format". Poses are cam_from_world with OpenCV axes; quaternions are Hamilton's,
scalar first. As in COLMAP, a binary file goes before a text file. Cameras and points are not needed. pycolmap is not
asked to read other tools' models: a truncated file can make it run without end or abort the process.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from scenesort.errors import EvaluationError
from scenesort.geometry import rotation_from_quaternion
from scenesort.pose_files.base import (
    NamedPose,
    PoseCluster,
    PoseSource,
    check_quaternion,
    make_cluster,
    parse_finite,
    parse_number,
    read_lines,
    unreadable,
)
from scenesort.pose_files.colmap_rigs import check_frames
from scenesort.types import FloatArray

IMAGES_FILES = ("images.bin", "images.txt")

_COUNT = struct.Struct("<Q")
_IMAGE = struct.Struct("<I7dI")
_POINT_BYTES = 24
_WORDS_BEFORE_NAME = 9


def read_colmap(images: Path, name: str, collection: str | None = None) -> PoseCluster:
    """Read the poses of a COLMAP model from its file of images; raises `EvaluationError` where that is malformed.

    Where COLMAP 4's `frames` and `rigs` lie beside it, they must give the same poses.
    """
    source = PoseSource(images, collection)
    poses, ids = _read_binary(source) if images.suffix == ".bin" else _read_text(source)
    cluster = make_cluster(name, source, poses, entry="image" if images.suffix == ".bin" else "line")
    check_frames(cluster, ids)
    return cluster


def _read_binary(source: PoseSource) -> tuple[list[NamedPose], list[int]]:
    try:
        data = source.path.read_bytes()
    except OSError as error:
        raise unreadable(source, error) from error
    poses: list[NamedPose] = []
    ids: list[int] = []
    number = 0
    try:
        (count,) = _COUNT.unpack_from(data, 0)
        position = _COUNT.size
        for number in range(1, count + 1):
            image_id, *pose, _ = _IMAGE.unpack_from(data, position)
            position += _IMAGE.size
            end = data.index(b"\0", position)
            image = data[position:end].decode("utf-8", errors="backslashreplace")
            (num_points,) = _COUNT.unpack_from(data, end + 1)
            position = end + 1 + _COUNT.size + num_points * _POINT_BYTES
            where = source.where(f"image {number}", image)
            if position > len(data):
                raise EvaluationError(f"{where}: the file ends within this image's points. Copy or write it again.")
            if not np.isfinite(pose).all():
                raise EvaluationError(f"{where}: the pose holds nan or infinity. Leave out a photo that has no pose.")
            poses.append(NamedPose(image, number, _cam_from_world(pose, where)))
            ids.append(image_id)
    except (struct.error, ValueError) as error:
        where = source.where(f"image {number}" if number else "")
        raise EvaluationError(f"{where}: the file ends too early. Copy or write it again.") from error
    if position != len(data):
        raise EvaluationError(
            f"{source.where()}: {len(data) - position} bytes follow the last of {count} images. Is it a COLMAP model?"
        )
    return poses, ids


def _read_text(source: PoseSource) -> tuple[list[NamedPose], list[int]]:
    poses: list[NamedPose] = []
    ids: list[int] = []
    is_points_line = False
    for number, line in read_lines(source):
        text = line.strip()
        if is_points_line:
            _check_points(text.split(), source.where(f"line {number}", poses[-1].image))
            is_points_line = False
        elif text and text[0] != "#":
            words = text.split(maxsplit=_WORDS_BEFORE_NAME)
            image = words[_WORDS_BEFORE_NAME] if len(words) > _WORDS_BEFORE_NAME else ""
            where = source.where(f"line {number}", image)
            if not image:
                raise EvaluationError(
                    f"{where}: {len(words)} words where at least 10 are needed: IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID"
                    " NAME. Complete the line."
                )
            for word in (words[0], words[8]):
                if not (word.isascii() and word.isdigit()):
                    raise EvaluationError(f"{where}: '{word}' stands where an id should be. Give a whole number.")
            poses.append(NamedPose(image, number, _cam_from_world(parse_finite(words[1:8], where), where)))
            ids.append(int(words[0]))
            is_points_line = True
    return poses, ids


def _check_points(words: list[str], where: str) -> None:
    if len(words) % 3 or any(parse_number(word) is None for word in words):
        raise EvaluationError(
            f"{where}: not a line of points (X Y POINT3D_ID, …). Each image takes two lines: its pose and its points;"
            " the second may be empty but must be there."
        )


def _cam_from_world(pose: list[float], where: str) -> FloatArray:
    quaternion = np.array(pose[:4], dtype=np.float64)
    with np.errstate(over="ignore"):
        check_quaternion(float(np.linalg.norm(quaternion)), where)
    return np.column_stack([rotation_from_quaternion(quaternion), pose[4:7]])
