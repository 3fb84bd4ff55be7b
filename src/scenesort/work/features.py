"""Features of a photo."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from scenesort import features, photos
from scenesort.crops import crop, tiles
from scenesort.execution import own_device
from scenesort.keypoints import chosen, join_looks
from scenesort.types import Features, Float32Array, Photo


@dataclass(frozen=True, slots=True)
class FeaturesJob:
    """Find one member's features in one photo."""

    photo: Photo
    member: str
    max_keypoints: int
    max_side_px: int
    device: str
    more_sides_px: tuple[int, ...] = ()
    tiles: int = 1


def extract(job: FeaturesJob) -> Features:
    """Decode the photo upright, find features, drop masked ones; keypoints come in full-size upright pixels.

    Further sides and tiles are further looks, each with its own `max_keypoints`; what several find counts once.
    """
    member = _feature_member(job.member, job.max_keypoints, job.device)
    size = job.photo.upright_size_px
    looks = []
    for side_px in (job.max_side_px, *(side for side in job.more_sides_px if side <= max(size))):
        image, scale = photos.load_upright(job.photo, side_px)
        found = _unmasked(job.photo, member.extract(image))
        looks.append(_moved(found, (found.keypoints_px * np.array(scale)).astype(np.float32), size))
    if job.tiles > 1 and max(size) > job.max_side_px:
        whole, _ = photos.load_upright(job.photo, None)
        parts = []
        for box in tiles(size, job.tiles):
            part, factor, start = crop(whole, box, job.max_side_px, largest=1.0)
            found = member.extract(part)
            parts.append(_moved(found, (found.keypoints_px * factor + start).astype(np.float32), size))
        looks.append(_unmasked(job.photo, join_looks(parts, 1.0)))
    return looks[0] if len(looks) == 1 else join_looks(looks, max(1.0, max(size) / job.max_side_px))


def _moved(found: Features, keypoints_px: Float32Array, size_px: tuple[int, int]) -> Features:
    return dataclasses.replace(found, keypoints_px=keypoints_px, upright_size_px=size_px)


def _unmasked(photo: Photo, found: Features) -> Features:
    if photo.mask_path is None or not len(found):
        return found
    allowed = photos.load_mask_upright(photo, found.upright_size_px)
    columns, rows = np.floor(found.keypoints_px).astype(int).T
    return chosen(found, allowed[np.clip(rows, 0, allowed.shape[0] - 1), np.clip(columns, 0, allowed.shape[1] - 1)])


@lru_cache(maxsize=4)
def _feature_member(name: str, max_keypoints: int, device: str) -> features.FeatureMember:
    return features.load(name)(max_keypoints, own_device(device))
