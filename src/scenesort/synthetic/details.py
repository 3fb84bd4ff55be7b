"""Things drawn on surfaces: windows, doors, posters, signs, graffiti. All draw into (h, w, 3) uint8 RGB, in place."""

from __future__ import annotations

import string
from dataclasses import dataclass

import cv2
import numpy as np

from scenesort.synthetic.textures import Rng, fractal
from scenesort.types import ImageArray

FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
Rgb = tuple[float, float, float]


def random_rgb(rng: Rng, low: float = 40, high: float = 230) -> Rgb:
    """A random, not too loud colour, 0 … 255 a channel."""
    values = rng.uniform(low, high, 3)
    red, green, blue = (float(value) for value in values + 0.4 * (values.mean() - values))
    return red, green, blue


def random_word(rng: Rng, low: int = 3, high: int = 9) -> str:
    """A word of random capital letters and a few figures."""
    letters = string.ascii_uppercase + "0123456789"
    return "".join(letters[int(index)] for index in rng.integers(0, len(letters), int(rng.integers(low, high))))


def write_text(image: ImageArray, text: str, box: tuple[int, int, int, int], colour: Rgb, font: int) -> None:
    """Write a line of text that fills a box (x0, y0, x1, y1) in texels."""
    x0, y0, x1, y1 = box
    if x1 - x0 < 6 or y1 - y0 < 5:
        return
    (width, height), _ = cv2.getTextSize(text, font, 1.0, 2)
    scale = min((x1 - x0) / max(width, 1), (y1 - y0) / max(height, 1))
    thickness = max(1, round(scale * 2.2))
    cv2.putText(image, text, (x0, y1 - 1), font, float(scale), colour, thickness, cv2.LINE_AA)


def _view(image: ImageArray, x0: int, y0: int, x1: int, y1: int) -> ImageArray:
    h, w = image.shape[:2]
    return image[max(0, y0) : min(h, y1), max(0, x0) : min(w, x1)]


def shade(image: ImageArray, box: tuple[int, int, int, int], factor: float) -> None:
    """Multiply a box (x0, y0, x1, y1) by a factor."""
    view = _view(image, *box)
    view[:] = np.clip(view.astype(np.float32) * np.float32(factor), 0, 255).astype(np.uint8)


def fill(rng: Rng, image: ImageArray, box: tuple[int, int, int, int], colour: Rgb, grain: float = 0.05) -> None:
    """Fill a box with a colour and a little blotchy grain."""
    view = _view(image, *box)
    if view.size == 0:
        return
    h, w = view.shape[:2]
    tone = 1 + np.float32(grain) * fractal(rng, h, w, max(8.0, h / 2), 5, 0.8)
    view[:] = np.clip(tone[:, :, None] * np.array(colour, np.float32), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class WindowStyle:
    """What all windows of one front share. Lengths in metres, colours 0 … 255."""

    width_m: float
    height_m: float
    panes: tuple[int, int]
    frame: Rgb
    surround: Rgb
    shutters: Rgb | None
    arched: bool


def random_window_style(rng: Rng) -> WindowStyle:
    """A window design for one front."""
    frame = (235.0, 232.0, 222.0) if rng.random() < 0.6 else random_rgb(rng, 30, 110)
    base = float(rng.uniform(120, 225))
    return WindowStyle(
        width_m=float(rng.uniform(0.95, 1.35)),
        height_m=float(rng.uniform(1.4, 1.9)),
        panes=(int(rng.integers(2, 4)), int(rng.integers(2, 5))),
        frame=frame,
        surround=(base, base * 0.96, base * 0.88),
        shutters=random_rgb(rng, 35, 140) if rng.random() < 0.45 else None,
        arched=bool(rng.random() < 0.3),
    )


def glass(rng: Rng, h: int, w: int) -> ImageArray:
    """A pane with reflections, and curtains, a blind or things on the sill behind it."""
    sky = np.linspace(rng.uniform(0.75, 1.5), rng.uniform(0.5, 0.9), h, dtype=np.float32)[:, None]
    tone = sky * (1 + 0.28 * fractal(rng, h, w, max(6.0, w * 0.7), 5, 0.6))
    base = np.array((62, 74, 88), np.float32) * np.float32(rng.uniform(0.55, 1.35))
    pane = np.clip(tone[:, :, None] * base, 5, 255)
    skyline = (h * np.clip(0.5 + 0.2 * fractal(rng, 1, w, max(4.0, w / 3), 3)[0], 0.15, 0.95)).astype(int)
    pane[np.arange(h)[:, None] > skyline[None, :]] *= np.float32(rng.uniform(0.45, 0.8))
    choice = rng.random()
    if choice < 0.45:
        colour = np.array(random_rgb(rng, 120, 225), np.float32)
        folds = 0.8 + 0.2 * np.sin(np.arange(w) / max(1.0, w * 0.03) + rng.uniform(0, 6)).astype(np.float32)
        left, right = round(w * rng.uniform(0.08, 0.42)), round(w * rng.uniform(0.6, 0.95))
        for part in (slice(0, left), slice(right, w)):
            pane[:, part] = 0.3 * pane[:, part] + 0.7 * colour * folds[part][None, :, None]
    elif choice < 0.7:
        drop = round(h * rng.uniform(0.15, 0.8))
        slats = 0.82 + 0.18 * (np.arange(drop) % max(2, h // 22) > 0).astype(np.float32)
        pane[:drop] = slats[:, None, None] * np.array(random_rgb(rng, 130, 220), np.float32)
    image: ImageArray = np.clip(pane, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(0, 4))):
        x, size = int(rng.uniform(0, w)), rng.uniform(0.05, 0.13) * w
        top = int(h - size * rng.uniform(1.5, 4))
        cv2.rectangle(image, (int(x - size), top), (int(x + size), h), random_rgb(rng, 20, 180), -1)
        cv2.circle(image, (x, top), int(size * 1.6), random_rgb(rng, 30, 140), -1, cv2.LINE_AA)
    return image


def draw_window(
    style_rng: Rng, rng: Rng, image: ImageArray, x: int, y: int, style: WindowStyle, ppm: float, scale: float = 1.0
) -> None:
    """Draw a window whose opening has its top-left corner at (x, y); `style_rng` is used for its wear alone."""
    w, h = max(8, round(style.width_m * scale * ppm)), max(8, round(style.height_m * scale * ppm))
    border, bar = max(2, round(0.13 * ppm)), max(1, round(0.045 * ppm))
    height, width = image.shape[:2]
    if x - border < 0 or y - border < 0 or x + w + border > width or y + h + border > height:
        return
    fill(style_rng, image, (x - border, y - border, x + w + border, y + h + border), style.surround, 0.06)
    cv2.rectangle(image, (x - border, y - border), (x + w + border, y + h + border), (70.0, 66.0, 60.0), 1)
    pane = glass(rng, h, w)
    columns, rows = style.panes
    reveal = max(2, round(0.10 * ppm))
    pane[:reveal] = (pane[:reveal] * 0.45).astype(np.uint8)
    pane[:, :reveal] = (pane[:, :reveal] * 0.6).astype(np.uint8)
    for column in range(columns + 1):
        at = reveal + round((w - reveal - bar) * column / columns)
        thick = bar * 2 if column == columns // 2 and columns % 2 == 0 else bar
        pane[reveal:, at : at + thick] = style.frame
        pane[reveal:, at + thick : at + thick + max(1, bar // 2)] //= 2
    for row in range(rows + 1):
        at = reveal + round((h - reveal - bar) * row / rows)
        pane[at : at + bar, reveal:] = style.frame
        pane[at + bar : at + bar + max(1, bar // 2), reveal:] //= 2
    view = image[y : y + h, x : x + w]
    if style.arched:
        opening = np.zeros((h, w), np.uint8)
        cv2.rectangle(opening, (0, w // 2), (w, h), 255.0, -1)
        cv2.circle(opening, (w // 2, w // 2), w // 2, 255.0, -1)
        view[opening > 0] = pane[opening > 0]
    else:
        view[:] = pane
    sill = max(2, round(0.09 * ppm))
    fill(style_rng, image, (x - 2 * border, y + h, x + w + 2 * border, y + h + sill), style.surround, 0.06)
    shade(image, (x - 2 * border, y + h + sill, x + w + 2 * border, y + h + 2 * sill), 0.6)
    if style.shutters is not None:
        _shutters(rng, image, (x - border, y, x + w + border, y + h), style.shutters, ppm)
    if rng.random() < 0.22:
        _flower_box(rng, image, x, y + h, w, ppm)


def _shutters(rng: Rng, image: ImageArray, box: tuple[int, int, int, int], colour: Rgb, ppm: float) -> None:
    x0, y0, x1, y1 = box
    leaf = (x1 - x0) // 2
    for side in (-1, 1):
        closed = rng.random() < 0.2
        left = (x0 - leaf if side < 0 else x1) if not closed else (x0 if side < 0 else x0 + leaf)
        tone = rng.uniform(0.8, 1.15)
        fill(rng, image, (left, y0, left + leaf, y1), (colour[0] * tone, colour[1] * tone, colour[2] * tone), 0.08)
        step = max(3, round(0.07 * ppm))
        for y in range(y0 + step, y1 - step, step):
            shade(image, (left + step // 2, y, left + leaf - step // 2, y + max(1, step // 3)), 0.6)
        shade(image, (left, y0, left + max(1, step // 4), y1), 0.5)
        shade(image, (left + leaf, y0, left + leaf + step // 2, y1), 0.7)


def _flower_box(rng: Rng, image: ImageArray, x: int, y: int, w: int, ppm: float) -> None:
    fill(rng, image, (x, y - round(0.05 * ppm), x + w, y + round(0.14 * ppm)), random_rgb(rng, 60, 150), 0.1)
    blooms = [random_rgb(rng, 120, 250) for _ in range(2)]
    for _ in range(int(w / ppm * 60)):
        centre = (int(x + rng.uniform(0, w)), int(y - 0.1 * ppm + rng.normal(0, 0.07) * ppm))
        colour = blooms[int(rng.integers(2))] if rng.random() < 0.35 else random_rgb(rng, 30, 90)
        cv2.circle(image, centre, max(1, round(rng.uniform(0.015, 0.045) * ppm)), colour, -1, cv2.LINE_AA)


def draw_door(rng: Rng, image: ImageArray, x: int, w_m: float, h_m: float, ppm: float, arched: bool) -> None:
    """Draw a door that stands on the image's bottom edge, its left side at texel x."""
    w, h = round(w_m * ppm), round(h_m * ppm)
    bottom = image.shape[0] - max(1, round(0.12 * ppm))
    top = bottom - h
    border = max(2, round(0.18 * ppm))
    stone = float(rng.uniform(120, 215))
    fill(rng, image, (x - border, top - border, x + w + border, bottom), (stone, stone * 0.96, stone * 0.87), 0.07)
    colour = random_rgb(rng, 25, 125)
    fill(rng, image, (x, top, x + w, bottom), colour, 0.09)
    light = round(h * rng.uniform(0.14, 0.24))
    image[top : top + light, x : x + w] = glass(rng, light, w)
    shade(image, (x, top, x + w, top + max(2, round(0.08 * ppm))), 0.4)
    shade(image, (x, top, x + max(2, round(0.06 * ppm)), bottom), 0.5)
    rows = int(rng.integers(2, 5))
    for row in range(rows):
        for column in range(2):
            x0 = round(x + w * (0.1 + 0.43 * column))
            y0 = round(top + light + (h - light) * (row + 0.12) / rows)
            x1, y1 = round(x0 + w * 0.36), round(top + light + (h - light) * (row + 0.88) / rows)
            shade(image, (x0, y0, x1, y1), 0.8)
            shade(image, (x0, y1 - max(1, round(0.02 * ppm)), x1, y1), 1.5)
    knob = (x + round(w * 0.52), bottom - round(1.0 * ppm))
    cv2.circle(image, knob, max(1, round(0.04 * ppm)), (200.0, 170.0, 80.0), -1)
    if arched:
        cv2.ellipse(image, (x + w // 2, top), (w // 2 + border, w // 3), 0, 180, 360, (stone, stone, stone * 0.9), -1)
        cv2.ellipse(image, (x + w // 2, top), (w // 2, w // 4), 0, 180, 360, (50.0, 55.0, 62.0), -1)
    number = str(int(rng.integers(1, 190)))
    size = round(0.22 * ppm)
    left = x + w + border + 3
    write_text(image, number, (left, top, left + size, top + size), (30.0, 30.0, 90.0), FONTS[1])


def poster(rng: Rng, h: int, w: int) -> ImageArray:
    """A bill with a picture, a headline and lines of small print."""
    image = np.zeros((h, w, 3), np.uint8)
    dark = rng.random() < 0.4
    fill(rng, image, (0, 0, w, h), random_rgb(rng, 20, 120) if dark else random_rgb(rng, 150, 250), 0.05)
    ink = random_rgb(rng, 190, 255) if dark else random_rgb(rng, 5, 110)
    top, bottom = round(h * rng.uniform(0.08, 0.3)), round(h * rng.uniform(0.5, 0.72))
    fill(rng, image, (w // 12, top, w - w // 12, bottom), random_rgb(rng), 0.25)
    picture = image[top:bottom, w // 12 : w - w // 12]
    ph, pw = picture.shape[:2]
    for _ in range(int(rng.integers(5, 12))):
        centre, size = (int(rng.uniform(0, pw)), int(rng.uniform(0, ph))), int(rng.uniform(0.05, 0.3) * pw) + 1
        if rng.random() < 0.5:
            cv2.circle(picture, centre, size, random_rgb(rng, 10, 250), -1, cv2.LINE_AA)
        else:
            corners = np.array(centre) + rng.uniform(-size, size, (int(rng.integers(3, 6)), 2)) * 1.4
            cv2.fillPoly(picture, [corners.astype(np.int32)], random_rgb(rng, 10, 250), cv2.LINE_AA)
    font = FONTS[int(rng.integers(len(FONTS)))]
    write_text(image, random_word(rng, 4, 8), (w // 12, bottom + h // 40, w - w // 12, bottom + h // 7), ink, font)
    line = max(5, h // 22)
    for y in range(bottom + h // 7 + line, h - line // 2, round(line * 1.5)):
        text = " ".join(random_word(rng, 2, 9) for _ in range(3))
        write_text(image, text, (w // 12, y - line, round(w * rng.uniform(0.6, 0.92)), y), ink, FONTS[0])
    if top > h // 9:
        write_text(image, random_word(rng, 3, 7), (w // 10, h // 40, w - w // 10, top - h // 40), ink, FONTS[2])
    return image


def paste_poster(rng: Rng, image: ImageArray, x: int, y: int, w: int, h: int) -> None:
    """Put a bill on a wall, slightly worn."""
    height, width = image.shape[:2]
    if x < 0 or y < 0 or x + w > width or y + h > height or w < 8 or h < 8:
        return
    worn = 1 + 0.07 * fractal(rng, h, w, h / 3, 5, 0.7)
    image[y : y + h, x : x + w] = np.clip(poster(rng, h, w) * worn[:, :, None], 0, 255).astype(np.uint8)


def draw_sign(rng: Rng, image: ImageArray, box: tuple[int, int, int, int]) -> None:
    """A shop sign: a board with a name."""
    x0, y0, x1, y1 = box
    board = random_rgb(rng, 15, 110) if rng.random() < 0.6 else random_rgb(rng, 170, 245)
    ink = (240.0, 232.0, 205.0) if sum(board) < 380 else random_rgb(rng, 10, 80)
    fill(rng, image, box, board, 0.05)
    inset = max(1, (y1 - y0) // 10)
    cv2.rectangle(image, (x0 + inset, y0 + inset), (x1 - inset, y1 - inset), ink, max(1, inset // 2))
    text = random_word(rng, 4, 7) + " " + random_word(rng, 3, 7)
    pad = (y1 - y0) // 4
    write_text(image, text, (x0 + 2 * pad, y0 + pad, x1 - 2 * pad, y1 - pad), ink, FONTS[int(rng.integers(len(FONTS)))])
    shade(image, (x0, y1, x1, y1 + inset * 2), 0.6)


def graffiti(rng: Rng, image: ImageArray, x: int, y: int, w: int, h: int) -> None:
    """Spray-painted loops over a box."""
    colour, count = random_rgb(rng, 10, 245), int(rng.integers(2, 5))
    for index in range(count):
        steps = 26
        angle = np.linspace(0, rng.uniform(3, 9), steps) + rng.uniform(0, 6)
        centre = np.array((x + w * (index + 0.5) / count, y + h / 2))
        reach = np.array((w / count * 0.6, h * 0.45)) * rng.uniform(0.5, 1.1, (1, 2))
        loop = np.stack([np.cos(angle), np.sin(angle * rng.uniform(0.6, 1.8))], 1)
        points = centre + reach * loop + rng.normal(0, h * 0.03, (steps, 2))
        cv2.polylines(image, [points.astype(np.int32)], False, colour, max(2, round(h * 0.09)), cv2.LINE_AA)
