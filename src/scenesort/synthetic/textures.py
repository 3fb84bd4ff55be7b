"""Surfaces seen from straight ahead: brick, plaster, stone, paving, grass and the like, from noise alone.

Every function takes a generator, a size in texels and `ppm`, the texels a metre, and gives (h, w, 3) uint8 RGB without
lighting. Nothing is tiled: each brick, slab and stain is drawn from the generator, so no two places look the same.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from scenesort.types import Float32Array, ImageArray

Rng = np.random.Generator
Colour = tuple[float, float, float]
Material = Callable[[Rng, int, int, float], ImageArray]
"""Generator, height and width in texels, texels a metre → (h, w, 3) uint8."""


def fractal(rng: Rng, h: int, w: int, cell_px: float, octaves: int = 6, gain: float = 0.6) -> Float32Array:
    """Sum of octaves of smooth noise, (h, w) float32 of about unit variance; `cell_px` is the coarsest cell."""
    total: Float32Array = np.zeros((1, 1), np.float32)
    amplitude, power = 1.0, 0.0
    # Coarse to fine: each octave is added at its own size, so that the cost is that of the finest alone.
    for octave in range(octaves):
        cell = cell_px / 2.0**octave
        if cell < 1.0 and octave:
            break
        rows, columns = max(2, min(h, int(h / cell) + 2)), max(2, min(w, int(w / cell) + 2))
        total = np.asarray(cv2.resize(total, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32)
        total += np.float32(amplitude) * rng.standard_normal((rows, columns), dtype=np.float32)
        power += amplitude**2 * 0.6
        amplitude *= gain
    total *= np.float32(power**-0.5)
    return np.asarray(cv2.resize(total, (w, h), interpolation=cv2.INTER_CUBIC), np.float32)


def to_image(values: Float32Array) -> ImageArray:
    """Values about 0 … 1 to uint8."""
    return np.asarray(cv2.convertScaleAbs(np.maximum(values, 0), alpha=255.0), np.uint8)


def scaled(image: Float32Array, tone: Float32Array) -> Float32Array:
    """Image (h, w, 3) times a tone (h, w); several times faster than numpy's broadcasting over three channels."""
    return np.asarray(cv2.multiply(image, cv2.merge([tone, tone, tone])), np.float32)


def blended(image: Float32Array, colour: Colour, amount: Float32Array) -> Float32Array:
    """Image (h, w, 3) with a colour laid over it; `amount` (h, w) is 0 … 1."""
    channels = zip(cv2.split(image), colour, strict=True)
    return np.asarray(cv2.merge([part + amount * (np.float32(value) - part) for part, value in channels]), np.float32)


def tint(tone: Float32Array, colour: Colour, hue: Float32Array | None = None, warmth: float = 0.05) -> Float32Array:
    """Colour times a tone (h, w); `hue` (h, w) of about unit variance moves it between cooler and warmer."""
    red, green, blue = (tone * np.float32(channel) for channel in colour)
    if hue is not None:
        shift = np.float32(warmth) * hue
        red *= 1 + shift
        blue *= 1 - shift
    return np.asarray(cv2.merge([red, green, blue]), np.float32)


def _weather(rng: Rng, image: Float32Array, ppm: float, strength: float = 1.0) -> ImageArray:
    """Blotches, streaks that run down and grain over a bare surface."""
    h, w = image.shape[:2]
    blotch = fractal(rng, h, w, 3.0 * ppm, 7, 0.62)
    streak_rows = max(2, int(h / (2.5 * ppm)) + 2)
    streaks = rng.standard_normal((streak_rows, max(2, int(w / (0.06 * ppm)))), dtype=np.float32)
    streak = cv2.resize(streaks, (w, h), interpolation=cv2.INTER_CUBIC)
    grain = rng.standard_normal((h, w), dtype=np.float32)
    tone = 1 + np.float32(strength) * (0.085 * blotch + 0.03 * streak * (blotch < 0.4) + 0.02 * grain)
    tone *= 1 - np.clip(fractal(rng, h, w, 1.6 * ppm, 6, 0.6) - 1.1, 0, 1) * np.float32(0.3 * strength)
    return to_image(scaled(image, tone.astype(np.float32)))


def brick(rng: Rng, h: int, w: int, ppm: float, colour: Colour = (0.60, 0.33, 0.25)) -> ImageArray:
    """Bonded bricks, each with its own tone and hue."""
    brick_h, brick_w, joint = 0.10, 0.30, 0.014
    y = np.arange(h, dtype=np.float32) / np.float32(ppm * brick_h)
    row = y.astype(np.int64)
    offset = (row % 2) * 0.5 + rng.uniform(-0.06, 0.06, int(row[-1]) + 1).astype(np.float32)[row]
    x = np.arange(w, dtype=np.float32)[None, :] / np.float32(ppm * brick_w) + (offset + 0.2)[:, None].astype(np.float32)
    column = x.astype(np.int64)
    shape = (int(row[-1]) + 1, int(column.max()) + 1)
    tone = rng.normal(1.0, 0.13, shape).astype(np.float32)
    tone[rng.random(shape) < 0.06] *= 0.62
    hue = rng.standard_normal(shape, dtype=np.float32)
    image = tint(tone[row[:, None], column], colour, hue[row[:, None], column], 0.09)
    soft = 1.2 / ppm
    gap_x = np.minimum(x - column, 1 - (x - column)) * np.float32(brick_w)
    gap_y = np.minimum(y - row, 1 - (y - row))[:, None] * np.float32(brick_h)
    mortar = np.clip(1 - (np.minimum(gap_x, gap_y) - joint / 2) / soft, 0, 1) * np.float32(0.75)
    image = blended(image, (0.66, 0.63, 0.58), mortar.astype(np.float32))
    return _weather(rng, image, ppm)


def ashlar(
    rng: Rng, h: int, w: int, ppm: float, colour: Colour = (0.74, 0.69, 0.58), course_m: float = 0.42
) -> ImageArray:
    """Courses of cut stones of uneven lengths and tones."""
    image = np.empty((h, w, 3), np.float32)
    shade = np.ones((h, w), np.float32)
    top = 0
    while top < h:
        bottom = min(h, top + max(4, round(course_m * ppm * rng.uniform(0.75, 1.2))))
        left = -round(rng.uniform(0, course_m) * ppm)
        while left < w:
            right = left + max(4, round(course_m * ppm * rng.uniform(0.9, 2.4)))
            tone = np.array(colour) * rng.normal(1.0, 0.085) * (1 + rng.normal(0, 0.02, 3))
            image[top:bottom, max(left, 0) : right] = tone
            line = max(1, round(0.012 * ppm))
            shade[top:bottom, max(left, 0) : max(left, 0) + line] = 0.62
            shade[top:bottom, max(left, 0) + line : max(left, 0) + 2 * line] = 1.1
            left = right
        shade[top : top + max(1, round(0.012 * ppm)), :] = 0.62
        top = bottom
    pits = np.clip(fractal(rng, h, w, 0.12 * ppm, 4, 0.8) - 1.3, 0, 1) * np.float32(0.35)
    image = scaled(image, shade * (1 - pits))
    return _weather(rng, image, ppm, 1.1)


def plaster(rng: Rng, h: int, w: int, ppm: float, colour: Colour = (0.82, 0.74, 0.60)) -> ImageArray:
    """Painted plaster with stains, cracks and patches where the paint came off."""
    image = tint(np.ones((h, w), np.float32), colour, fractal(rng, h, w, 2.0 * ppm, 5), 0.02)
    loss = fractal(rng, h, w, 1.8 * ppm, 7, 0.6)
    image = blended(image, (0.62, 0.56, 0.50), np.clip((loss - 1.75) * 6, 0, 1))
    edge = np.clip(1 - np.abs(loss - 1.75) * 9, 0, 1)
    image = scaled(image, 1 - np.float32(0.25) * edge)
    result = _weather(rng, image, ppm, 1.15)
    cracks(rng, result, ppm, count=max(2, round(h * w / ppm**2 / 9)))
    return result


def cracks(rng: Rng, image: ImageArray, ppm: float, count: int) -> None:
    """Draw random cracks into an image, in place."""
    h, w = image.shape[:2]
    for _ in range(min(count, 300)):
        steps = int(rng.integers(8, 30))
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.45, steps))
        points = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1) * 0.07 * ppm, 0) + rng.uniform(
            (0, 0), (w, h)
        )
        anchor = image[min(h - 1, max(0, int(points[0, 1]))), min(w - 1, max(0, int(points[0, 0])))]
        colour = tuple(float(value) for value in anchor * rng.uniform(0.5, 0.75))
        width = max(1, round(rng.uniform(0.006, 0.016) * ppm))
        cv2.polylines(image, [np.round(points * 8).astype(np.int32)], False, colour, width, cv2.LINE_AA, 3)


def _cells(rng: Rng, h: int, w: int, size_px: float, jitter: float) -> tuple[NDArray[np.int64], Float32Array]:
    """Voronoi cells round jittered grid points: labels (h, w) from 0 and the distance to the cell's centre, texels."""
    rows, columns = int(h / size_px) + 2, int(w / size_px) + 2
    grid = np.stack(np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5), -1).astype(np.float64)
    grid[::2, :, 0] += 0.5
    points = ((grid + rng.uniform(-jitter, jitter, grid.shape)) * size_px - 0.5 * size_px).reshape(-1, 2).astype(int)
    points = points[(points >= 0).all(1) & (points[:, 0] < w) & (points[:, 1] < h)]
    seeds = np.full((h, w), 255, np.uint8)
    seeds[points[:, 1], points[:, 0]] = 0
    distance, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    return np.asarray(labels, np.int64), np.asarray(distance, np.float32)


def cobbles(rng: Rng, h: int, w: int, ppm: float, colour: Colour = (0.50, 0.48, 0.45)) -> ImageArray:
    """Rounded paving stones of uneven shapes, each with its own tone, dirt between them."""
    labels, distance = _cells(rng, h, w, 0.19 * ppm, 0.3)
    count = int(labels.max()) + 1
    tone = rng.normal(1.0, 0.14, count).astype(np.float32)
    hue = rng.standard_normal(count, dtype=np.float32)
    image = tint(tone[labels], colour, hue[labels], 0.06)
    dome = 1.1 - 0.75 * np.clip(distance / np.float32(0.125 * ppm), 0, 1) ** 3
    image = scaled(image, dome)
    return _weather(rng, image, ppm, 1.2)


def slabs(rng: Rng, h: int, w: int, ppm: float, colour: Colour = (0.64, 0.60, 0.54)) -> ImageArray:
    """Flagstones in courses of uneven widths, with cracks and weeds in the joints."""
    image = ashlar(rng, h, w, ppm, colour, course_m=0.75)
    cracks(rng, image, ppm, max(3, round(h * w / ppm**2 / 14)))
    weeds = np.clip(fractal(rng, h, w, 3.5 * ppm, 7, 0.7) - 1.5, 0, 1) * np.float32(0.9)
    return np.asarray(cv2.convertScaleAbs(blended(image.astype(np.float32), (78.0, 92.0, 48.0), weeds)), np.uint8)


def asphalt(rng: Rng, h: int, w: int, ppm: float, colour: Colour = (0.36, 0.36, 0.37)) -> ImageArray:
    """Asphalt with chippings, repaired patches, cracks and oil stains."""
    speckle = rng.standard_normal((h, w), dtype=np.float32)
    speckle = 0.5 * speckle + 0.9 * cv2.GaussianBlur(speckle, (0, 0), 1.2)
    image = tint(1 + 0.16 * speckle, colour, fractal(rng, h, w, ppm, 4), 0.02)
    for _ in range(max(2, round(h * w / ppm**2 / 60))):
        x, y = rng.uniform(0, w), rng.uniform(0, h)
        half = rng.uniform(0.4, 1.8, 2) * ppm
        x0, y0 = max(0, int(x - half[0])), max(0, int(y - half[1]))
        x1, y1 = int(x + half[0]), int(y + half[1])
        image[y0:y1, x0:x1] *= np.float32(rng.choice([0.72, 0.82, 1.2, 1.3]))
    result = _weather(rng, image, ppm, 1.4)
    cracks(rng, result, ppm, max(4, round(h * w / ppm**2 / 8)))
    return result


def grass(rng: Rng, h: int, w: int, ppm: float, colour: Colour = (0.36, 0.46, 0.20)) -> ImageArray:
    """Lawn with worn earth, tufts, clover and fallen leaves."""
    tuft = fractal(rng, h, w, 0.35 * ppm, 5, 0.85)
    patch = fractal(rng, h, w, 4.0 * ppm, 6, 0.6)
    image = tint(1 + 0.20 * tuft + 0.10 * patch, colour, patch, 0.16)
    image = blended(image, (0.47, 0.38, 0.27), np.clip((patch - 1.2) * 2.2 + 0.3 * tuft, 0, 1))
    result = to_image(image)
    litter(rng, result, ppm, 2.5)
    return result


def litter(rng: Rng, image: ImageArray, ppm: float, per_m2: float) -> None:
    """Scatter leaves, gum, pebbles and paper scraps on a ground, in place."""
    h, w = image.shape[:2]
    count = min(4000, round(per_m2 * h * w / ppm**2))
    centres = rng.uniform((0, 0), (w, h), (count, 2))
    sizes = rng.lognormal(np.log(0.028), 0.45, (count, 2)) * ppm
    angles = rng.uniform(0, 180, count)
    palette = np.array([(122, 86, 40), (160, 120, 52), (70, 62, 52), (196, 190, 178), (52, 58, 34), (150, 58, 40)])
    colours = palette[rng.integers(0, len(palette), count)] * rng.uniform(0.7, 1.2, (count, 1))
    for centre, size, angle, colour in zip(centres, sizes, angles, colours, strict=True):
        axes = (max(4, int(size[0] * 8)), max(4, int(size[1] * 8)))
        position = (int(centre[0] * 8), int(centre[1] * 8))
        value = tuple(float(channel) for channel in np.minimum(colour, 255))
        cv2.ellipse(image, position, axes, float(angle), 0, 360, value, -1, cv2.LINE_AA, 3)


def roof_tiles(rng: Rng, h: int, w: int, ppm: float, colour: Colour = (0.56, 0.30, 0.22)) -> ImageArray:
    """Rows of tiles, each with its own tone, and moss."""
    tile_h, tile_w = 0.28, 0.22
    y = np.arange(h, dtype=np.float32) / np.float32(ppm * tile_h)
    row = y.astype(np.int64)
    x = np.arange(w, dtype=np.float32)[None, :] / np.float32(ppm * tile_w) + ((row % 2) * 0.5)[:, None].astype(
        np.float32
    )
    column = x.astype(np.int64)
    shape = (int(row[-1]) + 1, int(column.max()) + 1)
    tone = rng.normal(1.0, 0.13, shape).astype(np.float32)
    hue = rng.standard_normal(shape, dtype=np.float32)
    image = tint(tone[row[:, None], column], colour, hue[row[:, None], column], 0.07)
    image *= (0.62 + 0.45 * np.sqrt(np.clip(y - row, 0, 1)))[:, None, None]
    image = scaled(image, (0.78 + 0.22 * np.sin(np.pi * (x - column))).astype(np.float32))
    moss = np.clip(fractal(rng, h, w, 2.2 * ppm, 6, 0.7) - 1.0, 0, 1) * np.float32(0.6)
    image = blended(image, (0.36, 0.38, 0.22), moss)
    return _weather(rng, image, ppm)


def wood(rng: Rng, h: int, w: int, ppm: float, colour: Colour = (0.50, 0.36, 0.23)) -> ImageArray:
    """Upright boards with grain and knots."""
    grain = rng.standard_normal((max(2, int(h / (0.7 * ppm)) + 2), w), dtype=np.float32)
    tone = 1 + 0.13 * cv2.resize(grain, (w, h), interpolation=cv2.INTER_CUBIC)
    left = 0
    while left < w:
        right = left + max(3, round(rng.uniform(0.10, 0.20) * ppm))
        tone[:, left:right] *= np.float32(rng.normal(1.0, 0.14))
        tone[:, left : left + max(1, round(0.012 * ppm))] *= np.float32(0.4)
        left = right
    return _weather(rng, tint(tone, colour), ppm)


def metal(rng: Rng, h: int, w: int, ppm: float, colour: Colour = (0.30, 0.36, 0.34)) -> ImageArray:
    """Painted metal with rust and scratches."""
    image = tint(np.ones((h, w), np.float32), colour)
    image = blended(image, (0.45, 0.25, 0.13), np.clip(fractal(rng, h, w, 0.8 * ppm, 7, 0.7) - 1.1, 0, 1))
    return _weather(rng, image, ppm)


def foliage(rng: Rng, h: int, w: int, ppm: float, colour: Colour = (0.30, 0.42, 0.16)) -> tuple[ImageArray, ImageArray]:
    """Leaves seen against the sky: colour (h, w, 3) and opacity (h, w), both uint8; a ragged round clump."""
    labels, distance = _cells(rng, h, w, max(2.0, 0.11 * ppm), 0.45)
    count = int(labels.max()) + 1
    clump = fractal(rng, h, w, 0.9 * ppm, 5, 0.75)
    tone = rng.normal(1.0, 0.22, count).astype(np.float32)[labels] * (1 + 0.22 * clump)
    tone *= 1.1 - 0.5 * np.clip(distance / np.float32(max(1.5, 0.09 * ppm)), 0, 1)
    hue = rng.standard_normal(count, dtype=np.float32)[labels]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    radius = np.hypot((x + 0.5) / w * 2 - 1, (y + 0.5) / h * 2 - 1)
    leaf = rng.standard_normal(count, dtype=np.float32)[labels]
    opaque = (radius + 0.16 * clump + 0.11 * leaf) < 0.78
    tone *= 1.15 - 0.35 * (y / h)
    return to_image(tint(tone, colour, hue, 0.14)), (opaque * 255).astype(np.uint8)
