"""A learned classifier's vote on whether two photos show one place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from scenesort import photos
from scenesort.scenes import PairClassifier, load_classifier
from scenesort.types import ImageArray, Photo

CACHED_PHOTOS = 8
SIDE_PX = 1024
"""Classifiers get photos shrunk to this longer side."""


@dataclass(frozen=True, slots=True)
class ClassifyJob:
    """Ask the classifier `name` about two photos."""

    name: str
    device: str
    first: Photo
    second: Photo


def classify(job: ClassifyJob) -> float:
    """Return the probability that two photos show one place. Raises PhotoError for a photo that can't be read."""
    probability = _classifier(job.name, job.device).same_place(_upright(job.first), _upright(job.second))
    return min(max(float(probability), 0.0), 1.0)


@lru_cache(maxsize=1)
def _classifier(name: str, device: str) -> PairClassifier:
    return load_classifier(name)(device)


@lru_cache(maxsize=CACHED_PHOTOS)
def _upright(photo: Photo) -> ImageArray:
    return photos.load_upright(photo, SIDE_PX)[0]
