"""Photo sets of a few small photos in the layouts of the real ones, and a server on this machine that has them."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scenesort.geometry import invert, rotation_from_quaternion
from scenesort.sample_data import REGISTRY, DataFile, SampleSet, Source
from scenesort.types import FloatArray
from weights_world import Handler, Server, whole

RADIUS = 5.0


def ring(count: int, radius: float = RADIUS) -> FloatArray:
    """Poses (count, 3, 4), cam_from_world, of cameras on a circle about the world's z axis, that look at its middle."""
    poses = []
    for angle in np.linspace(0, 2 * np.pi, count, endpoint=False):
        outwards = np.array([np.cos(angle), np.sin(angle), 0.0])
        down = np.array([0.0, 0.0, -1.0])
        rotation = np.stack([np.cross(down, -outwards), down, -outwards])
        poses.append(np.column_stack([rotation, -rotation @ (radius * outwards)]))
    return np.array(poses)


def any_pose(seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    return np.column_stack([rotation_from_quaternion(rng.normal(size=4)), rng.normal(scale=10, size=3)])


def photo(seed: int, kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (36, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


def rows(numbers: Any) -> str:
    return "".join(" ".join(repr(float(value)) for value in row) + " \n" for row in np.atleast_2d(numbers))


def camera_text(cam_from_world: FloatArray) -> str:
    """A `.camera` file as Strecha's: spaces at the ends of lines, no line end at the end of the file."""
    world_from_cam = invert(cam_from_world)
    calibration = [[2759.48, 0, 1520.69], [0, 2764.16, 1006.81], [0, 0, 1]]
    text = rows(calibration) + "0 0 0\n" + rows(world_from_cam[:, :3]) + rows(world_from_cam[:, 3])
    return text + "3072 2048"


def projection_text(cam_from_world: FloatArray, scale: float = 1.0) -> str:
    calibration = np.array([[1860.9, 0, 1368.76], [0, 1860.9, 774.25], [0, 0, 1]])
    return rows(scale * calibration @ cam_from_world)


def transforms_text(poses: Mapping[str, FloatArray]) -> str:
    import json

    frames = []
    for name, pose in poses.items():
        matrix = np.vstack([invert(pose), [0, 0, 0, 1]]) @ np.diag([1.0, -1.0, -1.0, 1.0])
        frames.append({"file_path": name, "transform_matrix": matrix.tolist()})
    return json.dumps({"frames": frames})


def images_text(poses: Mapping[str, FloatArray]) -> str:
    """COLMAP's images.txt, with rotations as pycolmap turns them into quaternions."""
    import pycolmap

    lines = ["# Image list with two lines of data per image:"]
    for number, (name, pose) in enumerate(poses.items(), start=1):
        x, y, z, w = pycolmap.Rotation3d(pose[:, :3]).quat
        numbers = " ".join(repr(float(value)) for value in (w, x, y, z, *pose[:, 3]))
        lines += [f"{number} {numbers} 1 {name}", ""]
    return "\n".join(lines) + "\n"


def bundle_text(poses: list[FloatArray | None]) -> str:
    """Bundler's bundle.out; None is a camera of focal length 0."""
    flip = np.diag([1.0, -1.0, -1.0])
    text = f"# Bundle file v0.3\n{len(poses)} 0\n"
    for pose in poses:
        if pose is None:
            text += "0 0 0\n" * 5
        else:
            text += "700 0 0\n" + rows(flip @ pose[:, :3]) + rows(flip @ pose[:, 3])
    return text


def tar(members: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def zipped(members: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def blob_name(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class SampleServer:
    """Hands out what is put into `contents`, by path; `register` puts a set into the registry."""

    def __init__(self, world: Server, monkeypatch: Any) -> None:
        self.world = world
        self.contents: dict[str, bytes] = {}
        self._monkeypatch = monkeypatch
        world.then = self._answer

    def _answer(self, request: Handler) -> None:
        if request.path in self.contents:
            whole(self.contents[request.path])(request)
        else:
            request.send_error(404)

    def put(self, path: str, content: bytes, **known: Any) -> DataFile:
        """Serve a file; `known` is what the registry knows of it."""
        self.contents[f"/{path}"] = content
        return DataFile(path, f"{self.world.url}/{path}", **known)

    def source(self, layout: Any, *files: DataFile, name: str = "original", about_mb: float | None = None) -> Source:
        return Source(name, "https://example.org/sets", files, layout, "these tests", about_mb)

    def register(self, name: str, *sources: Source, num_photos: int, **others: Any) -> SampleSet:
        fields: dict[str, Any] = {
            "title": "a ring of cameras",
            "place": name,
            "truth": "made by these tests",
            "terms": "none at all",
            "terms_from": "these tests",
            "citation": "Nobody: Nothing. 2026.",
            "needs_consent": False,
        }
        entry = SampleSet(name=name, num_photos=num_photos, sources=sources, **(fields | others))
        self._monkeypatch.setitem(REGISTRY, name, entry)
        return entry

    def fountain(self, name: str = "well-p4", count: int = 4, first: int = 0, **others: Any) -> SampleSet:
        """A set as EPFL has it: an archive of photos and one of camera files, and neither size nor digest."""
        poses = ring(count)
        photos = {f"well/urd/{index:04d}.png": photo(first + index) for index in range(count)}
        cameras = {f"{path}.camera": camera_text(poses[i]).encode() for i, path in enumerate(photos)}
        files = [self.put(f"{name}_images.tar.gz", tar(photos)), self.put(f"{name}_cameras.tar.gz", tar(cameras))]
        return self.register(name, self.source("camera files", *files), num_photos=count, **others)

    def fox(self, name: str = "cub", count: int = 5, first: int = 50, **others: Any) -> SampleSet:
        """A set as repositories have it: single files with sizes and digests; a frame's photo isn't there."""
        poses = ring(count + 1, 2.0)
        names = [f"images/{index:04d}.jpg" for index in range(count)]
        contents = {f"{name}/{path}": photo(first + index, "JPEG") for index, path in enumerate(names)}
        frames = dict(zip([*names, "images/gone.jpg"], poses, strict=True))
        contents[f"{name}/transforms.json"] = transforms_text(frames).encode()
        files = []
        for index, (path, content) in enumerate(contents.items()):
            is_blob = index == 0
            digest = blob_name(content) if is_blob else sha256(content)
            files.append(self.put(path, content, size_bytes=None if is_blob else len(content), digest=digest))
        return self.register(name, self.source("poses file", *files), num_photos=count, **others)


def labels_of(folder: Path) -> dict[str, FloatArray]:
    """The poses of a laid-out set's labels by photo."""
    from scenesort.evaluation.tables import read_poses

    table = read_poses(folder / "labels.csv")
    poses = np.concatenate([table.rotation, table.translation[:, :, None]], axis=2)
    return dict(zip(table.image, poses, strict=True))
