"""COLMAP 4's `rigs` and `frames`: what COLMAP itself takes poses from, held against the poses of `images`.

Source: COLMAP's documentation, "Output Format", and its `reconstruction_io_binary.cc`. A frame is one exposure of a rig
and gives `rig_from_world`; a rig gives `sensor_from_rig` of its sensors, the first of which is the rig's own frame.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from scenesort.errors import EvaluationError
from scenesort.geometry import compose, rotation_from_quaternion
from scenesort.pose_files.base import PoseCluster, PoseSource, data_lines, unreadable
from scenesort.types import FloatArray

Sensor = tuple[str, int]
"""Type and id; cameras have the type 'CAMERA'."""

_TOLERANCE = 1e-4
"""Largest difference of entries of two rotations, and of translations by their size, that rounding explains."""

_IDENTITY = np.eye(4)[:3]


def check_frames(cluster: PoseCluster, image_ids: list[int]) -> None:
    """Raise `EvaluationError` where the frames beside a model's images give an image another pose, or none.

    `image_ids` are the images' ids in the cluster's order. A model without frames, of COLMAP before 3.12, is fine.
    """
    images = cluster.source.path
    frames_path, rigs_path = (images.with_name(f"{name}{images.suffix}") for name in ("frames", "rigs"))
    if not frames_path.is_file():
        return
    rigs = dict(_rigs(_open(PoseSource(rigs_path, cluster.source.collection)), rigs_path))
    poses = dict(_poses(_open(PoseSource(frames_path, cluster.source.collection)), frames_path, rigs))
    for row, image_id in enumerate(image_ids):
        if image_id not in poses:
            raise EvaluationError(
                f"{cluster.where(row)}: the image is in no frame of {frames_path.name}. Write the whole model again, or"
                f" move {frames_path.name} and {rigs_path.name} away."
            )
        pose = poses[image_id]
        if pose is None:
            continue
        same_rotation = np.allclose(pose[:, :3], cluster.rotation[row], rtol=0, atol=_TOLERANCE)
        size = max(1.0, float(np.abs(cluster.translation[row]).max()))
        if not (same_rotation and np.allclose(pose[:, 3], cluster.translation[row], rtol=0, atol=_TOLERANCE * size)):
            raise EvaluationError(
                f"{cluster.where(row)}: {frames_path.name} gives this image another pose. Write the whole model again,"
                f" or move {frames_path.name} and {rigs_path.name} away."
            )


class _Fields(Protocol):
    """The values of a file of rigs or frames, taken from the front."""

    def entries(self) -> Iterator[None]:
        """Yield once for each entry; its values are taken before the next."""

    def integer(self, kind: str) -> int:
        """Take a whole number of a `struct` kind."""

    def sensor(self) -> Sensor:
        """Take a sensor."""

    def pose(self) -> FloatArray:
        """Take a transform, (3, 4)."""


def _open(source: PoseSource) -> _Fields:
    if source.path.suffix == ".txt":
        return _TextFields([word for _, text in data_lines(source) for word in text.split()])
    try:
        return _BinaryFields(source.path.read_bytes())
    except OSError as error:
        raise unreadable(source, error) from error


def _rigs(fields: _Fields, path: Path) -> Iterator[tuple[int, dict[Sensor, FloatArray | None]]]:
    """Yield each rig's id and the `sensor_from_rig` of its sensors, None where it is unknown."""
    try:
        for _ in fields.entries():
            rig_id, num_sensors = fields.integer("I"), fields.integer("I")
            sensors: dict[Sensor, FloatArray | None] = {}
            if num_sensors:
                sensors[fields.sensor()] = _IDENTITY
            for _ in range(num_sensors - 1):
                sensor = fields.sensor()
                sensors[sensor] = fields.pose() if fields.integer("B") else None
            yield rig_id, sensors
    except (struct.error, ValueError, IndexError) as error:
        raise _malformed(path) from error


def _poses(
    fields: _Fields, path: Path, rigs: dict[int, dict[Sensor, FloatArray | None]]
) -> Iterator[tuple[int, FloatArray | None]]:
    """Yield each image's id and `cam_from_world`, None where the rig doesn't give the camera's place in it."""
    try:
        for _ in fields.entries():
            fields.integer("I")
            sensors, rig_from_world = rigs[fields.integer("I")], fields.pose()
            for _ in range(fields.integer("I")):
                sensor, image_id = fields.sensor(), fields.integer("Q")
                sensor_from_rig = sensors[sensor]
                if sensor[0] == "CAMERA":
                    yield image_id, None if sensor_from_rig is None else compose(sensor_from_rig, rig_from_world)
    except (struct.error, ValueError, IndexError, KeyError) as error:
        raise _malformed(path) from error


def _malformed(path: Path) -> EvaluationError:
    return EvaluationError(
        f"{path}: cut off, malformed or of another model. Write the whole model again, or move it away."
    )


def _transform(numbers: tuple[float, ...]) -> FloatArray:
    with np.errstate(invalid="ignore"):
        return np.column_stack([rotation_from_quaternion(np.array(numbers[:4])), numbers[4:7]])


class _BinaryFields:
    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    def entries(self) -> Iterator[None]:
        yield from (None for _ in range(self.integer("Q")))
        if self._position != len(self._data):
            raise ValueError

    def integer(self, kind: str) -> int:
        (number,) = self._take(kind)
        return int(number)

    def sensor(self) -> Sensor:
        kind, sensor_id = self._take("iI")
        return "CAMERA" if kind == 0 else str(kind), int(sensor_id)

    def pose(self) -> FloatArray:
        return _transform(self._take("7d"))

    def _take(self, kinds: str) -> tuple[float, ...]:
        taken = struct.unpack_from(f"<{kinds}", self._data, self._position)
        self._position += struct.calcsize(f"<{kinds}")
        return taken


class _TextFields:
    def __init__(self, words: list[str]) -> None:
        self._words, self._position = words, 0

    def entries(self) -> Iterator[None]:
        while self._position < len(self._words):
            yield None

    def integer(self, kind: str) -> int:
        del kind
        return int(self._take())

    def sensor(self) -> Sensor:
        return self._take(), int(self._take())

    def pose(self) -> FloatArray:
        return _transform(tuple(float(self._take()) for _ in range(7)))

    def _take(self) -> str:
        self._position += 1
        return self._words[self._position - 1]
