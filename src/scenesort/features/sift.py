"""SIFT (Lowe, IJCV 2004) with root normalisation, COLMAP's implementation fed with our own arrays."""

from __future__ import annotations

from typing import ClassVar

from scenesort import colmap
from scenesort.types import Features, ImageArray


class Sift:
    """128-dimensional uint8 descriptors; quick, sub-pixel, and sees other pairs than learned features do."""

    name: ClassVar[str] = "sift"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ()

    def __init__(self, max_keypoints: int, device: str) -> None:
        self._extractor = colmap.SiftExtractor(max_keypoints)

    def extract(self, image: ImageArray) -> Features:
        """Find features in an upright RGB image (height, width, 3) uint8; see FeatureMember."""
        return self._extractor.extract(image)
