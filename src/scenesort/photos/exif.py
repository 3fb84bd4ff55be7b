"""What EXIF says about a photo: orientation, focal length, camera, time. Nonsense counts as missing, never raises."""

from __future__ import annotations

import calendar
import math
import re
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image

FILM_DIAGONAL_MM = 43.27  # CIPA's 35 mm film diagonal, which COLMAP uses for FocalLengthIn35mmFilm
PLAUSIBLE_FOCAL_RATIO = (0.1, 10.0)  # of the longest side: COLMAP's bounds of a sane focal length

_MM_PER_FOCAL_PLANE_UNIT = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
_INCH = 2
_TIME_TAGS = (
    (ExifTags.Base.DateTimeOriginal, ExifTags.Base.SubsecTimeOriginal),
    (ExifTags.Base.DateTimeDigitized, ExifTags.Base.SubsecTimeDigitized),
    (ExifTags.Base.DateTime, ExifTags.Base.SubsecTime),
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """EXIF of one photo.

    `focal_px`: focal length in pixels of the full-size photo, or None. `camera_key`: the same for photos of one camera,
    lens and focal length, or None where EXIF doesn't tell. `taken_at_s`: seconds since 1970 with no time zone, or None.
    """

    focal_px: float | None = None
    camera_key: str | None = None
    taken_at_s: float | None = None


def orientation_of(exif: Image.Exif) -> int:
    """Return the EXIF orientation 1 … 8; anything else counts as 1."""
    value = exif.get(ExifTags.Base.Orientation)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def read_metadata(exif: Image.Exif, width_px: int, height_px: int) -> Metadata:
    """Return the metadata of a photo of this stored size."""
    try:
        tags: dict[int, Any] = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    except Exception:  # Pillow raises whatever its parser trips over in broken EXIF
        return Metadata()
    return Metadata(_focal_px(tags, width_px, height_px), _camera_key(tags), _taken_at_s(tags))


def _positive(value: Any) -> float | None:
    """Return a tag's (first) value as a finite number above 0, or None."""
    if isinstance(value, tuple):
        value = value[0] if value else None
    if isinstance(value, (str, bytes)) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return value.replace("\0", " ").strip() if isinstance(value, str) else ""


def _focal_px(tags: dict[int, Any], width_px: int, height_px: int) -> float | None:
    longest = max(width_px, height_px)
    low, high = (ratio * longest for ratio in PLAUSIBLE_FOCAL_RATIO)
    guesses = (_focal_from_film_px(tags, width_px, height_px), _focal_from_sensor_px(tags, width_px, height_px))
    return next((focal for focal in guesses if focal is not None and low <= focal <= high), None)


def _focal_from_film_px(tags: dict[int, Any], width_px: int, height_px: int) -> float | None:
    focal_mm = _positive(tags.get(ExifTags.Base.FocalLengthIn35mmFilm))
    return None if focal_mm is None else focal_mm / FILM_DIAGONAL_MM * math.hypot(width_px, height_px)


def _focal_from_sensor_px(tags: dict[int, Any], width_px: int, height_px: int) -> float | None:
    focal_mm = _positive(tags.get(ExifTags.Base.FocalLength))
    resolution = _positive(tags.get(ExifTags.Base.FocalPlaneXResolution))
    unit_mm = _MM_PER_FOCAL_PLANE_UNIT.get(tags.get(ExifTags.Base.FocalPlaneResolutionUnit, _INCH))
    if focal_mm is None or resolution is None or unit_mm is None:
        return None
    focal_px = focal_mm * resolution / unit_mm
    # The resolution counts pixels of the photo as taken; a photo made smaller since keeps it.
    sides = (_positive(tags.get(ExifTags.Base.ExifImageWidth)), _positive(tags.get(ExifTags.Base.ExifImageHeight)))
    if sides[0] is not None and sides[1] is not None:
        shrink_long = max(width_px, height_px) / max(sides[0], sides[1])
        shrink_short = min(width_px, height_px) / min(sides[0], sides[1])
        if math.isclose(shrink_long, shrink_short, rel_tol=0.01):
            focal_px *= shrink_long
    return focal_px


def _camera_key(tags: dict[int, Any]) -> str | None:
    make, model, lens = (
        _text(tags.get(tag)) for tag in (ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.LensModel)
    )
    focal_mm = _positive(tags.get(ExifTags.Base.FocalLength))
    focal_film_mm = _positive(tags.get(ExifTags.Base.FocalLengthIn35mmFilm))
    if not make or not model or (focal_mm is None and focal_film_mm is None):
        return None
    return "|".join([make, model, lens, f"{focal_mm or 0:g}mm", f"{focal_film_mm or 0:g}mm film"])


def _taken_at_s(tags: dict[int, Any]) -> float | None:
    for time_tag, fraction_tag in _TIME_TAGS:
        parts = re.fullmatch(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)", _text(tags.get(time_tag)))
        if parts is None:
            continue
        year, month, day, hour, minute, second = (int(part) for part in parts.groups())
        if year < 1 or not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 60:
            continue
        if not 1 <= day <= calendar.monthrange(year, month)[1]:
            continue
        fraction = _text(tags.get(fraction_tag))
        seconds = calendar.timegm((year, month, day, hour, minute, second))
        return seconds + (float(f"0.{fraction}") if fraction.isascii() and fraction.isdigit() else 0.0)
    return None
