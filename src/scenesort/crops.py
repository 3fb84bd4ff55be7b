"""Parts of photos cut out at one size: what two photos both show, by the inliers of their matches; tiles."""

from __future__ import annotations

import math

import cv2
import numpy as np

from scenesort.types import FloatArray, ImageArray

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in whole upright pixels; right and bottom lie outside."""

MARGIN_SHARE = 0.15
"""How far a crop reaches beyond the points, as a share of their extent: what is shared seldom ends with the matches."""

TAIL_SHARE = 0.02
"""Points left out at each side before the extent is taken: a few inliers are wrong."""

STEPS = 16
"""A crop's sides lie on this grid of the photo, so that it doesn't change with a few points more or less."""

TILE_OVERLAP = 8

LARGEST_ENLARGEMENT = 2.0
WORTHWHILE_SCALE = 1.25
"""Least enlargement of one of the photos beyond the first look, for something new to be seen."""


def crop_boxes(
    points_a_px: FloatArray, points_b_px: FloatArray, sizes_px: tuple[tuple[int, int], ...]
) -> tuple[Box, Box]:
    """Return the boxes of two photos around the points (m, 2) in upright pixels that match between them, m > 0.

    `sizes_px`: width and height of the two upright photos.
    """
    return _box(points_a_px, sizes_px[0]), _box(points_b_px, sizes_px[1])


def is_worthwhile(box: Box, size_px: tuple[int, int], first_side_px: int, second_side_px: int) -> bool:
    """Whether a crop is seen so much larger than in the first look that something new may be seen.

    `first_side_px`: longer side to which whole photos were shrunk; `second_side_px`: to which the crop is brought.
    """
    first = min(1.0, first_side_px / max(size_px))
    return _scale(box, second_side_px) >= WORTHWHILE_SCALE * first


def crop(
    image: ImageArray, box: Box, side_px: int, largest: float = LARGEST_ENLARGEMENT
) -> tuple[ImageArray, FloatArray, FloatArray]:
    """Cut a box out of a photo and bring its longer side to `side_px`, enlarging at most `largest` times.

    Returns the picture and, for points of it (n, 2) in pixels, what to multiply with, (2,), and then to add, (2,), for
    upright pixels of the photo.
    """
    left, top, right, bottom = box
    part = image[top:bottom, left:right]
    scale = _scale(box, side_px, largest)
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    if scale != 1:
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        part = cv2.resize(part, size, interpolation=way).astype(np.uint8, copy=False)
    factor = np.array([(right - left) / size[0], (bottom - top) / size[1]])
    return np.ascontiguousarray(part), factor, np.array([left, top], dtype=np.float64)


def tiles(size_px: tuple[int, int], count: int) -> list[Box]:
    """Return the boxes of `count` x `count` tiles of a photo, each reaching an eighth of its size into the next."""
    width, height = size_px
    reach_x, reach_y = width / count / TILE_OVERLAP, height / count / TILE_OVERLAP
    return [
        (
            max(0, math.floor(width * column / count - reach_x)),
            max(0, math.floor(height * row / count - reach_y)),
            min(width, math.ceil(width * (column + 1) / count + reach_x)),
            min(height, math.ceil(height * (row + 1) / count + reach_y)),
        )
        for row in range(count)
        for column in range(count)
    ]


def _box(points_px: FloatArray, size_px: tuple[int, int]) -> Box:
    low, high = np.quantile(points_px, [TAIL_SHARE, 1 - TAIL_SHARE], axis=0)
    margin = MARGIN_SHARE * (high - low)
    step = max(size_px) / STEPS
    size = np.array(size_px)
    start = np.floor((low - margin) / step) * step
    stop = np.ceil((high + margin) / step) * step
    left, top = np.floor(np.clip(start, 0, size - 1)).astype(int).tolist()
    right, bottom = np.ceil(np.clip(stop, 1, size)).astype(int).tolist()
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _scale(box: Box, side_px: int, largest: float = LARGEST_ENLARGEMENT) -> float:
    left, top, right, bottom = box
    return min(largest, side_px / max(right - left, bottom - top))
