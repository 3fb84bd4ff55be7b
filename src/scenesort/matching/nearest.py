"""Mutual nearest neighbours with a ratio test: the classic matcher."""

from __future__ import annotations

import math
from typing import ClassVar

from scenesort.config import MatchingOptions
from scenesort.descriptors import ratio_matches, unit_descriptors
from scenesort.types import Features, PairMatches, Photo


class Nearest:
    """Mutual nearest neighbours with ratio; the usual partner of SIFT. Runs on the CPU whatever the device."""

    name: ClassVar[str] = "nearest"
    version: ClassVar[str] = "2"
    weights: ClassVar[tuple[str, ...]] = ()
    features: ClassVar[tuple[str, ...]] = ("sift", "aliked", "xfeat", "disk", "superpoint")
    learned: ClassVar[bool] = False

    def __init__(self, options: MatchingOptions, device: str) -> None:
        self._max_ratio = options.max_ratio
        self._max_angle_rad = math.radians(options.max_angle_deg)

    def match(self, photo_a: Photo, a: Features, photo_b: Photo, b: Features) -> PairMatches:
        """Match two photos; see MatchingMember."""
        found = ratio_matches(unit_descriptors(a), unit_descriptors(b), self._max_ratio, self._max_angle_rad)
        return PairMatches((photo_a.name, photo_b.name), found)
