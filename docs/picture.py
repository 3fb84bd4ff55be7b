"""Draw the README's picture from a finished demo: python docs/picture.py demo docs/images/pile-to-scenes.jpg."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

import scenesort
from scenesort.types import FloatArray, PosedScene

WIDTH, HEIGHT, PILE_WIDTH = 1600, 840, 560
MARGIN = 24
PAPER = (250, 250, 248)
INK = (40, 44, 52)


def main(demo: Path, target: Path) -> None:
    """Draw the pile at the left and the scenes at the right."""
    result = scenesort.load(demo / "run")
    photos = demo / "photos" / "demo"
    canvas = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    _pile(canvas, sorted(photos.glob("*.jpg")))
    draw = ImageDraw.Draw(canvas)
    middle = HEIGHT // 2
    arrow = [(PILE_WIDTH + 4, middle - 26), (PILE_WIDTH + 44, middle), (PILE_WIDTH + 4, middle + 26)]
    draw.polygon(arrow, fill=(120, 126, 138))
    outliers = next(iter(result.collections.values())).outliers
    scenes = [scene for scene in result.scenes if scene.photos]
    rows = len(scenes) + 1
    row_height = (HEIGHT - MARGIN) // rows
    left = PILE_WIDTH + 72
    for row, scene in enumerate(scenes):
        top = MARGIN + row * row_height
        names = [photo.name for photo in scene.photos]
        _strip(canvas, f"{scene.name}: {len(names)} photos", [photos / name for name in names], left, top, row_height)
        _plan(canvas, scene, WIDTH - MARGIN - row_height + 10, top, row_height - 20)
    top = MARGIN + (rows - 1) * row_height
    title = f"outliers: {len(outliers)} photos"
    _strip(canvas, title, [photos / name for name in outliers], left, top, row_height)
    target.parent.mkdir(parents=True, exist_ok=True)
    canvas.save(target, quality=88)


def _pile(canvas: Image.Image, paths: list[Path]) -> None:
    chance = random.Random(4)
    chance.shuffle(paths)
    for index, path in enumerate(paths):
        photo = _thumbnail(path, 190)
        framed = ImageOps.expand(photo, 4, "white").convert("RGBA")
        turned = framed.rotate(chance.uniform(-25, 25), expand=True, resample=Image.Resampling.BICUBIC)
        columns = 4
        rows = max(1, (len(paths) - 1) // columns)
        x = MARGIN + (index % columns) * 108 + chance.randint(-20, 20)
        y = MARGIN + (index // columns) * (HEIGHT - 260) // rows + chance.randint(-16, 16)
        canvas.paste(turned, (x, y), turned)


def _strip(canvas: Image.Image, title: str, paths: list[Path], left: int, top: int, height: int) -> None:
    draw = ImageDraw.Draw(canvas)
    draw.text((left, top), title, fill=INK, font=ImageFont.load_default(22))
    room = WIDTH - MARGIN - height - left - 20
    per_row = max(1, (len(paths) + 1) // 2) if len(paths) > 4 else 6
    size = min(room // per_row - 6, ((height - 44) // 2 - 6) * 4 // 3)
    for index, path in enumerate(paths):
        x, y = left + (index % per_row) * (size + 8), top + 32 + (index // per_row) * (size * 3 // 4 + 6)
        canvas.paste(_thumbnail(path, size), (x, y))


def _thumbnail(path: Path, side: int) -> Image.Image:
    with Image.open(path) as photo:
        upright = ImageOps.exif_transpose(photo).convert("RGB")
    upright.thumbnail((side, side * 3 // 4))
    return upright


def _plan(canvas: Image.Image, scene: PosedScene, left: int, top: int, size: int) -> None:
    """Points and cameras seen from above: across the mean up direction of the cameras."""
    up = -np.mean([photo.cam_from_world[1, :3] for photo in scene.photos], axis=0)
    axes = np.linalg.svd(np.eye(3) - np.outer(up, up) / (up @ up))[0][:, :2]
    centers = np.array([photo.center_in_world for photo in scene.photos]) @ axes
    points = scene.points_xyz @ axes
    everything = np.concatenate([np.percentile(points, [4, 96], axis=0), centers])
    low, high = everything.min(axis=0), everything.max(axis=0)
    scale = (size - 16) / (high - low).max()

    def place(positions: FloatArray) -> FloatArray:
        placed: FloatArray = (positions - (low + high) / 2) * scale + [left + size / 2, top + size / 2]
        return placed

    draw = ImageDraw.Draw(canvas)
    draw.rectangle([left, top, left + size, top + size], fill=(255, 255, 255), outline=(205, 207, 212))
    for (x, y), colour in zip(place(points), scene.points_rgb, strict=True):
        if left + 3 < x < left + size - 3 and top + 3 < y < top + size - 3:
            draw.rectangle([x - 0.5, y - 0.5, x + 0.5, y + 0.5], fill=tuple(int(value) for value in colour))
    for center, photo in zip(centers, scene.photos, strict=True):
        ahead = photo.cam_from_world[2, :3] @ axes
        ahead = ahead / max(float(np.linalg.norm(ahead)), 1e-9) * 0.06 * (high - low).max()
        side = np.array([-ahead[1], ahead[0]]) * 0.6
        wedge = place(np.array([center, center + ahead + side, center + ahead - side]))
        draw.polygon([tuple(corner) for corner in wedge], fill=(220, 60, 50), outline=(130, 20, 20))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
