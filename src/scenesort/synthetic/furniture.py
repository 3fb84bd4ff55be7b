"""Things that stand about: monuments, fountains, trees, kiosks, vans, benches, lamps, crates, arcades."""

from __future__ import annotations

import cv2
import numpy as np

from scenesort.synthetic import details, textures
from scenesort.synthetic.textures import Rng
from scenesort.synthetic.world import Builder, Face, Frame, Painter, painter, texels
from scenesort.types import ImageArray


def _inscribed(rng: Rng) -> textures.Material:
    """Stone with carved lines of text and a relief."""

    def paint(_: Rng, h: int, w: int, ppm: float) -> ImageArray:
        image = textures.ashlar(rng, h, w, ppm, course_m=0.5)
        plate = (round(w * 0.14), round(h * 0.14), round(w * 0.86), round(h * 0.86))
        details.fill(rng, image, plate, (168.0, 158.0, 138.0), 0.12)
        line = max(6, round(0.13 * ppm))
        for y in range(plate[1] + 2 * line, plate[3] - line // 2, round(line * 1.5)):
            right = round(plate[0] + (plate[2] - plate[0]) * rng.uniform(0.6, 0.95))
            text = " ".join(details.random_word(rng) for _ in range(2))
            box = (plate[0] + line // 2, y - line, right, y)
            details.write_text(image, text, box, (66.0, 58.0, 46.0), details.FONTS[2])
        return image

    return paint


def add_monument(builder: Builder, frame: Frame, rng: Rng) -> None:
    """Steps, an inscribed pedestal and a column or an obelisk of piled blocks, different on every side."""
    width = float(rng.uniform(1.7, 2.3))
    for step in range(3):
        size = width + 2.4 - 0.8 * step
        builder.box(frame.at(0, 0, 0.17 * step), (size, size, 0.17), painter(rng, textures.slabs), 1.0, "flrbt")
    height = float(rng.uniform(1.8, 2.5))
    builder.box(frame.at(0, 0, 0.5), (width, width, height), painter(rng, _inscribed(rng)), 1.2, "flrbt")
    z = 0.5 + height
    builder.box(frame.at(0, 0, z), (width + 0.3, width + 0.3, 0.22), painter(rng, textures.ashlar), 1.0, "flrbtd")
    z += 0.22
    if rng.random() < 0.5:
        builder.prism(frame.at(0, 0, z), 0.45, 3.4, 12, painter(rng, textures.ashlar))
        z += 3.4
        builder.box(frame.at(0, 0, z), (1.2, 1.2, 0.3), painter(rng, textures.ashlar), 1.0, "flrbtd")
        z += 0.3
        count = 5
    else:
        count = 7
    for index in range(count):
        size = float(rng.uniform(0.45, 0.8)) * (1 - 0.07 * index)
        tall = float(rng.uniform(0.35, 0.6))
        place = frame.at(float(rng.normal(0, 0.05)), float(rng.normal(0, 0.05)), z, float(rng.uniform(0, 90)))
        builder.box(place, (size, size, tall), painter(rng, textures.ashlar), 1.2, "flrbtd")
        z += tall


def add_fountain(builder: Builder, frame: Frame, rng: Rng) -> None:
    """A basin with water, a column and an upper bowl."""
    radius = float(rng.uniform(1.9, 2.5))
    builder.prism(frame, radius + 0.5, 0.16, 16, painter(rng, textures.slabs))
    builder.prism(frame.at(0, 0, 0.16), radius, 0.65, 16, painter(rng, textures.ashlar), top=True)

    def water(h: int, w: int, ppm: float) -> ImageArray:
        ripple = 1 + 0.22 * textures.fractal(rng, h, w, 0.5 * ppm, 5, 0.7)
        return textures.to_image(textures.tint(ripple, (0.24, 0.36, 0.38)))

    builder.prism(frame.at(0, 0, 0.815), radius - 0.28, 0.01, 16, water, 0.8)
    builder.prism(frame.at(0, 0, 0.8), 0.42, 1.5, 10, painter(rng, textures.ashlar))
    builder.prism(frame.at(0, 0, 2.3), 1.0, 0.3, 12, painter(rng, textures.ashlar), bottom=True)
    builder.prism(frame.at(0, 0, 2.6), 0.25, 0.9, 8, painter(rng, textures.ashlar))
    builder.box(frame.at(0, 0, 3.5, 30), (0.5, 0.5, 0.6), painter(rng, textures.ashlar), 1.2)


def add_tree(builder: Builder, frame: Frame, rng: Rng, height_m: float = 6.0) -> None:
    """A trunk and a crown of leafy planes that stand still in space."""
    crown = height_m * 0.30
    builder.prism(frame, 0.16, height_m - crown, 7, painter(rng, textures.wood), top=False)
    colour = (float(rng.uniform(0.26, 0.40)), float(rng.uniform(0.38, 0.48)), float(rng.uniform(0.13, 0.20)))
    for _ in range(26):
        offset = rng.normal(0, 1, 3)
        offset *= crown * rng.uniform(0.35, 0.95) / max(float(np.linalg.norm(offset)), 1e-6)
        size = crown * float(rng.uniform(0.75, 1.15))
        normal = offset / np.linalg.norm(offset) + rng.normal(0, 0.55, 3)
        u = np.cross(normal, (0.0, 0.0, 1.0))
        u = u / max(float(np.linalg.norm(u)), 1e-6) * size
        v = np.cross(normal, u)
        v = -v / max(float(np.linalg.norm(v)), 1e-6) * size
        v = v if v[2] < 0 else -v
        ppm = builder.ppm * 0.7
        texture, alpha = textures.foliage(rng, texels(size, ppm), texels(size, ppm), ppm, colour)
        origin = frame.point((0.0, 0.0, height_m - crown * 0.9)) + offset - u / 2 - v / 2
        builder.faces.append(Face(origin, u, v, texture, alpha, two_sided=True, is_leaf=True))


def add_kiosk(builder: Builder, frame: Frame, rng: Rng) -> None:
    """A pillar covered all round with bills, with a roof: unmistakable from every side."""
    radius, height = float(rng.uniform(0.8, 1.05)), float(rng.uniform(2.5, 3.0))

    def bills(h: int, w: int, ppm: float) -> ImageArray:
        image = textures.metal(rng, h, w, ppm)
        x = 0
        while x < w:
            wide = round(rng.uniform(0.55, 0.95) * ppm)
            y = round(rng.uniform(0.1, 0.3) * ppm)
            while y < h - 0.6 * ppm:
                tall = round(wide * rng.uniform(1.1, 1.5))
                part = image[y : y + tall, x : x + wide]
                part[:] = details.poster(rng, tall, wide)[: part.shape[0], : part.shape[1]]
                y += tall + round(0.05 * ppm)
            x += wide + round(0.06 * ppm)
        return image

    builder.prism(frame, radius + 0.12, 0.25, 14, painter(rng, textures.metal), top=True)
    builder.prism(frame.at(0, 0, 0.25), radius, height, 14, bills, 1.25, top=False)
    builder.prism(frame.at(0, 0, 0.25 + height), radius + 0.2, 0.3, 14, painter(rng, textures.metal), bottom=True)
    builder.prism(frame.at(0, 0, 0.55 + height), 0.4, 0.4, 10, painter(rng, textures.metal))


def add_van(builder: Builder, frame: Frame, rng: Rng) -> None:
    """A parked van: windows, wheels, lettering, dents."""
    length, width, height = 4.6, 1.9, 2.0
    red, green, blue = details.random_rgb(rng, 60, 220)

    def body(h: int, w: int, ppm: float) -> ImageArray:
        image = np.empty((h, w, 3), np.uint8)
        details.fill(rng, image, (0, 0, w, h), (red, green, blue), 0.04)
        long_side = w > 3 * ppm
        panes = [(0.04, 0.22), (0.26, 0.42), (0.80, 0.97)] if long_side else [(0.1, 0.9)]
        for left, right in panes:
            box = (round(w * left), round(h * 0.10), round(w * right), round(h * 0.45))
            image[box[1] : box[3], box[0] : box[2]] = details.glass(rng, box[3] - box[1], box[2] - box[0])
        text = (round(w * 0.44), round(h * 0.15), round(w * 0.78), round(h * 0.4))
        if long_side:
            ink = (245.0, 240.0, 230.0) if red + green + blue < 380 else (30.0, 30.0, 60.0)
            details.write_text(image, details.random_word(rng, 4, 8), text, ink, details.FONTS[3])
            details.graffiti(rng, image, round(w * 0.5), round(h * 0.5), round(w * 0.25), round(h * 0.2))
        details.shade(image, (0, round(h * 0.48), w, round(h * 0.5)), 0.6)
        details.shade(image, (0, round(h * 0.86), w, h), 0.35)
        for at in (0.18, 0.8) if long_side else ():
            centre = (round(w * at), round(h * 0.84))
            cv2.circle(image, centre, round(0.33 * ppm), (28.0, 28.0, 30.0), -1, cv2.LINE_AA)
            cv2.circle(image, centre, round(0.19 * ppm), (150.0, 150.0, 152.0), -1, cv2.LINE_AA)
        if not long_side:
            for x in (0.06, 0.78):
                light = (round(w * x), round(h * 0.55), round(w * (x + 0.16)), round(h * 0.66))
                details.fill(rng, image, light, (230.0, 60.0, 40.0))
            plate = (round(w * 0.32), round(h * 0.72), round(w * 0.68), round(h * 0.8))
            details.fill(rng, image, plate, (235.0, 235.0, 215.0))
            details.write_text(image, details.random_word(rng, 6, 8), plate, (20.0, 20.0, 20.0), details.FONTS[1])
        return image

    def roof(h: int, w: int, ppm: float) -> ImageArray:
        return textures.metal(rng, h, w, ppm, (red / 255, green / 255, blue / 255))

    paint: dict[str, Painter] = {"f": body, "l": body, "r": body, "b": body, "t": roof}
    builder.box(frame.at(0, 0, 0.12), (length, width, height), paint)


def add_bench(builder: Builder, frame: Frame, rng: Rng) -> None:
    """A wooden bench on two feet."""
    timber = painter(rng, textures.wood)
    for x in (-0.7, 0.7):
        builder.box(frame.at(x, 0), (0.14, 0.5, 0.42), painter(rng, textures.ashlar))
    builder.box(frame.at(0, 0, 0.42), (1.9, 0.55, 0.07), timber, 1.0, "flrbtd")
    builder.box(frame.at(0, 0.26, 0.55), (1.9, 0.06, 0.42), timber)


def add_lamp(builder: Builder, frame: Frame, rng: Rng) -> None:
    """A street lamp."""
    iron = painter(rng, textures.metal)
    builder.prism(frame, 0.16, 0.6, 8, iron)
    builder.prism(frame.at(0, 0, 0.6), 0.06, 3.2, 6, iron)
    builder.box(frame.at(0, 0, 3.8, 20), (0.36, 0.36, 0.5), lambda h, w, ppm: details.glass(rng, h, w))
    builder.prism(frame.at(0, 0, 4.3), 0.27, 0.12, 6, iron)


def add_crates(builder: Builder, frame: Frame, rng: Rng) -> None:
    """A pile of lettered crates."""

    def side(h: int, w: int, ppm: float) -> ImageArray:
        image = textures.wood(rng, h, w, ppm, (0.58, 0.44, 0.28))
        text, ink = (round(w * 0.1), round(h * 0.3), round(w * 0.9), round(h * 0.65)), details.random_rgb(rng, 10, 90)
        details.write_text(image, details.random_word(rng, 3, 6), text, ink, details.FONTS[1])
        return image

    heights = [0.0, 0.0, 0.0]
    for index in range(int(rng.integers(3, 6))):
        size = float(rng.uniform(0.7, 0.95)) if index < 3 else 0.6
        spot = (0.95 * (index % 3) - 0.9, float(rng.normal(0, 0.1)) if index < 3 else 0.0)
        place = frame.at(*spot, heights[index % 3], float(rng.normal(0, 12)))
        heights[index % 3] += size
        builder.box(place, (size, size, size), side, 1.2, "flrbtd")


def add_planter(builder: Builder, frame: Frame, rng: Rng) -> None:
    """A stone tub with a bush."""
    builder.box(frame, (1.0, 1.0, 0.6), painter(rng, textures.ashlar))
    for turn in range(4):
        ppm = builder.ppm
        size = float(rng.uniform(1.1, 1.4))
        place = frame.at(0, 0, 0, 45.0 * turn)
        texture, alpha = textures.foliage(rng, texels(size, ppm), texels(size, ppm), ppm)
        origin, u, v = place.point((-size / 2, 0, 0.35 + size)), place.vector((size, 0, 0)), place.vector((0, 0, -size))
        builder.faces.append(Face(origin, u, v, texture, alpha, two_sided=True, is_leaf=True))


def add_arcade(builder: Builder, frame: Frame, length_m: float, rng: Rng) -> None:
    """A row of columns under a gallery, in front of a wall that stands on `frame`'s x axis."""
    count = max(2, round(length_m / 2.8))
    for index in range(count + 1):
        place = frame.at(-length_m / 2 + length_m * index / count, -2.0)
        builder.box(place, (0.6, 0.6, 0.4), painter(rng, textures.ashlar), 0.8)
        builder.prism(place.at(0, 0, 0.4), 0.22, 2.3, 10, painter(rng, textures.ashlar), top=False)
        builder.box(place.at(0, 0, 2.7), (0.6, 0.6, 0.25), painter(rng, textures.ashlar), 0.8)
    builder.box(frame.at(0, -1.05, 2.95), (length_m + 0.6, 2.5, 0.55), painter(rng, textures.ashlar), 0.8, "flrtd")
    builder.box(frame.at(0, -2.2, 3.5), (length_m + 0.6, 0.18, 0.85), painter(rng, textures.plaster), 0.9, "flrbt")
