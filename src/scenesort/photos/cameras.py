"""Which photos share a camera, and what its intrinsics are: given by the user, from EXIF, or guessed."""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from scenesort.config import PhotosOptions
from scenesort.errors import OptionError
from scenesort.types import Camera, Photo

PARAMETERS = {
    "SIMPLE_PINHOLE": "f, cx, cy",
    "PINHOLE": "fx, fy, cx, cy",
    "SIMPLE_RADIAL": "f, cx, cy, k",
    "SIMPLE_RADIAL_FISHEYE": "f, cx, cy, k",
    "RADIAL": "f, cx, cy, k1, k2",
    "RADIAL_FISHEYE": "f, cx, cy, k1, k2",
    "OPENCV": "fx, fy, cx, cy, k1, k2, p1, p2",
    "OPENCV_FISHEYE": "fx, fy, cx, cy, k1, k2, k3, k4",
    "FULL_OPENCV": "fx, fy, cx, cy, k1, k2, p1, p2, k3, k4, k5, k6",
    "FOV": "fx, fy, cx, cy, omega",
    "THIN_PRISM_FISHEYE": "fx, fy, cx, cy, k1, k2, p1, p2, k3, k4, sx1, sy1",
    "RAD_TAN_THIN_PRISM_FISHEYE": "fx, fy, cx, cy, k0, k1, k2, k3, k4, k5, p0, p1, s0, s1, s2, s3",
    "SIMPLE_DIVISION": "f, cx, cy, k",
    "DIVISION": "fx, fy, cx, cy, k",
    "SIMPLE_FISHEYE": "f, cx, cy",
    "FISHEYE": "fx, fy, cx, cy",
    "EUCM": "fx, fy, cx, cy, alpha, beta",
}
"""COLMAP's camera models with a focal length, and their parameters in order."""

ASPECT_TOLERANCE = 0.01
_NEUTRAL = {"omega": 0.01, "beta": 1.0}  # where COLMAP's own start isn't 0
_COLUMNS = ("image", "model", "width", "height", "params")


@dataclass(frozen=True, slots=True)
class KnownCamera:
    """Intrinsics given by the user for photos of `width_px` by `height_px`; `source` names the option or CSV line."""

    model: str
    width_px: int
    height_px: int
    params: tuple[float, ...]
    source: str


def same_aspect(size_px: tuple[int, int], other_px: tuple[int, int]) -> bool:
    """Tell whether two sizes (width, height) have one aspect, up to the rounding of a resize."""
    return math.isclose(size_px[0] * other_px[1], size_px[1] * other_px[0], rel_tol=ASPECT_TOLERANCE)


def parameter_names(model: str, source: str) -> tuple[str, ...]:
    """Return a camera model's parameter names in order; `OptionError` for an unknown model."""
    if model not in PARAMETERS:
        raise OptionError(f"{source}: unknown camera model '{model}'; known models: {', '.join(PARAMETERS)}")
    return tuple(PARAMETERS[model].split(", "))


def unknown_camera(model: str, width_px: int, height_px: int, focal_px: float, has_focal_prior: bool) -> Camera:
    """Return a camera that is still to be estimated: this focal length, central principal point, no distortion."""
    start = {"cx": width_px / 2, "cy": height_px / 2, **_NEUTRAL}
    names = parameter_names(model, "option camera_model")
    params = tuple(focal_px if name.startswith("f") else start.get(name, 0.0) for name in names)
    return Camera(model, width_px, height_px, params, has_focal_prior=has_focal_prior)


def parse_params(model: str, text: str, separator: str, source: str) -> tuple[float, ...]:
    """Return the parameters of a camera model written as text; `OptionError` says what is wrong with them."""
    names = parameter_names(model, source)
    try:
        params = tuple(float(part) for part in text.split(separator))
    except ValueError:
        raise OptionError(f"{source}: '{text}' must be numbers with '{separator}' between them") from None
    if len(params) != len(names):
        raise OptionError(f"{source}: {model} takes {len(names)} numbers ({', '.join(names)}), not {len(params)}")
    if not all(math.isfinite(value) for value in params):
        raise OptionError(f"{source}: '{text}' holds a number that isn't finite")
    if any(value <= 0 for name, value in zip(names, params, strict=True) if name.startswith("f")):
        raise OptionError(f"{source}: a focal length must be above 0 pixels, in '{text}'")
    return params


def read_cameras_csv(path: Path) -> dict[str, KnownCamera]:
    """Return known cameras by photo name from a CSV `image,model,width,height,params` (params separated by `;`)."""
    cameras: dict[str, KnownCamera] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="rest", strict=True)
            missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise OptionError(f"cameras CSV '{path}' lacks the column {missing[0]}; it needs {','.join(_COLUMNS)}")
            for row in reader:
                source = f"cameras CSV '{path}', line {reader.line_num}"
                if "rest" in row or None in row.values():
                    raise OptionError(
                        f"{source}: not as many fields as columns; put ';' between params and quote names with a comma"
                    )
                if row["image"] in cameras:
                    raise OptionError(f"{source}: '{row['image']}' is listed twice; keep one line")
                if not (row["width"].isdecimal() and row["height"].isdecimal()) or 0 in (
                    int(row["width"]),
                    int(row["height"]),
                ):
                    raise OptionError(f"{source}: width and height must be whole numbers of pixels above 0")
                model = row["model"].strip()
                params = parse_params(model, row["params"], ";", source)
                cameras[row["image"]] = KnownCamera(model, int(row["width"]), int(row["height"]), params, source)
    except OSError as error:
        raise OptionError(f"cameras CSV '{path}' can't be read: {error.strerror}; give an existing file") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise OptionError(f"cameras CSV '{path}' isn't a UTF-8 CSV file: {error}") from None
    return cameras


def _fit(known: KnownCamera, photo: Photo) -> Camera:
    """Return known intrinsics scaled to the photo's size."""
    size, known_size = (photo.width_px, photo.height_px), (known.width_px, known.height_px)
    if not same_aspect(size, known_size):
        raise OptionError(
            f"{known.source}: intrinsics for {known.width_px}x{known.height_px} pixels don't fit photo '{photo.name}': "
            f"its {photo.width_px}x{photo.height_px} pixels have another aspect; give it a line in a cameras CSV"
        )
    scale_x, scale_y = size[0] / known_size[0], size[1] / known_size[1]
    scales = {"fx": scale_x, "cx": scale_x, "fy": scale_y, "cy": scale_y, "f": (scale_x + scale_y) / 2}
    names = parameter_names(known.model, known.source)
    params = tuple(value * scales.get(name, 1.0) for name, value in zip(names, known.params, strict=True))
    return Camera(known.model, *size, params, has_focal_prior=True, fixed=True)


def _with_known(photo: Photo, known: KnownCamera) -> Photo:
    camera = _fit(known, photo)
    numbers = ",".join(f"{value!r}" for value in camera.params)
    return replace(
        photo, camera=camera, camera_group=f"known|{camera.model}|{photo.width_px}x{photo.height_px}|{numbers}"
    )


def _one_camera_per_size(photos: Sequence[Photo]) -> tuple[list[Photo], list[str]]:
    sizes = Counter((photo.width_px, photo.height_px) for photo in photos)
    notices = []
    if len(sizes) > 1:
        listed = ", ".join(f"{width}x{height} ({count})" for (width, height), count in sorted(sizes.items()))
        notices = [
            f"A single camera was asked for, but the photos have {len(sizes)} sizes: one camera for each: {listed}."
        ]
    return [replace(photo, camera_group=f"single|{photo.width_px}x{photo.height_px}") for photo in photos], notices


def _unify(photos: Sequence[Photo]) -> list[Photo]:
    """Give all photos of a group one camera: the median of its known focal lengths."""
    groups: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        groups[photo.camera_group].append(photo)
    cameras: dict[str, Camera] = {}
    for group, members in groups.items():
        camera = members[0].camera
        focals = [photo.camera.params[0] for photo in members if photo.camera.has_focal_prior]
        if focals:
            camera = unknown_camera(camera.model, camera.width_px, camera.height_px, median(focals), True)
        cameras[group] = camera
    return [replace(photo, camera=cameras[photo.camera_group]) for photo in photos]


def assign_cameras(
    photos: Sequence[Photo], options: PhotosOptions, all_names: frozenset[str]
) -> tuple[list[Photo], list[str]]:
    """Return the photos with their final cameras and groups, and notices for the user.

    A line of the cameras CSV goes before `camera_params`, which goes before EXIF. `camera_params` count for the most
    frequent photo size. `all_names` are the names of all files found, used or not.
    """
    notices: list[str] = []
    named = read_cameras_csv(Path(options.cameras_csv)) if options.cameras_csv else {}
    strangers = sorted(set(named) - all_names)
    if strangers:
        notices.append(f"{len(strangers)} lines of the cameras CSV name no photo here, '{strangers[0]}' first.")
    with_line = [_with_known(photo, named[photo.name]) for photo in photos if photo.name in named]
    others = [photo for photo in photos if photo.name not in named]
    if options.camera_params:
        source = "option camera_params"
        params = parse_params(options.camera_model, options.camera_params, ",", source)
        sizes = Counter((photo.width_px, photo.height_px) for photo in others)
        if sizes:
            size = max(sizes, key=lambda item: (sizes[item], item))
            known = KnownCamera(options.camera_model, *size, params, source)
            others = [_with_known(photo, known) for photo in others]
    else:
        if options.single_camera:
            others, more = _one_camera_per_size(others)
            notices += more
        others = _unify(others)
    return sorted([*with_line, *others], key=lambda photo: photo.name), notices
