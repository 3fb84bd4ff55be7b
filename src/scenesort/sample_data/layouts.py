"""From the files of a source, as they were downloaded and unpacked, to photos with true cameras."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from scenesort.errors import SampleDataError
from scenesort.photos.decoding import FORMAT_OF_EXTENSION
from scenesort.pose_files import PoseCluster, read_poses_file
from scenesort.pose_files.matching import PhotoNames
from scenesort.sample_data.entries import Layout
from scenesort.sample_data.true_cameras import read_camera_file, read_projection_matrix
from scenesort.types import FloatArray

CAMERA_ENDING = ".camera"
BUNDLE_NAME = "bundle.out"
_PROJECTION = ("._c.", "_P.txt")
_MODEL_FILES = {f"{stem}.{ending}" for stem in ("images", "frames", "rigs") for ending in ("bin", "txt")}
_POSES = {"transforms.json", BUNDLE_NAME, *_MODEL_FILES}


@dataclass(frozen=True, slots=True, eq=False)
class TruePhoto:
    """A photo of a set: `name` is its path in the source, `cam_from_world` (3, 4) float64 in the set's own unit.

    `cam_from_world` is None where the set tells no pose of it.
    """

    name: str
    path: Path
    cam_from_world: FloatArray | None


def is_wanted(member: str) -> bool:
    """Whether a file of an archive is a photo or tells true cameras; all others are left in it."""
    path = PurePosixPath(member)
    if any(part.startswith((".", "__")) for part in path.parts):
        return False
    return path.suffix.lower() in FORMAT_OF_EXTENSION or path.suffix == CAMERA_ENDING or path.name in _POSES


def read_photos(folder: Path, layout: Layout) -> list[TruePhoto]:
    """Return the photos below a folder with their true cameras, sorted by name.

    Raises SampleDataError where the folder doesn't hold what the layout says, EvaluationError where a file of cameras
    is malformed.
    """
    paths = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in FORMAT_OF_EXTENSION and path.is_file()
    }
    if not paths:
        raise SampleDataError(f"{folder}: no photo came; the source's layout has changed")
    match layout:
        case "photos only":
            poses: dict[str, FloatArray] = {}
        case "camera files":
            poses = _one_file_a_photo(folder, paths, f"*{CAMERA_ENDING}", _photo_of_camera_file, read_camera_file)
        case "projection matrices":
            ending = _PROJECTION[1]
            poses = _one_file_a_photo(folder, paths, f"*{ending}", _photo_of_projection, read_projection_matrix)
        case "poses file":
            poses = _one_file_for_all(folder, paths)
    return [TruePhoto(name, path, poses.get(name)) for name, path in paths.items()]


def _photo_of_camera_file(path: Path) -> str:
    return path.name.removesuffix(CAMERA_ENDING)


def _photo_of_projection(path: Path) -> str:
    return path.name.removesuffix(_PROJECTION[1]) + _PROJECTION[0]


def _one_file_a_photo(
    folder: Path,
    paths: dict[str, Path],
    pattern: str,
    photo_of: Callable[[Path], str],
    read: Callable[[Path], FloatArray],
) -> dict[str, FloatArray]:
    """Read a file of cameras for each photo: `photo_of` gives the photo's name, or its beginning, for such a file."""
    cameras = sorted(folder.rglob(pattern))
    poses: dict[str, FloatArray] = {}
    for camera in cameras:
        wanted = photo_of(camera)
        fitting = [name for name in paths if name.rsplit("/", 1)[-1].startswith(wanted)]
        if len(fitting) != 1 or fitting[0] in poses:
            raise SampleDataError(
                f"{camera.relative_to(folder)}: {len(fitting) or 'no'} photos fit this file of a camera; the source's "
                "layout has changed"
            )
        poses[fitting[0]] = read(camera)
    if len(poses) < len(paths):
        bare = sorted(set(paths) - set(poses))
        raise SampleDataError(f"{len(bare)} photos came without a camera, {bare[0]} first; the source's layout changed")
    return poses


def _one_file_for_all(folder: Path, paths: dict[str, Path]) -> dict[str, FloatArray]:
    """Read one file of cameras; it may name photos that its authors don't publish, which are passed over."""
    known = PhotoNames(paths)
    poses: dict[str, FloatArray] = {}
    cluster = _cluster(folder, paths)
    for row, image in enumerate(cluster.image):
        fitting = known.find(image)
        if len(fitting) > 1 or poses.keys() & fitting:
            raise SampleDataError(
                f"{cluster.where(row)}: the name fits several photos, or one that has a camera already"
            )
        poses |= {name: _pose(cluster, row) for name in fitting}
    return poses


def _cluster(folder: Path, paths: dict[str, Path]) -> PoseCluster:
    names = None
    if any(folder.rglob(BUNDLE_NAME)):
        # Bundler names no photos; its cameras are in the order of the photos' names.
        names = folder / "names.txt"
        names.write_text("".join(f"{name}\n" for name in paths), encoding="utf-8")
    clusters = read_poses_file(folder, names)
    if len(clusters) != 1:
        listed = ", ".join(cluster.name for cluster in clusters)
        raise SampleDataError(f"{folder}: {len(clusters)} models came where one should be: {listed}")
    return clusters[0]


def _pose(cluster: PoseCluster, row: int) -> FloatArray:
    return np.column_stack([cluster.rotation[row], cluster.translation[row]])


def flat_names(photos: list[TruePhoto], prefix: str) -> list[str]:
    """Return file names for photos in one folder: their own where these differ, else with their folders' names.

    `prefix` goes before each; it is empty for a set by itself.
    """
    own = [photo.name.rsplit("/", 1)[-1] for photo in photos]
    if max(Counter(own).values(), default=1) > 1:
        own = [photo.name.replace("/", "_") for photo in photos]
        if len(set(own)) < len(own):
            raise SampleDataError("two photos have the same name; the source's layout has changed")
    return [f"{prefix}{name}" for name in own]
