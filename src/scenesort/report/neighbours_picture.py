"""A photo and those that look like it, a row for each descriptor, as one picture."""

from __future__ import annotations

import io
from collections.abc import Mapping

from PIL import Image, ImageDraw

from scenesort.errors import PhotoError
from scenesort.export import OUTLIERS
from scenesort.photos import load_upright
from scenesort.report.cameras_canvas import INK, WHITE, Canvas
from scenesort.retrieval.neighbourhoods import Neighbourhood
from scenesort.types import Photo

THUMBNAIL_PX = 190
MARGIN_PX = 24
_GAP_PX = 14
_TITLE_PX = 30
_LABEL_PX = 40
_BORDER_PX = 5
_SAME, _OTHER, _UNKNOWN = (38, 139, 70), (196, 60, 48), (190, 194, 200)
_FAINT = (110, 116, 126)


def to_jpeg(found: Neighbourhood, scene_of: Mapping[str, str]) -> bytes:
    """Return the picture; borders tell by `scene_of`, where it knows both photos, whether their scene is the same."""
    with io.BytesIO() as file:
        draw(found, scene_of).save(file, format="JPEG", quality=88)
        return file.getvalue()


def draw(found: Neighbourhood, scene_of: Mapping[str, str]) -> Image.Image:
    """Draw the photo at the left of each row and its neighbours, best first, to its right."""
    columns = 1 + max((len(neighbours) for neighbours in found.lists.values()), default=0)
    row_px = _TITLE_PX + THUMBNAIL_PX + _LABEL_PX + _GAP_PX
    width = 2 * MARGIN_PX + columns * (THUMBNAIL_PX + _GAP_PX)
    height = 2 * MARGIN_PX + len(found.lists) * row_px
    canvas = Canvas(width, height)
    places: list[tuple[int, int, str, tuple[int, int, int]]] = []
    for number, (by, neighbours) in enumerate(found.lists.items()):
        top = MARGIN_PX + number * row_px
        canvas.text((MARGIN_PX, top), by, 20)
        shown = [(found.name, "", INK), *((item.name, _figure(item.similarity), None) for item in neighbours)]
        for column, (name, figure, color) in enumerate(shown):
            left = MARGIN_PX + column * (THUMBNAIL_PX + _GAP_PX)
            places.append((left, top + _TITLE_PX, name, color or _border(found.name, name, scene_of)))
            below = top + _TITLE_PX + THUMBNAIL_PX + 4
            canvas.text((left, below), canvas.clip(name, 14, THUMBNAIL_PX), 14)
            text = "  ".join(part for part in (figure, scene_of.get(name, "")) if part)
            canvas.text((left, below + 17), canvas.clip(text, 14, THUMBNAIL_PX), 14, _FAINT)
    picture = canvas.finished()
    thumbnails: dict[str, Image.Image] = {}
    for left, top, name, color in places:
        if name not in thumbnails:
            thumbnails[name] = _thumbnail(found.photos[name])
        thumbnail = thumbnails[name]
        x = left + (THUMBNAIL_PX - thumbnail.width) // 2
        y = top + (THUMBNAIL_PX - thumbnail.height) // 2
        box = (x - _BORDER_PX, y - _BORDER_PX, x + thumbnail.width + _BORDER_PX, y + thumbnail.height + _BORDER_PX)
        ImageDraw.Draw(picture).rectangle(box, fill=color)
        picture.paste(thumbnail, (x, y))
    return picture


def _border(name: str, other: str, scene_of: Mapping[str, str]) -> tuple[int, int, int]:
    if name not in scene_of or other not in scene_of:
        return _UNKNOWN
    is_same = scene_of[name] == scene_of[other] != OUTLIERS
    return _SAME if is_same else _OTHER


def _figure(similarity: float) -> str:
    return f"{similarity:.2f}" if abs(similarity) <= 1 else f"{similarity:.0f}"


def _thumbnail(photo: Photo) -> Image.Image:
    """The photo upright, or a grey field where it can't be read any more."""
    room_px = THUMBNAIL_PX - 2 * _BORDER_PX
    try:
        return Image.fromarray(load_upright(photo, room_px)[0])
    except PhotoError:
        return Image.new("RGB", (room_px, room_px), WHITE)
