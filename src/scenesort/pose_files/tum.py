"""TUM trajectories: `timestamp tx ty tz qx qy qz qw` a line.

Source: TUM RGB-D benchmark, "File formats": the position and orientation of the colour camera's optical centre in the
world, so world_from_cam, with OpenCV axes; the quaternion's scalar is last.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scenesort.errors import EvaluationError
from scenesort.geometry import invert, rotation_from_quaternion
from scenesort.pose_files.base import (
    NamedPose,
    PoseCluster,
    PoseSource,
    check_quaternion,
    data_lines,
    make_cluster,
    parse_finite,
)
from scenesort.pose_files.name_lists import NameList, read_names

NUMBERS = 8


def read_tum(path: Path, name: str, names: Path | None = None, collection: str | None = None) -> PoseCluster:
    """Read a TUM trajectory; raises `EvaluationError` naming the line where one is malformed.

    `names` gives the photo of each timestamp, or one photo a line in the poses' order. Without it, the cluster's images
    are the timestamps as the file spells them (`by_timestamp`).
    """
    source = PoseSource(path, collection)
    rows = [_parse(number, text, source) for number, text in data_lines(source)]
    if names is None:
        return make_cluster(name, source, rows, by_timestamp=True)
    return make_cluster(name, source, _with_names(rows, read_names(names), names, source))


def _parse(number: int, text: str, source: PoseSource) -> NamedPose:
    words = text.split()
    where = source.where(f"line {number}")
    if len(words) != NUMBERS:
        raise EvaluationError(
            f"{where}: {len(words)} numbers where {NUMBERS} are needed: timestamp tx ty tz qx qy qz qw. Correct it."
        )
    _, *position, x, y, z, w = parse_finite(words, where)
    quaternion = np.array([w, x, y, z])
    with np.errstate(over="ignore"):
        check_quaternion(float(np.linalg.norm(quaternion)), where)
    with np.errstate(over="ignore", invalid="ignore"):
        cam_from_world = invert(np.column_stack([rotation_from_quaternion(quaternion), position]))
    return NamedPose(words[0], number, cam_from_world)


def _with_names(rows: list[NamedPose], listed: NameList, names: Path, source: PoseSource) -> list[NamedPose]:
    if not listed.by_timestamp:
        if len(listed.image) != len(rows):
            raise EvaluationError(
                f"{source.where()}: {len(rows)} poses, but {len(listed.image)} photos in {names}. Give one photo a"
                " line, in the poses' order, or lines of timestamp and photo."
            )
        return [NamedPose(image, row.number, row.cam_from_world) for image, row in zip(listed.image, rows, strict=True)]
    image_of = dict(zip(listed.timestamp_s, listed.image, strict=True))
    named = []
    for row in rows:
        image = image_of.get(float(row.image))
        if image is None:
            raise EvaluationError(
                f"{source.where(f'line {row.number}')}: no photo has the timestamp {row.image} in {names}. Give poses"
                " at the photos' own times; nothing is interpolated."
            )
        named.append(NamedPose(image, row.number, row.cam_from_world))
    return named
