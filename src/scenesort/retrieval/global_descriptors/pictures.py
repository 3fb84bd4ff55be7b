"""From an upright photo to what a network sees: shrunk as a whole, never cropped, normalised by channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from scenesort.types import ImageArray

if TYPE_CHECKING:
    import torch

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def fitted_size(width_px: int, height_px: int, side_px: int, multiple_px: int) -> tuple[int, int]:
    """Return width and height with the longer near `side_px`, both multiples of `multiple_px`, near the same aspect."""
    scale = side_px / max(width_px, height_px)
    width, height = (max(1, round(side * scale / multiple_px)) * multiple_px for side in (width_px, height_px))
    return width, height


def network_input(
    image: ImageArray,
    side_px: int,
    multiple_px: int,
    mean: tuple[float, ...] = IMAGENET_MEAN,
    deviation: tuple[float, ...] = IMAGENET_DEVIATION,
) -> torch.Tensor:
    """Return (1, 3, h, w) float32 of an RGB image (height, width, 3) uint8: (value / 255 - mean) / deviation."""
    import torch

    height, width = image.shape[:2]
    size = fitted_size(width, height, side_px, multiple_px)
    shrinks = size[0] * size[1] < width * height
    resized = cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    values = (resized.astype(np.float32) / 255 - np.array(mean, np.float32)) / np.array(deviation, np.float32)
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))[None]
