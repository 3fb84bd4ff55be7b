"""KITTI odometry's poses: 12 numbers a line, the first three rows of world_from_cam, row by row.

Source: the readme of KITTI's odometry development kit: the matrix takes a point of the i'th (left) camera, z forward,
to the first one's coordinates, which is OpenCV's frame.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scenesort.errors import EvaluationError
from scenesort.geometry import invert, nearest_rotation
from scenesort.pose_files.base import (
    NamedPose,
    PoseCluster,
    PoseSource,
    check_rotation,
    data_lines,
    make_cluster,
    parse_finite,
)
from scenesort.pose_files.name_lists import read_names

NUMBERS = 12


def read_kitti(path: Path, name: str, names: Path | None, collection: str | None = None) -> PoseCluster:
    """Read KITTI poses; raises `EvaluationError` naming the line where one is malformed.

    `names` gives one photo a line in the poses' order and is needed: a file of poses alone says nothing about photos,
    and as many poses as photos prove no order.
    """
    source = PoseSource(path, collection)
    lines = data_lines(source)
    if names is None:
        raise EvaluationError(
            f"{source.where()}: KITTI poses name no photos. Give names: one photo a line, in the poses' order."
        )
    listed = read_names(names)
    if len(listed.image) != len(lines):
        raise EvaluationError(
            f"{source.where()}: {len(lines)} poses, but {len(listed.image)} photos in {names}. Give one photo a line,"
            " in the poses' order."
        )
    poses = []
    for (number, text), image in zip(lines, listed.image, strict=True):
        words = text.split()
        where = source.where(f"line {number}", image)
        if len(words) != NUMBERS:
            raise EvaluationError(
                f"{where}: {len(words)} numbers where {NUMBERS} are needed: three rows of four. Correct the line."
            )
        world_from_cam = np.array(parse_finite(words, where)).reshape(3, 4)
        check_rotation(world_from_cam[:, :3], where)
        rotation = nearest_rotation(world_from_cam[:, :3])
        with np.errstate(over="ignore", invalid="ignore"):
            poses.append(NamedPose(image, number, invert(np.column_stack([rotation, world_from_cam[:, 3]]))))
    return make_cluster(name, source, poses)
