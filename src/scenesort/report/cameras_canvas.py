"""A picture to draw on in final pixels, whose lines come out smooth."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scenesort.report.cameras_view import Rgb
from scenesort.types import FloatArray, ImageArray

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""

PAPER: Rgb = (250, 250, 248)
WHITE: Rgb = (255, 255, 255)
INK: Rgb = (40, 44, 52)

_SHARPNESS = 2
"""Everything is drawn larger by this factor and made smaller at the end."""


class Canvas:
    """A picture whose coordinates are final pixels and whose lines come out smooth."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width * _SHARPNESS, height * _SHARPNESS), PAPER)
        self.pen = ImageDraw.Draw(self.image)

    def text(self, place: tuple[float, float], text: str, size: int, rgb: Rgb = INK, *, anchor: str = "la") -> None:
        """Write a line with a white edge; `anchor` as in Pillow."""
        font = ImageFont.load_default(size * _SHARPNESS)
        at = (place[0] * _SHARPNESS, place[1] * _SHARPNESS)
        self.pen.text(at, text, fill=rgb, font=font, anchor=anchor, stroke_width=_SHARPNESS * 2, stroke_fill=WHITE)
        self.pen.text(at, text, fill=rgb, font=font, anchor=anchor)

    def width_of(self, text: str, size: int) -> float:
        """Return the width of a line in pixels."""
        return float(ImageFont.load_default(size * _SHARPNESS).getlength(text)) / _SHARPNESS

    def clip(self, text: str, size: int, room: float) -> str:
        """Return the text, cut where it is wider than `room`."""
        cut = text
        while self.width_of(cut, size) > room:
            cut = f"{cut[:-4]}..."
        return cut

    def line(self, points: Sequence[tuple[float, float]], rgb: Rgb, width: float) -> None:
        """Draw a line through points."""
        scaled = [(x * _SHARPNESS, y * _SHARPNESS) for x, y in points]
        self.pen.line(scaled, fill=rgb, width=max(1, round(width * _SHARPNESS)), joint="curve")

    def disc(self, place: tuple[float, float], radius: float, rgb: Rgb) -> None:
        """Draw a full circle."""
        x, y, r = (value * _SHARPNESS for value in (*place, radius))
        self.pen.ellipse([x - r, y - r, x + r, y + r], fill=rgb)

    def polygon(self, points: Sequence[tuple[float, float]], rgb: Rgb) -> None:
        """Draw a full polygon."""
        self.pen.polygon([(x * _SHARPNESS, y * _SHARPNESS) for x, y in points], fill=rgb)

    def rectangle(
        self, box: tuple[float, float, float, float], fill: Rgb | None = None, outline: Rgb | None = None
    ) -> None:
        """Draw a rectangle, full or as a thin frame."""
        scaled = [value * _SHARPNESS for value in box]
        self.pen.rectangle(scaled, fill=fill, outline=outline, width=_SHARPNESS)

    def take(self, other: Canvas, box: Box) -> None:
        """Copy what another canvas shows in a box to the same place."""
        left, top, right, bottom = (value * _SHARPNESS for value in box)
        self.image.paste(other.image.crop((left, top, right, bottom)), (left, top))

    def picture(self, pixels: ImageArray, quad: FloatArray, within: Box) -> None:
        """Paste pixels (h, w, 3) into a quad (4, 2), clockwise from the top left, as far as it lies in `within`."""
        quad = quad * _SHARPNESS
        left, top = np.maximum(np.floor(quad.min(axis=0)), np.array(within[:2]) * _SHARPNESS).astype(int)
        right, bottom = np.minimum(np.ceil(quad.max(axis=0)) + 1, np.array(within[2:]) * _SHARPNESS).astype(int)
        if right - left < 2 or bottom - top < 2:
            return
        height, width = pixels.shape[:2]
        source = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
        warp = cv2.getPerspectiveTransform(source, (quad - [left, top]).astype(np.float32))
        size = (int(right - left), int(bottom - top))
        warped = cv2.warpPerspective(pixels, warp, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon([tuple(corner) for corner in quad - [left, top]], fill=255)
        self.image.paste(Image.fromarray(warped), (int(left), int(top)), mask)

    def finished(self) -> Image.Image:
        """Return the picture at its final size."""
        size = (self.image.width // _SHARPNESS, self.image.height // _SHARPNESS)
        return self.image.resize(size, Image.Resampling.BOX)
