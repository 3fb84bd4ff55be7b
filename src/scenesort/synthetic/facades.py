"""Buildings: fronts with windows, doors and shops, roofs, cornices, balconies, awnings, chimneys.

A front has a shared part (walls, windows, doors, from `shared_seed`) and a part of its own (bills, signs, stains, from
the scene's generator): two scenes that use one `shared_seed` show the same building with different details.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from scenesort.synthetic import details, textures
from scenesort.synthetic.details import Rgb, WindowStyle
from scenesort.synthetic.textures import Material, Rng
from scenesort.synthetic.world import Builder, Frame, Painter, painter
from scenesort.types import ImageArray


@dataclass(frozen=True)
class FrontStyle:
    """What the sides of one building share. Lengths in metres."""

    wall: Material
    colour: tuple[float, float, float]
    base: Material
    window: WindowStyle
    storey_m: float
    spacing_m: float
    has_shop: bool
    has_string_courses: bool
    gable: bool
    shared_seed: int


def front_style(shared_seed: int) -> FrontStyle:
    """The style that belongs to a seed."""
    rng = np.random.default_rng((shared_seed, 11))
    walls: list[tuple[Material, tuple[float, float, float]]] = [
        (textures.brick, (0.62, 0.34, 0.26)),
        (textures.brick, (0.70, 0.56, 0.40)),
        (textures.plaster, (0.86, 0.76, 0.56)),
        (textures.plaster, (0.78, 0.50, 0.40)),
        (textures.plaster, (0.62, 0.70, 0.74)),
        (textures.plaster, (0.86, 0.84, 0.78)),
        (textures.plaster, (0.66, 0.72, 0.58)),
        (textures.ashlar, (0.76, 0.70, 0.58)),
        (textures.ashlar, (0.62, 0.60, 0.58)),
    ]
    wall, colour = walls[int(rng.integers(len(walls)))]
    red, green, blue = (float(channel) for channel in np.array(colour) * rng.uniform(0.9, 1.08, 3))
    return FrontStyle(
        wall=wall,
        colour=(red, green, blue),
        base=textures.ashlar,
        window=details.random_window_style(rng),
        storey_m=float(rng.uniform(3.0, 3.5)),
        spacing_m=float(rng.uniform(2.1, 2.7)),
        has_shop=bool(rng.random() < 0.65),
        has_string_courses=bool(rng.random() < 0.6),
        gable=bool(rng.random() < 0.6),
        shared_seed=shared_seed,
    )


def _wall(rng: Rng, style: FrontStyle, h: int, w: int, ppm: float) -> ImageArray:
    image = style.wall(rng, h, w, ppm, style.colour)  # type: ignore[call-arg]
    base_px = min(h, round(0.7 * ppm))
    image[h - base_px :] = style.base(rng, base_px, w, ppm)
    details.shade(image, (0, h - base_px - max(1, round(0.05 * ppm)), w, h - base_px), 1.2)
    damp = np.linspace(0, 1, min(h, round(1.6 * ppm)), dtype=np.float32)[:, None] ** 2
    damp = damp * np.clip(0.28 + 0.14 * textures.fractal(rng, len(damp), w, 1.5 * ppm, 5), 0, 0.6)
    low = image[h - len(damp) :]
    low[:] = (low * (1 - damp[:, :, None])).astype(np.uint8)
    return image


def _shop(rng: Rng, own: Rng, image: ImageArray, x0: int, x1: int, ppm: float) -> None:
    """A shop window with a door, goods and a name board."""
    h = image.shape[0]
    top, bottom = h - round(2.55 * ppm), h - round(0.12 * ppm)
    frame = details.random_rgb(rng, 20, 100)
    details.fill(rng, image, (x0, top, x1, bottom), frame, 0.08)
    stall = round(0.5 * ppm)
    pane_count = max(1, round((x1 - x0) / (1.5 * ppm)))
    bar = max(2, round(0.07 * ppm))
    for pane in range(pane_count):
        left = x0 + bar + (x1 - x0 - bar) * pane // pane_count
        right = x0 + (x1 - x0 - bar) * (pane + 1) // pane_count
        glass = details.glass(rng, bottom - stall - top - bar, right - left)
        goods_h, goods_w = glass.shape[:2]
        for _ in range(14):
            size = rng.uniform(0.04, 0.13) * goods_h
            x, y = rng.uniform(0, goods_w), goods_h - rng.uniform(0, 0.45) * goods_h
            corner = (int(x + size * rng.uniform(0.5, 1.6)), int(y + size * rng.uniform(0.8, 2)))
            cv2.rectangle(glass, (int(x), int(y)), corner, details.random_rgb(rng, 40, 235), -1)
        image[top + bar : bottom - stall, left:right] = glass
    details.shade(image, (x0, top, x1, top + round(0.12 * ppm)), 0.5)
    details.draw_sign(own, image, (x0 - round(0.1 * ppm), top - round(0.62 * ppm), x1 + round(0.1 * ppm), top))


def paint_front(style: FrontStyle, own: Rng, key: list[int], h: int, w: int, ppm: float, with_door: bool) -> ImageArray:
    """A building's side with windows; `key` seeds all of it but the wear, which comes from `own`."""
    rng = np.random.default_rng(key)
    image = _wall(rng, style, h, w, ppm)
    window, storeys = style.window, max(1, round(h / ppm / style.storey_m))
    columns = max(1, int((w / ppm - 0.8) / style.spacing_m))
    pitch = w / columns
    door_column = int(rng.integers(columns)) if with_door else -1
    shop = with_door and style.has_shop and columns >= 3
    for storey in range(storeys):
        floor_y = h - storey * style.storey_m * ppm
        if storey and style.has_string_courses:
            y, thick = round(floor_y), max(2, round(0.14 * ppm))
            details.fill(rng, image, (0, y - thick, w, y), window.surround, 0.07)
            details.shade(image, (0, y, w, y + thick // 2), 0.65)
        for column in range(columns):
            x = round((column + 0.5) * pitch - window.width_m * ppm / 2)
            y = round(floor_y - (0.95 + window.height_m) * ppm)
            if storey == 0 and (shop or column == door_column):
                continue
            if rng.random() < 0.05:
                continue
            details.draw_window(rng, rng, image, x, y, window, ppm)
    if with_door:
        x = round((door_column + 0.5) * pitch - 0.6 * ppm)
        if shop:
            others = [column for column in range(columns) if column != door_column]
            runs = np.split(np.array(others), np.flatnonzero(np.diff(others) > 1) + 1)
            for run in runs:
                left, right = round(run[0] * pitch + 0.35 * ppm), round((run[-1] + 1) * pitch - 0.35 * ppm)
                _shop(rng, own, image, left, right, ppm)
        details.draw_door(rng, image, x, float(rng.uniform(1.1, 1.3)), 2.3, ppm, bool(rng.random() < 0.4))
    _wear(own, image, ppm)
    pipe = round((0.25 if rng.random() < 0.5 else w / ppm - 0.3) * ppm)
    width = max(2, round(0.10 * ppm))
    details.fill(rng, image, (pipe, 0, pipe + width, h), (92.0, 96.0, 92.0), 0.1)
    details.shade(image, (pipe + width, 0, pipe + 2 * width, h), 0.68)
    return image


def _wear(own: Rng, image: ImageArray, ppm: float) -> None:
    """What tells this wall from others that share its design: stains, bills, writing, cables, repairs."""
    h, w = image.shape[:2]
    stain = np.clip(textures.fractal(own, h, w, 2.4 * ppm, 6, 0.65) - 0.7, 0, 1) * np.float32(0.30)
    image[:] = textures.scaled(image.astype(np.float32), 1 - stain).astype(np.uint8)
    for _ in range(int(own.integers(2, 5))):
        x, y = int(own.uniform(0, w)), int(own.uniform(0, h * 0.8))
        length, width = round(own.uniform(0.5, 2.0) * ppm), max(2, round(own.uniform(0.1, 0.4) * ppm))
        details.shade(image, (x, y, x + width, y + length), float(own.choice([0.82, 0.88, 1.1])))
    for _ in range(int(own.integers(1, 5))):
        size = own.uniform(0.5, 1.1) * ppm
        x, y = int(own.uniform(0, w - size)), int(h - own.uniform(1.5, 2.6) * ppm)
        details.paste_poster(own, image, x, y, round(size), round(size * own.uniform(1.1, 1.5)))
    if own.random() < 0.5:
        span = round(own.uniform(1.0, 2.4) * ppm)
        x = int(own.uniform(0, max(1.0, w - span)))
        details.graffiti(own, image, x, int(h - 1.4 * ppm), span, round(0.7 * ppm))
    for _ in range(int(own.integers(0, 3))):
        xs = np.linspace(0, w, 20)
        ys = h * own.uniform(0.1, 0.8) + (0.15 * ppm) * np.sin(np.linspace(0, np.pi * own.integers(1, 4), 20))
        points = np.stack([xs, ys], 1).astype(np.int32)
        cv2.polylines(image, [points], False, (38.0, 38.0, 38.0), max(1, round(0.02 * ppm)), cv2.LINE_AA)


def _railing(h: int, w: int) -> ImageArray:
    alpha = np.zeros((h, w), np.uint8)
    alpha[: max(1, h // 9)] = 255
    alpha[-max(1, h // 12) :] = 255
    step = max(3, h // 7)
    for x in range(0, w, step):
        alpha[:, x : x + max(1, step // 4)] = 255
    return alpha


def building_size(shared_seed: int, narrowest_m: float, widest_m: float, tallest: int) -> tuple[float, int]:
    """Width in metres and storeys (2 … `tallest`) that belong to a seed, so that its front is the same everywhere."""
    rng = np.random.default_rng((shared_seed, 12))
    return float(rng.uniform(narrowest_m, widest_m)), int(rng.integers(2, tallest + 1))


def add_building(
    builder: Builder, frame: Frame, width_m: float, depth_m: float, storeys: int, shared_seed: int, own: Rng
) -> None:
    """Add a building whose front stands centred on `frame`'s origin, facing its −y; it reaches back `depth_m`."""
    style = front_style(shared_seed)
    height = storeys * style.storey_m + 0.4
    middle = frame.at(0.0, depth_m / 2)

    # Steps of the golden ratio spread the exact look-alikes evenly over consecutive seeds.
    is_exact = (shared_seed * 0.6180339887) % 1.0 < builder.likeness
    twist = [] if is_exact else [int(own.integers(2**31))]

    def side(salt: int, with_door: bool) -> Painter:
        key = [shared_seed, salt, *twist]
        return lambda h, w, ppm: paint_front(style, own, key, h, w, ppm, with_door)

    plain = painter(np.random.default_rng((shared_seed, 5)), textures.plaster)
    brushes = {"f": side(1, True), "l": side(2, False), "r": side(3, False), "b": plain}
    sharpness = {"f": 1.0, "l": 0.8, "r": 0.8, "b": 0.2}
    builder.box(middle, (width_m, depth_m, height), brushes, sharpness, "flrb")
    stone = painter(np.random.default_rng((shared_seed, 6)), textures.ashlar)
    builder.box(frame.at(0.0, -0.1, height - 0.45), (width_m + 0.3, 0.45, 0.35), stone, 0.6, "flrtd")
    tiles = painter(np.random.default_rng((shared_seed, 7)), textures.roof_tiles)
    if style.gable:
        _gable_roof(builder, frame, width_m, depth_m, height, tiles, plain)
    else:
        builder.box(frame.at(0.0, 0.2, height), (width_m, 0.3, 0.8), stone, 0.6, "flrb")
        lid = frame.at(0.0, depth_m / 2, height + 0.1)
        builder.box(lid, (width_m, depth_m, 0.1), painter(own, textures.asphalt), 0.2, "t")
    for _ in range(int(own.integers(1, 3))):
        place = frame.at(float(own.uniform(-0.4, 0.4)) * width_m, depth_m * 0.4, height)
        builder.box(place, (0.7, 0.6, 2.6 if style.gable else 1.6), painter(own, textures.brick), 0.5)
    _front_extras(builder, frame, width_m, storeys, style, own)


def _gable_roof(
    builder: Builder, frame: Frame, width: float, depth: float, height: float, tiles: Painter, gable: Painter
) -> None:
    rise, over = 0.30 * depth, 0.45
    run = depth / 2 + over
    drop = rise * run / (depth / 2)
    ridge_z = height + rise + 0.05
    for sign in (1.0, -1.0):
        origin = frame.point((-sign * (width / 2 + 0.2), depth / 2, ridge_z))
        u, v = frame.vector((sign * (width + 0.4), 0.0, 0.0)), frame.vector((0.0, -sign * run, -drop))
        builder.quad(origin, u, v, tiles, 0.7 if sign > 0 else 0.2, two_sided=True)
    triangle = np.zeros((256, 512), np.uint8)
    cv2.fillPoly(triangle, [np.array([(0, 255), (256, 0), (511, 255)], np.int32)], 255.0)
    for sign in (1.0, -1.0):
        origin = frame.point((sign * width / 2, depth / 2 - sign * depth / 2, ridge_z))
        u, v = frame.vector((0.0, sign * depth, 0.0)), frame.vector((0.0, 0.0, -rise))
        builder.quad(origin, u, v, gable, 0.5, triangle)


def _front_extras(builder: Builder, frame: Frame, width: float, storeys: int, style: FrontStyle, own: Rng) -> None:
    """Balconies, awning, doorstep and a hanging sign: things that stand out from the front."""
    columns = max(1, int((width - 0.8) / style.spacing_m))
    pitch = width / columns
    for _ in range(int(own.integers(0, 3)) if storeys > 1 else 0):
        x = (int(own.integers(columns)) + 0.5) * pitch - width / 2
        z = int(own.integers(1, storeys)) * style.storey_m + 0.55
        builder.box(frame.at(x, -0.45, z), (pitch * 0.85, 0.9, 0.16), painter(own, textures.ashlar), 0.8)
        rail = frame.at(x, -0.45, z + 0.16)
        half, deep, high = pitch * 0.42, 0.44, 0.95
        paint = painter(own, textures.metal)
        alpha = _railing(96, 192)
        down = frame.vector((0.0, 0.0, -high))
        for corner, along in (
            ((-half, -deep, high), (2 * half, 0.0, 0.0)),
            ((-half, deep, high), (0.0, -2 * deep, 0.0)),
            ((half, -deep, high), (0.0, 2 * deep, 0.0)),
        ):
            builder.quad(rail.point(corner), rail.vector(along), down, paint, 1.0, alpha, two_sided=True)
    if style.has_shop and own.random() < 0.7:
        span = float(own.uniform(2.2, 3.6))
        x = float(own.uniform(-0.5, 0.5)) * (width - span - 0.5)
        colour: Rgb = details.random_rgb(own, 60, 220)

        def stripes(h: int, w: int, ppm: float) -> ImageArray:
            image = np.empty((h, w, 3), np.uint8)
            details.fill(own, image, (0, 0, w, h), (226.0, 218.0, 200.0), 0.06)
            step = max(3, round(0.28 * ppm))
            for left in range(0, w, 2 * step):
                details.fill(own, image, (left, 0, left + step, h), colour, 0.08)
            return image

        origin = frame.point((x - span / 2, -0.02, 3.25))
        builder.quad(origin, frame.vector((span, 0, 0)), frame.vector((0, -1.3, -0.6)), stripes, 0.8, two_sided=True)
        lip = frame.point((x - span / 2, -1.32, 2.65))
        builder.quad(lip, frame.vector((span, 0, 0)), frame.vector((0, 0, -0.22)), stripes, 1.0, two_sided=True)
    if own.random() < 0.7:
        x = float(own.uniform(-0.45, 0.45)) * width

        def board(h: int, w: int, ppm: float) -> ImageArray:
            image = np.empty((h, w, 3), np.uint8)
            details.draw_sign(own, image, (0, 0, w, h))
            return image

        place = frame.at(x, -0.65, float(own.uniform(3.0, 4.2)))
        builder.box(place, (0.08, 1.0, 0.75), board, 1.2, "flr")
    builder.box(frame.at(float(own.uniform(-0.3, 0.3)) * width, -0.3), (1.6, 0.6, 0.18), painter(own, textures.slabs))
