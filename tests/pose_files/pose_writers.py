"""Writers of other tools' formats, straight from each format's specification; none of the readers' code is used.

Every writer takes names and the camera in the world, as anybody holds it in the hand: its centre (n, 3) and three axes,
right, down and forward, each (n, 3), in world coordinates.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap
from numpy.typing import NDArray

from scenesort.evaluation import PoseTable

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Cameras:
    """Named cameras in the world: axes and centres as row vectors."""

    names: list[str]
    right: FloatArray
    down: FloatArray
    forward: FloatArray
    center: FloatArray

    @property
    def cam_from_world(self) -> FloatArray:
        """(n, 3, 4): a camera's coordinates are dot products with its axes."""
        rotation = np.stack([self.right, self.down, self.forward], axis=1)
        return np.concatenate([rotation, -rotation @ self.center[:, :, None]], axis=2)


def random_cameras(names: list[str], seed: int = 0, spread: float = 10.0) -> Cameras:
    random = np.random.default_rng(seed)
    right, towards = random.normal(size=(2, len(names), 3))
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    forward = np.cross(right, towards)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    return Cameras(names, right, np.cross(forward, right), forward, random.normal(size=(len(names), 3)) * spread)


def labels_of(*photos: tuple[str, str, str]) -> PoseTable:
    """Labels with rows (dataset, scene, image) and no poses."""
    count = len(photos)
    return PoseTable(
        dataset=tuple(photo[0] for photo in photos),
        scene=tuple(photo[1] for photo in photos),
        image=tuple(photo[2] for photo in photos),
        rotation=np.full((count, 3, 3), np.nan),
        translation=np.full((count, 3), np.nan),
        line=tuple(range(2, count + 2)),
        source="labels.csv",
    )


def quaternion_wxyz(rotation: FloatArray) -> FloatArray:
    return np.roll(pycolmap.Rotation3d(rotation).quat, 1)


def images_text(cameras: Cameras, points: str = "") -> str:
    lines = ["# Image list with two lines of data per image:"]
    for number, (name, pose) in enumerate(zip(cameras.names, cameras.cam_from_world, strict=True), start=1):
        numbers = " ".join(repr(float(value)) for value in (*quaternion_wxyz(pose[:, :3]), *pose[:, 3]))
        lines += [f"{number} {numbers} 1 {name}", points]
    return "\n".join(lines) + "\n"


def images_binary(cameras: Cameras, num_points: int = 2) -> bytes:
    data = struct.pack("<Q", len(cameras.names))
    for number, (name, pose) in enumerate(zip(cameras.names, cameras.cam_from_world, strict=True), start=1):
        data += struct.pack("<I7dI", number, *quaternion_wxyz(pose[:, :3]), *pose[:, 3], 1) + name.encode() + b"\0"
        data += struct.pack("<Q", num_points) + struct.pack("<ddq", 1.5, 2.5, -1) * num_points
    return data


def transforms_json(cameras: Cameras, applied: FloatArray | None = None, **more: object) -> str:
    """OpenGL: the camera's columns in the world are right, up and back; `applied` (3, 4) moves the world."""
    frames = []
    for row, name in enumerate(cameras.names):
        matrix = np.eye(4)
        matrix[:3] = np.stack(
            [cameras.right[row], -cameras.down[row], -cameras.forward[row], cameras.center[row]], axis=1
        )
        if applied is not None:
            matrix = np.vstack([applied, [0, 0, 0, 1]]) @ matrix
        frames.append({"file_path": name, "transform_matrix": matrix.tolist()})
    content: dict[str, object] = {"fl_x": 500.0, **more, "frames": frames}
    if applied is not None:
        content["applied_transform"] = applied.tolist()
    return json.dumps(content, indent=1)


def bundle_out(cameras: Cameras, focal_px: list[float] | None = None) -> str:
    """World to camera, whose x is right, y up and z back; one point, seen in the first camera."""
    lines = ["# Bundle file v0.3", f"{len(cameras.names)} 1"]
    for row in range(len(cameras.names)):
        rotation = np.stack([cameras.right[row], -cameras.down[row], -cameras.forward[row]])
        translation = -rotation @ cameras.center[row]
        lines.append(f"{500.0 if focal_px is None else focal_px[row]} 0.0 0.0")
        lines += [" ".join(repr(float(value)) for value in vector) for vector in (*rotation, translation)]
    return "\n".join([*lines, "1.0 2.0 3.0", "255 0 0", "1 0 17 1.5 2.5"]) + "\n"


def tum_text(cameras: Cameras, timestamps: list[str]) -> str:
    lines = ["# timestamp tx ty tz qx qy qz qw"]
    for row, timestamp in enumerate(timestamps):
        axes = np.stack([cameras.right[row], cameras.down[row], cameras.forward[row]], axis=1)
        numbers = (*cameras.center[row], *pycolmap.Rotation3d(axes).quat)
        lines.append(" ".join([timestamp, *(repr(float(value)) for value in numbers)]))
    return "\n".join(lines) + "\n"


def kitti_text(cameras: Cameras) -> str:
    lines = []
    for row in range(len(cameras.names)):
        columns = [cameras.right[row], cameras.down[row], cameras.forward[row], cameras.center[row]]
        lines.append(" ".join(repr(float(value)) for value in np.stack(columns, axis=1).ravel()))
    return "\n".join(lines) + "\n"


def write(path: Path, content: str | bytes, end: str = "\n", mark: bool = False) -> Path:
    """Write a file, with other line ends or a byte order mark if asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        content = content.replace("\n", end).encode("utf-8-sig" if mark else "utf-8")
    path.write_bytes(content)
    return path
