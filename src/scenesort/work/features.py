"""Features of a photo."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from scenesort import features, photos
from scenesort.execution import own_device
from scenesort.types import Features, Photo


@dataclass(frozen=True, slots=True)
class FeaturesJob:
    """Find one member's features in one photo."""

    photo: Photo
    member: str
    max_keypoints: int
    max_side_px: int
    device: str


def extract(job: FeaturesJob) -> Features:
    """Decode the photo upright, find features, drop masked ones; keypoints come in full-size upright pixels."""
    image, scale = photos.load_upright(job.photo, job.max_side_px)
    found = _feature_member(job.member, job.max_keypoints, job.device).extract(image)
    if job.photo.mask_path is not None and len(found):
        allowed = photos.load_mask_upright(job.photo, found.upright_size_px)
        columns, rows = np.floor(found.keypoints_px).astype(int).T
        keep = allowed[np.clip(rows, 0, allowed.shape[0] - 1), np.clip(columns, 0, allowed.shape[1] - 1)]
        found = dataclasses.replace(
            found,
            keypoints_px=found.keypoints_px[keep],
            descriptors=found.descriptors[keep],
            scores=found.scores[keep],
        )
    full = (found.keypoints_px * np.array(scale)).astype(np.float32)
    return dataclasses.replace(found, keypoints_px=full, upright_size_px=job.photo.upright_size_px)


@lru_cache(maxsize=4)
def _feature_member(name: str, max_keypoints: int, device: str) -> features.FeatureMember:
    return features.load(name)(max_keypoints, own_device(device))
