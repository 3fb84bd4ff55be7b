"""What the three pictures of aligned cameras share: the upright frame, frusta, colours and thumbnails.

The view frame is glTF's: x right, y up, z towards the reader, in the unit of the true cameras, with its origin at the
middle of the scene. Gravity is unknown, so up is estimated from the true cameras.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from scenesort.evaluation.alignment import AlignedScene, Status
from scenesort.geometry import compose
from scenesort.photos.decoding import QUARTER_TURNS, UnreadableError, load_stored, open_image, to_rgb
from scenesort.types import FloatArray, ImageArray

Rgb = tuple[int, int, int]

OPENING_ANGLE_DEG = 50.0
"""Opening angle across the longer side of every frustum: labels and submissions tell no intrinsics."""

TRUE_RGB: Rgb = (0, 114, 178)
OTHER_RGB: Rgb = (150, 150, 150)
UNMEASURED_RGB: Rgb = (110, 110, 110)
SCALE_RGB: tuple[Rgb, ...] = ((0, 158, 115), (240, 200, 30), (200, 50, 20), (120, 0, 30))
"""From accurate to lost: near the hues that Okabe and Ito chose for all kinds of colour vision, and a dark red."""

MAX_THUMBNAIL_PX = 160
MAX_THUMBNAIL_BYTES = 20_000
ESTIMATED_SCALE = 0.9
"""Estimated frusta are a little smaller: on an exact estimate both outlines are seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """A photo's pixels (h, w, 3) uint8 RGB in the frame that poses refer to: as stored, or upright if EXIF mirrors."""

    pixels: ImageArray

    @property
    def aspect(self) -> float:
        """Width divided by height."""
        height, width = self.pixels.shape[:2]
        return float(width / height)

    def jpeg(self) -> bytes:
        """Return a JPEG of at most `MAX_THUMBNAIL_BYTES`, or of the lowest quality that is tried."""
        encoded = b""
        for quality in (80, 65, 50, 35):
            with io.BytesIO() as file:
                Image.fromarray(self.pixels).save(file, format="JPEG", quality=quality)
                encoded = file.getvalue()
            if len(encoded) <= MAX_THUMBNAIL_BYTES:
                break
        return encoded


def frustum_corners(depth: float, aspect: float) -> FloatArray:
    """Return (6, 3) points in the camera's frame: the centre, the image's corners clockwise from top left, the roof.

    The roof is a point above the image's upper side.
    """
    half = depth * math.tan(math.radians(OPENING_ANGLE_DEG / 2))
    x, y = half * min(1.0, aspect), half * min(1.0, 1.0 / aspect)
    roof = [0.0, -y - 0.2 * depth, depth]
    return np.array([[0, 0, 0], [-x, -y, depth], [x, -y, depth], [x, y, depth], [-x, y, depth], roof], dtype=np.float64)


FRUSTUM_EDGES = ((0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (4, 1), (1, 5), (5, 2))
"""Pairs of `frustum_corners`."""


@dataclass(frozen=True, slots=True, eq=False)
class DrawnCamera:
    """One frustum.

    `group` is `true`, `estimated` or `other` (a photo of another scene in the cluster). `view_from_cam`: (3, 4)
    float64 rigid, camera axes as in OpenCV. `depth`: from centre to image plane, in the true cameras' unit.
    """

    group: str
    photo: str
    view_from_cam: FloatArray
    depth: float
    aspect: float
    rgb: Rgb
    thumbnail: Thumbnail | None

    def corners(self) -> FloatArray:
        """Return the (6, 3) points of `frustum_corners` in the view frame."""
        points = frustum_corners(self.depth, self.aspect)
        moved: FloatArray = points @ self.view_from_cam[:, :3].T + self.view_from_cam[:, 3]
        return moved


@dataclass(frozen=True, slots=True, eq=False)
class Join:
    """The line from a true centre to the estimated one: `ends` (2, 3) float64 in the view frame."""

    photo: str
    ends: FloatArray
    rgb: Rgb


@dataclass(frozen=True, slots=True, eq=False)
class CamerasView:
    """All that is drawn of one scene. `view_from_world`: (3, 4) float64 rigid; `depth`: of the true frusta."""

    scene: AlignedScene
    view_from_world: FloatArray
    depth: float
    cameras: tuple[DrawnCamera, ...]
    joins: tuple[Join, ...]

    @property
    def radius(self) -> float:
        """Distance from the origin that holds all true frusta."""
        reach = [np.linalg.norm(camera.corners(), axis=1).max() for camera in self.cameras if camera.group == "true"]
        return float(max(reach, default=1.0))


def lay_out(scene: AlignedScene, thumbnails: Mapping[str, Thumbnail]) -> CamerasView:
    """Return what is drawn of a scene; a photo's thumbnail goes on its estimated frustum, else on its true one."""
    view_from_world = upright_view(scene.true_world_from_cam)
    depth = frustum_depth(scene.true_world_from_cam[:, :, 3])
    default_aspect = _usual_aspect(thumbnails)

    def draw(group: str, photo: str, pose: FloatArray, rgb: Rgb, with_photo: bool) -> DrawnCamera:
        thumbnail = thumbnails.get(photo)
        return DrawnCamera(
            group=group,
            photo=photo,
            view_from_cam=compose(view_from_world, pose),
            depth=depth if group == "true" else ESTIMATED_SCALE * depth,
            aspect=thumbnail.aspect if thumbnail else default_aspect,
            rgb=rgb,
            thumbnail=thumbnail if with_photo else None,
        )

    cameras, joins = [], []
    rows = zip(scene.photos, scene.true_world_from_cam, scene.estimated_world_from_cam, scene.errors, strict=True)
    for photo, true_pose, estimated_pose, error in rows:
        has_true, has_estimate = bool(np.isfinite(true_pose).all()), bool(np.isfinite(estimated_pose).all())
        rgb = error_rgb(float(error), scene.thresholds)
        if has_true:
            cameras.append(draw("true", photo, true_pose, TRUE_RGB, not has_estimate))
        if has_estimate:
            cameras.append(draw("estimated", photo, estimated_pose, rgb, True))
        if has_true and has_estimate:
            joins.append(Join(photo, np.stack([cameras[-2].view_from_cam[:, 3], cameras[-1].view_from_cam[:, 3]]), rgb))
    for photo, pose in zip(scene.strangers, scene.strangers_world_from_cam, strict=True):
        if np.isfinite(pose).all():
            cameras.append(draw("other", photo, pose, OTHER_RGB, True))
    return CamerasView(scene, view_from_world, depth, tuple(cameras), tuple(joins))


def describe(scene: AlignedScene) -> str:
    """Return in one line what came of a scene."""
    absent = {
        "without a pose": scene.count(Status.UNPOSED),
        "in other clusters": scene.count(Status.ELSEWHERE),
        "from other scenes": len(scene.strangers),
    }
    extras = [f"{count} {words}" for words, count in absent.items() if count]
    if scene.cluster is None:
        sentence = "no cluster holds any of them, so the true cameras stand alone"
    elif scene.true_from_submitted is None:
        sentence = f"no transform fits cluster {scene.cluster}, so the true cameras stand alone"
    else:
        near, posed = scene.count(Status.WITHIN), scene.count(Status.WITHIN, Status.BEYOND, Status.UNMEASURED)
        sentence = (
            f"{near} of {posed} estimated cameras of cluster {scene.cluster} are nearer than {scene.threshold:g} to"
            " their true places"
        )
    return "; ".join([f"{len(scene.photos)} photos: {sentence}", *extras])


def upright_view(world_from_cam: FloatArray) -> FloatArray:
    """Return `view_from_world` (3, 4) for true cameras (n, 3, 4): y up, looking as the cameras look on average.

    Up begins as the mean of the cameras' own up (-y) axes. A photo that was taken with the camera on its side has that
    axis level, so each camera is asked again with the one of its four in-plane directions that is nearest to up.
    """
    poses = world_from_cam[np.isfinite(world_from_cam).all(axis=(1, 2))]
    if len(poses) == 0:
        return np.concatenate([np.diag([1.0, -1.0, -1.0]), np.zeros((3, 1))], axis=1)
    right, down, forward = poses[:, :, 0], poses[:, :, 1], poses[:, :, 2]
    directions = np.stack([-down, down, right, -right], axis=1)
    up = _unit(-down.mean(axis=0), -down[0])
    for _ in range(10):
        nearest = np.argmax(directions @ up, axis=1)
        up = _unit(directions[np.arange(len(poses)), nearest].mean(axis=0), up)
    level = forward - np.outer(forward @ up, up)
    ahead = level.mean(axis=0)
    if np.linalg.norm(ahead) < 0.2:
        # Cameras all round: look along the shorter side of their ground plan.
        offsets = poses[:, :, 3] - poses[:, :, 3].mean(axis=0)
        offsets -= np.outer(offsets @ up, up)
        widest = np.linalg.svd(offsets)[2][0]
        ahead = np.cross(up, widest - (widest @ up) * up)
    back = _unit(-ahead, np.cross(np.eye(3)[np.argmin(np.abs(up))], up))
    rotation = np.stack([np.cross(up, back), up, back])
    low, high = poses[:, :, 3].min(axis=0), poses[:, :, 3].max(axis=0)
    return np.concatenate([rotation, -(rotation @ ((low + high) / 2))[:, None]], axis=1)


def frustum_depth(centers: FloatArray) -> float:
    """Return a depth that suits true centres (n, 3): most frusta stay clear of their neighbours, yet can be seen."""
    centers = centers[np.isfinite(centers).all(axis=1)]
    if len(centers) < 2:
        return 1.0
    spread = float(np.median(np.linalg.norm(centers - np.median(centers, axis=0), axis=1)))
    distances = np.linalg.norm(centers[:, None] - centers[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    nearest = float(np.median(distances.min(axis=1)))
    return float(np.clip(0.7 * nearest, 0.15 * spread, 0.4 * spread)) or nearest or 1.0


def scale_position(error: float, thresholds: Iterable[float]) -> float:
    """Return where an error stands on the colour scale, 0 … 1: by its logarithm, from smallest to largest threshold."""
    positive = [threshold for threshold in thresholds if threshold > 0]
    low, high = min(positive, default=1.0), max(positive, default=1.0)
    if error <= low:
        return 0.0
    if error >= high:
        return 1.0
    return math.log(error / low) / math.log(high / low)


def scale_rgb(position: float) -> Rgb:
    """Return the colour at a position of the scale, 0 … 1."""
    stops = np.linspace(0, 1, len(SCALE_RGB))
    red, green, blue = (round(float(np.interp(position, stops, channel))) for channel in zip(*SCALE_RGB, strict=True))
    return red, green, blue


def error_rgb(error: float, thresholds: Iterable[float]) -> Rgb:
    """Return the colour of an estimated camera; grey where its error can't be measured."""
    return UNMEASURED_RGB if math.isnan(error) else scale_rgb(scale_position(error, thresholds))


def find_thumbnails(folder: Path, dataset: str, photos: Iterable[str]) -> tuple[dict[str, Thumbnail], tuple[str, ...]]:
    """Return thumbnails of photos, `folder/dataset/NAME` or `folder/NAME`, and which aren't there or can't be read."""
    found, missing = {}, []
    for photo in photos:
        path = next((path for path in (folder / dataset / photo, folder / photo) if path.is_file()), None)
        try:
            if path is None:
                missing.append(photo)
            else:
                found[photo] = load_thumbnail(path)
        except UnreadableError:
            missing.append(photo)
    return found, tuple(missing)


def load_thumbnail(path: Path) -> Thumbnail:
    """Read a photo, at most `MAX_THUMBNAIL_PX` on its longer side; raises `UnreadableError`."""
    with open_image(path) as image:
        image.draft("RGB", (2 * MAX_THUMBNAIL_PX, 2 * MAX_THUMBNAIL_PX))
        stored, orientation = load_stored(image)
        if orientation not in QUARTER_TURNS:
            stored = ImageOps.exif_transpose(stored)
        pixels = to_rgb(stored)
    longest = max(pixels.shape[:2])
    if longest > MAX_THUMBNAIL_PX:
        width, height = (max(1, round(side * MAX_THUMBNAIL_PX / longest)) for side in pixels.shape[1::-1])
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return Thumbnail(pixels)


def _usual_aspect(thumbnails: Mapping[str, Thumbnail]) -> float:
    aspects = sorted(thumbnail.aspect for thumbnail in thumbnails.values())
    return aspects[len(aspects) // 2] if aspects else 4 / 3


def _unit(vector: FloatArray, otherwise: FloatArray) -> FloatArray:
    """Return the vector at length 1, or `otherwise` where it has next to none."""
    length = float(np.linalg.norm(vector))
    chosen: FloatArray = vector / length if length > 1e-6 else otherwise / np.linalg.norm(otherwise)
    return chosen
