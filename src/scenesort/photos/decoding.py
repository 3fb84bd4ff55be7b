"""From file to pixels: the only place that opens photos.

Pillow's plugins are used directly, not through `Image.open`: its limit on pixels is a global setting, and ours is an
option that is checked before any pixel is decoded. Colour profiles are ignored.
"""

from __future__ import annotations

import os
import shutil
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, ExifTags, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from scenesort.errors import PhotoError
from scenesort.photos.exif import orientation_of
from scenesort.types import ImageArray, Photo

FORMAT_OF_EXTENSION = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".mpo": "JPEG",
    ".png": "PNG",
    ".webp": "WebP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".heic": "HEIF",
    ".heif": "HEIF",
    ".hif": "HEIF",
}

_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1", b"mif2")
_DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_READABLE_MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", *_DEEP_MODES}

_KEPT_TAGS = (ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.DateTime, ExifTags.Base.Copyright)
_ORIENTATION_KEYS = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")

_Method = Image.Transpose
_UPRIGHT_METHOD = {
    2: _Method.FLIP_LEFT_RIGHT,
    3: _Method.ROTATE_180,
    4: _Method.FLIP_TOP_BOTTOM,
    5: _Method.TRANSPOSE,
    6: _Method.ROTATE_270,
    7: _Method.TRANSVERSE,
    8: _Method.ROTATE_90,
}
_STORED_METHOD = {**_UPRIGHT_METHOD, 6: _Method.ROTATE_90, 8: _Method.ROTATE_270}
QUARTER_TURNS = {1: 0, 6: 1, 3: 2, 8: 3}
"""Clockwise quarter turns of the orientations that aren't mirrored."""


class UnreadableError(Exception):
    """A file can't be used; the message is the reason, a sentence without the file's name."""


def sniff_format(path: Path) -> str | None:
    """Return the format that a file's first bytes tell, or None."""
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WebP"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if head.startswith(b"BM"):
        return "BMP"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "HEIF"
    return None


def _open_heif(file: IO[bytes]) -> Image.Image:
    from pillow_heif import HeifImageFile  # only folders with HEIC photos pay for libheif

    image: Image.Image = HeifImageFile(file)  # type: ignore[no-untyped-call]
    return image


def _open_format(kind: str, file: IO[bytes]) -> Image.Image:
    match kind:
        case "JPEG":
            return JpegImagePlugin.jpeg_factory(file)
        case "PNG":
            return PngImagePlugin.PngImageFile(file)
        case "WebP":
            return WebPImagePlugin.WebPImageFile(file)
        case "TIFF":
            return TiffImagePlugin.TiffImageFile(file)
        case "BMP":
            return BmpImagePlugin.BmpImageFile(file)
        case _:
            return _open_heif(file)


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Open a photo or mask with its pixels not decoded yet; whatever goes wrong inside becomes an `UnreadableError`."""
    try:
        kind = sniff_format(path)
        if kind is None:
            formats = ", ".join(sorted(set(FORMAT_OF_EXTENSION.values())))
            raise UnreadableError(f"The file holds no photo that can be read (its content is none of {formats}).")
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield _open_format(kind, file)
    except UnreadableError:
        raise
    except Image.DecompressionBombError:
        raise UnreadableError("The photo has too many pixels for its format to be decoded safely.") from None
    except OSError as error:
        if error.strerror is not None:
            raise UnreadableError(f"The file can't be opened: {error.strerror}.") from None
        raise _damaged(error) from None
    except Exception as error:  # decoders raise whatever they trip over in broken files
        raise _damaged(error) from None


def _damaged(error: Exception) -> UnreadableError:
    detail = " ".join(str(error).split()) or type(error).__name__
    return UnreadableError(
        f"The file is damaged or cut short and can't be decoded ({detail}); copy it again from its source."
    )


def load_stored(image: Image.Image) -> tuple[Image.Image, int]:
    """Decode an opened image and return its stored pixels with their EXIF orientation, 1 … 8."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # Pillow turns TIFF, and TIFF alone, upright while it decodes.
        orientation = orientation_of(image.getexif())
        image.load()
        method = _STORED_METHOD.get(orientation)
        return (image if method is None else image.transpose(method)), orientation
    image.load()  # first: EXIF may follow the pixels in a PNG
    try:
        return image, orientation_of(image.getexif())
    except Exception:  # Pillow raises whatever its parser trips over in broken EXIF
        return image, 1


def check_mode(image: Image.Image) -> None:
    """Raise `UnreadableError` if an image's colours can't be converted to RGB."""
    if image.mode not in _READABLE_MODES:
        raise UnreadableError(f"The photo's colour mode {image.mode} can't be converted; save it again as RGB.")


def to_rgb(image: Image.Image) -> ImageArray:
    """Return (h, w, 3) uint8 RGB of a decoded image; the transparent shows white, deep grey keeps its top bits."""
    check_mode(image)
    if image.mode in _DEEP_MODES:
        grey = np.asarray(image)
        if image.mode.startswith("I;16"):
            eight = (grey >> 8).astype(np.uint8)
        else:
            finite = np.nan_to_num(grey.astype(np.float32), posinf=0.0, neginf=0.0)
            top = float(finite.max(initial=0.0))
            full_scale = next((scale for scale in (1.0, 255.0, 65535.0) if top <= scale), top)
            eight = (finite.clip(min=0.0) * (255.0 / full_scale) + 0.5).astype(np.uint8)
        return np.repeat(eight[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", colours.size, (255, 255, 255, 255)), colours)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _frame_image(photo: Photo, image: Image.Image) -> Image.Image:
    """Decode an opened photo into its frame: the stored pixels, or the upright ones if they are mirrored."""
    stored, orientation = load_stored(image)
    if photo.mirrored and orientation in _UPRIGHT_METHOD:
        stored = stored.transpose(_UPRIGHT_METHOD[orientation])
    if stored.size != (photo.width_px, photo.height_px):
        raise UnreadableError("The file has changed since the photo was found; run again.")
    return stored


def load_frame(photo: Photo) -> ImageArray:
    """Return the photo's frame at full size, (height_px, width_px, 3) uint8 RGB. Raises `PhotoError`."""
    try:
        with open_image(photo.path) as image:
            return to_rgb(_frame_image(photo, image))
    except UnreadableError as error:
        raise PhotoError(f"photo '{photo.name}': {error}") from None


def load_upright(photo: Photo, max_side_px: int | None) -> tuple[ImageArray, tuple[float, float]]:
    """Return the upright photo at working size and the scale back to full size.

    The pixels are (h, w, 3) uint8 RGB, C-contiguous; the longer side is at most `max_side_px` (None: full size), and a
    photo is never enlarged. Working points (n, 2) in COLMAP's convention times the scale (x, y) are upright points at
    full size. Raises `PhotoError`.
    """
    pixels = load_frame(photo)
    longest = max(photo.width_px, photo.height_px)
    if max_side_px is not None and max_side_px < longest:
        size = [max(1, round(side * max_side_px / longest)) for side in (photo.width_px, photo.height_px)]
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    pixels = np.ascontiguousarray(np.rot90(pixels, k=-photo.quarter_turns))
    width, height = photo.upright_size_px
    return pixels, (width / pixels.shape[1], height / pixels.shape[0])


def load_mask_upright(photo: Photo, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return (h, w) bool of the upright photo at working `size` (w, h), True where features are allowed.

    A pixel takes the mask's value at its centre; without a mask all are True. Raises `PhotoError`.
    """
    width, height = size
    if photo.mask_path is None:
        return np.ones((height, width), dtype=np.bool_)
    try:
        with open_image(photo.mask_path) as image:
            stored, _ = load_stored(image)
            single = len(stored.getbands()) == 1 and stored.mode != "P"
            allowed = np.asarray(stored) != 0 if single else np.asarray(stored.convert("RGB")).any(axis=2)
    except UnreadableError as error:
        raise PhotoError(f"mask '{photo.mask_path}' of photo '{photo.name}': {error}") from None
    upright = np.rot90(allowed, k=-photo.quarter_turns)
    rows = ((np.arange(height) + 0.5) * (upright.shape[0] / height)).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * (upright.shape[1] / width)).astype(np.intp)
    return np.ascontiguousarray(upright[np.ix_(rows, columns)])


def link_or_export(photo: Photo, target: Path) -> None:
    """Put the photo's frame at `target`, as other tools will read it; folders are made, an older file is replaced.

    An absolute symbolic link to the original (a scene's folder may be moved, its photos seldom are), a copy where the
    file system has no links. A mirrored photo is written upright instead, as JPEG of quality 95 or, for other
    extensions, without loss; its EXIF keeps camera, time and place. Raises `PhotoError`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.parent / f".{uuid.uuid4().hex}.part"
    try:
        if photo.mirrored:
            _write_upright(photo, aside, FORMAT_OF_EXTENSION.get(target.suffix.lower(), "JPEG"))
        else:
            try:
                aside.symlink_to(photo.path.absolute())
            except (OSError, NotImplementedError):
                shutil.copyfile(photo.path, aside)
        os.replace(aside, target)
    except UnreadableError as error:
        raise PhotoError(f"photo '{photo.name}': {error}") from None
    except OSError as error:
        raise PhotoError(f"photo '{photo.name}' can't be put at '{target}': {error.strerror or error}") from None
    finally:
        aside.unlink(missing_ok=True)


def _write_upright(photo: Photo, path: Path, kind: str) -> None:
    with open_image(photo.path) as image:
        upright = _frame_image(photo, image)
        if kind == "JPEG" and upright.mode not in ("L", "RGB"):
            upright = Image.fromarray(to_rgb(upright))
        upright = upright.copy()
        upright.info = {key: value for key, value in upright.info.items() if key not in _ORIENTATION_KEYS}
        exif = _kept_exif(image)
    settings: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95}, "WebP": {"lossless": True}}
    options = settings.get(kind, {})
    if exif and kind != "BMP":
        options["exif"] = exif
    upright.save(path, format=kind.upper(), **options)


def _kept_exif(image: Image.Image) -> bytes:
    """Return an image's EXIF about camera, time and place, without the tags that describe its stored pixels."""
    try:
        exif, kept = image.getexif(), Image.Exif()
        for tag in _KEPT_TAGS:
            if tag in exif:
                kept[tag] = exif[tag]
        for ifd in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            kept.get_ifd(ifd).update(exif.get_ifd(ifd))
        return kept.tobytes()
    except Exception:  # broken EXIF that could be read in part
        return b""
