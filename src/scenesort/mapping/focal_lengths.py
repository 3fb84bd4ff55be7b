"""Focal lengths that mapping bent to explain a wrong pose: told by what is known of the camera, or by its likes.

With few matches, or matches of a look-alike, a free focal length takes up what the pose can't explain: it is then far
from that of EXIF, or from that of the other photos of one frame size where most of those agree with each other and no
other camera agrees with it. (Web photos of one size come from several cameras, some with two lenses.)
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scenesort import colmap
from scenesort.types import Photo, PosedPhoto, PosedScene

MAX_FACTOR = 1.5
"""Neither EXIF's rounding nor a cropped picture of one camera changes a focal length by more."""
AGREEING_SHARE = 0.1
"""Focal lengths agree that differ from their median by at most this share of it."""
LEAST_OTHERS = 5


@dataclass(frozen=True, slots=True)
class DoubtedFocal:
    """A photo whose focal length is `factor` times what it should be; `against` says by what that is known."""

    name: str
    factor: float
    against: str


def doubted_focals(scene: PosedScene, photos: Mapping[str, Photo]) -> list[DoubtedFocal]:
    """Return the posed photos of a scene whose focal length can't be right, the farthest off first.

    `photos` are those of the scene, by name, with what was known of their cameras. Fixed cameras are never doubted.
    """
    posed = [photo for photo in scene.photos if not photo.camera.fixed]
    found = []
    for photo in posed:
        known = photos[photo.name].camera
        if known.has_focal_prior:
            factor, against = colmap.focal_px(photo.camera) / colmap.focal_px(known), "EXIF"
        else:
            usual = _usual_focal_px(photo, posed)
            if usual is None:
                continue
            factor, against = colmap.focal_px(photo.camera) / usual, "others of its size"
        if not 1 / MAX_FACTOR <= factor <= MAX_FACTOR:
            found.append(DoubtedFocal(photo.name, factor, against))
    return sorted(found, key=lambda item: (-max(item.factor, 1 / item.factor), item.name))


def _usual_focal_px(photo: PosedPhoto, posed: Iterable[PosedPhoto]) -> float | None:
    """The focal length on which most cameras of its frame size agree, None if not or if one is like its own."""
    size = {photo.camera.width_px, photo.camera.height_px}
    by_camera = {
        other.camera_id: colmap.focal_px(other.camera)
        for other in posed
        if other.camera_id != photo.camera_id and {other.camera.width_px, other.camera.height_px} == size
    }
    if len(by_camera) < LEAST_OTHERS:
        return None
    median = statistics.median(by_camera.values())
    num_agreeing = sum(abs(value - median) <= AGREEING_SHARE * median for value in by_camera.values())
    mine = colmap.focal_px(photo.camera)
    is_alone = all(abs(value - mine) > AGREEING_SHARE * mine for value in by_camera.values())
    return median if is_alone and 2 * num_agreeing > len(by_camera) else None
