"""Photos as models see them: resized, cropped and padded, with the exact way back to the photo's frame.

Pixel coordinates have (0, 0) at the corner of the first pixel, in pictures as in photos: resizing takes corners to
corners, so a picture's pixel centre (0.5, 0.5) lands where PIL, OpenCV and torch sample it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scenesort.types import FloatArray, ImageArray

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo as a model sees it.

    `pixels`: (h, w, 3) uint8 RGB. `frame_from_grid`: (2, 3) float64, takes a point of the picture in pixels to the
    photo's frame. `rows`, `columns`: the part that shows the photo; the rest is padding.
    """

    pixels: ImageArray
    frame_from_grid: FloatArray
    rows: slice
    columns: slice

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the picture, padding included."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def frame_from_part(self) -> FloatArray:
        """The same map (2, 3) from a point of the part that shows the photo."""
        return _shifted(self.frame_from_grid, self.columns.start, self.rows.start)


def whole(image: ImageArray) -> Picture:
    """Return a photo (h, w, 3) uint8 as it is."""
    height, width = image.shape[:2]
    return Picture(image, np.eye(2, 3), slice(0, height), slice(0, width))


def resized(picture: Picture, width_px: int, height_px: int, resample: Image.Resampling) -> Picture:
    """Return an unpadded picture at another size, by one of PIL's filters."""
    if picture.size_px == (width_px, height_px):
        return picture
    return _scaled(picture, np.asarray(Image.fromarray(picture.pixels).resize((width_px, height_px), resample)))


def resized_by_area(picture: Picture, width_px: int, height_px: int) -> Picture:
    """Return an unpadded picture at another size: by OpenCV's area means, or cubic where a side grows."""
    if picture.size_px == (width_px, height_px):
        return picture
    grows = width_px > picture.size_px[0] or height_px > picture.size_px[1]
    method = cv2.INTER_CUBIC if grows else cv2.INTER_AREA
    return _scaled(picture, cv2.resize(picture.pixels, (width_px, height_px), interpolation=method))


def cropped(picture: Picture, left_px: int, top_px: int, width_px: int, height_px: int) -> Picture:
    """Return a part of an unpadded picture."""
    pixels = picture.pixels[top_px : top_px + height_px, left_px : left_px + width_px]
    affine = _shifted(picture.frame_from_grid, left_px, top_px)
    return Picture(np.ascontiguousarray(pixels), affine, slice(0, height_px), slice(0, width_px))


def padded(picture: Picture, width_px: int, height_px: int, value: int) -> Picture:
    """Return an unpadded picture in the middle of a larger one of one grey `value`, 0 to 255."""
    width, height = picture.size_px
    left, top = (width_px - width) // 2, (height_px - height) // 2
    rows, columns = slice(top, top + height), slice(left, left + width)
    pixels = np.full((height_px, width_px, 3), value, np.uint8)
    pixels[rows, columns] = picture.pixels
    return Picture(pixels, _shifted(picture.frame_from_grid, -left, -top), rows, columns)


def nearest_multiple(length: float, patch_px: int) -> int:
    """Return the multiple of a patch's side, at least one, that is nearest to a length."""
    return max(1, round(length / patch_px)) * patch_px


def to_tensor(
    pictures: Sequence[Picture], mean: Sequence[float] = (0, 0, 0), deviation: Sequence[float] = (1, 1, 1)
) -> Any:
    """Return pictures of one size as a tensor (n, 3, h, w) float32: 0 to 1, minus `mean` and over `deviation`."""
    import torch

    stacked = np.stack([picture.pixels for picture in pictures]).astype(np.float32) / 255
    normed = (stacked - np.asarray(mean, np.float32)) / np.asarray(deviation, np.float32)
    return torch.from_numpy(np.ascontiguousarray(normed.transpose(0, 3, 1, 2)))


def _scaled(picture: Picture, pixels: NDArray[Any]) -> Picture:
    height, width = pixels.shape[:2]
    affine = picture.frame_from_grid.copy()
    affine[:, :2] *= (picture.size_px[0] / width, picture.size_px[1] / height)
    return Picture(np.ascontiguousarray(pixels, dtype=np.uint8), affine, slice(0, height), slice(0, width))


def _shifted(affine: FloatArray, x_px: float, y_px: float) -> FloatArray:
    """The map from points whose origin lies at (x, y) of the old ones."""
    shifted = affine.copy()
    shifted[:, 2] += affine[:, :2] @ (x_px, y_px)
    return shifted
