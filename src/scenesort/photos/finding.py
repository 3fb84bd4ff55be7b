"""Find the photos of a folder, check each by decoding it, and say why a file can't be used."""

from __future__ import annotations

import hashlib
import math
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PIL import Image, JpegImagePlugin

from scenesort.config import PhotosOptions
from scenesort.errors import NoPhotosError, OptionError
from scenesort.photos.cameras import assign_cameras, parameter_names, same_aspect, unknown_camera
from scenesort.photos.decoding import (
    FORMAT_OF_EXTENSION,
    QUARTER_TURNS,
    UnreadableError,
    check_mode,
    load_stored,
    open_image,
)
from scenesort.photos.exif import read_metadata
from scenesort.types import Photo, PhotoSet, SkippedPhoto

VIDEO_EXTENSIONS = frozenset(
    [".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mts", ".m2ts", ".3gp", ".wmv", ".mpg", ".mpeg"]
)

Job = tuple[Path, str]
Mapper = Callable[[Callable[[Job], Photo | SkippedPhoto], Iterable[Job]], Iterable[Photo | SkippedPhoto]]
"""Called like the built-in `map` with one function and one iterable; results may come in any order."""


def find_photos(
    folder: Path,
    options: PhotosOptions | None = None,
    mapper: Mapper = map,
    exclude_folders: Iterable[Path] = (),
) -> PhotoSet:
    """Return all photos below a folder, sorted by name, with what was skipped and why.

    Every photo is decoded once, to find damage; `mapper` may spread that over processes. Hidden files and folders, the
    masks folder and `exclude_folders` (a run folder among the photos, say) are left out. Raises `NoPhotosError` if
    there is none and `OptionError` for options that can't be.
    """
    options = options or PhotosOptions()
    folder = Path(folder)
    _check_options(options, folder)
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "doesn't exist"
        raise NoPhotosError(f"'{printable(str(folder))}' {problem}; give the folder that holds the photos")
    excluded = [*exclude_folders, *([Path(options.masks)] if options.masks else [])]
    found = _walk(folder, [Path(path) for path in excluded])

    photos, skipped = [], list(found.skipped)
    for result in mapper(partial(_inspect_job, options=options), found.files):
        if isinstance(result, Photo):
            photos.append(result)
        else:
            skipped.append(result)
    skipped.sort(key=lambda item: item.name)
    if not photos:
        error = NoPhotosError(_no_photos(folder, skipped))
        error.skipped = tuple(skipped)
        raise error

    photos.sort(key=lambda photo: photo.name)
    firsts: dict[str, str] = {}
    for photo in photos:
        firsts.setdefault(photo.sha256, photo.name)
    duplicates = {photo.name: firsts[photo.sha256] for photo in photos if firsts[photo.sha256] != photo.name}
    photos = [photo for photo in photos if photo.name not in duplicates]

    all_names = frozenset(name for _, name in found.files) | frozenset(item.name for item in skipped)
    photos, notices = assign_cameras(photos, options, all_names)
    notices += _notices(photos, found, options, all_names)
    return PhotoSet(tuple(photos), tuple(skipped), duplicates, tuple(notices))


@dataclass(frozen=True, slots=True)
class Survey:
    """What a folder holds at first sight: the names of its photo files, sorted, and the size of the largest.

    `changed_s` is the time, since 1970, at which the last of the files was written or put there.
    """

    names: tuple[str, ...]
    largest_megapixels: float
    changed_s: float


def survey(folder: Path, exclude_folders: Iterable[Path] = (), *, sizes: bool = False) -> Survey:
    """List the photo files that `find_photos` would look at, without decoding any; `sizes` reads their headers.

    Raises `NoPhotosError` when the folder can't be read.
    """
    found = _walk(folder, list(exclude_folders))
    names = sorted({name for _, name in found.files} | {item.name for item in found.skipped})
    largest = max((_megapixels(path) for path, _ in found.files), default=0.0) if sizes else 0.0
    return Survey(tuple(names), largest, max((_changed_s(path) for path, _ in found.files), default=0.0))


def _changed_s(path: Path) -> float:
    try:
        status = path.stat()
    except OSError:
        return math.inf
    return max(status.st_mtime, status.st_ctime)


def _megapixels(path: Path) -> float:
    try:
        with open_image(path) as image:
            return float(image.width * image.height / 1e6)
    except (UnreadableError, OSError):
        return 0.0


def inspect_photo(path: Path, name: str, options: PhotosOptions) -> Photo | SkippedPhoto:
    """Decode one file and return the photo, or why it can't be used.

    Its camera is the one that EXIF tells, or a guess; `find_photos` puts given intrinsics in its place.
    """
    try:
        return _inspect(path, name, options)
    except UnreadableError as error:
        return SkippedPhoto(name, str(error))
    except OSError as error:
        return SkippedPhoto(name, f"The file can't be opened: {error.strerror or error}.")


def printable(name: str) -> str:
    """Return a file name with the bytes that aren't UTF-8 written as `\\xNN`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _inspect_job(job: Job, options: PhotosOptions) -> Photo | SkippedPhoto:
    return inspect_photo(*job, options)


def _inspect(path: Path, name: str, options: PhotosOptions) -> Photo:
    if path.stat().st_size == 0:
        raise UnreadableError("The file is empty; copy it again from its source.")
    with open_image(path) as image:
        _check_size(*image.size, options)
        full_size = None
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            # An eighth of the size in grey still reads every byte, so it finds damage in less than half the time.
            full_size = image.size
            image.draft("L", (max(1, image.width // 8), max(1, image.height // 8)))
        stored, orientation = load_stored(image)
        check_mode(stored)
        width, height = full_size or stored.size
        metadata = read_metadata(_exif_of(image), width, height)

    mirrored = orientation not in QUARTER_TURNS
    if mirrored and orientation >= 5:
        width, height = height, width
    focal_px = metadata.focal_px or options.default_focal_ratio * max(width, height)
    group = f"photo|{name}"
    if metadata.camera_key is not None:
        group = f"exif|{metadata.camera_key}|{width}x{height}{'|mirrored' if mirrored else ''}"
    mask_path = _mask_of(name, (width, height), options)
    return Photo(
        name=name,
        path=path,
        sha256=_sha256(path),
        width_px=width,
        height_px=height,
        camera=unknown_camera(options.camera_model, width, height, focal_px, metadata.focal_px is not None),
        camera_group=group,
        quarter_turns=QUARTER_TURNS.get(orientation, 0),
        mirrored=mirrored,
        mask_path=mask_path,
        mask_sha256=None if mask_path is None else _sha256(mask_path),
        taken_at_s=metadata.taken_at_s,
    )


def _exif_of(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except Exception:  # Pillow raises whatever its parser trips over in broken EXIF
        return Image.Exif()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_size(width: int, height: int, options: PhotosOptions) -> None:
    if width * height > options.max_megapixels * 1e6:
        raise UnreadableError(
            f"The photo has {width}x{height} pixels, more than the {options.max_megapixels:g} megapixels of the option "
            "max_megapixels; make it smaller or raise the option."
        )
    if min(width, height) < options.min_side_px:
        raise UnreadableError(
            f"The photo has only {width}x{height} pixels; the option min_side_px asks for {options.min_side_px} a side."
        )


def _mask_names(name: str) -> tuple[str, str]:
    """Return the two names below the masks folder that a photo's mask may have: COLMAP's and the plain one."""
    return f"{name}.png", f"{name.rpartition('.')[0] or name}.png"


def _mask_of(name: str, frame_size_px: tuple[int, int], options: PhotosOptions) -> Path | None:
    if not options.masks:
        return None
    candidates = [Path(options.masks, candidate) for candidate in _mask_names(name)]
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path is None:
        return None
    try:
        with open_image(path) as mask:
            load_stored(mask)
            size = mask.size
    except UnreadableError as error:
        raise UnreadableError(f"Its mask '{path}' can't be used: {error}") from None
    if not same_aspect(size, frame_size_px):
        raise UnreadableError(
            f"Its mask '{path}' has {size[0]}x{size[1]} pixels, another aspect than the photo's stored "
            f"{frame_size_px[0]}x{frame_size_px[1]}; make it for the stored pixels, before any EXIF turn, or remove it."
        )
    return path


def _check_options(options: PhotosOptions, folder: Path) -> None:
    parameter_names(options.camera_model, "option camera_model")
    if not options.max_megapixels > 0:
        raise OptionError(f"option max_megapixels is {options.max_megapixels}; it must be above 0")
    if options.min_side_px < 1:
        raise OptionError(f"option min_side_px is {options.min_side_px}; it must be at least 1")
    if not 0.1 <= options.default_focal_ratio <= 10:
        raise OptionError(f"option default_focal_ratio is {options.default_focal_ratio}; it must be from 0.1 to 10")
    if options.masks:
        if not Path(options.masks).is_dir():
            raise OptionError(f"option masks: '{options.masks}' is no folder; give the folder that holds the masks")
        if folder.is_dir() and os.path.samefile(options.masks, folder):
            raise OptionError(f"option masks: '{options.masks}' is the photo folder itself; put the masks in their own")


@dataclass(slots=True)
class _Found:
    files: list[Job] = field(default_factory=list)
    skipped: list[SkippedPhoto] = field(default_factory=list)
    videos: int = 0


def _walk(root: Path, excluded: Iterable[Path]) -> _Found:
    """List the files below a folder that look like photos.

    Each folder is entered once, real ones before links to folders: so loops of links end, and a photo that can be
    reached in several ways goes by its real name.
    """
    found = _Found()
    visited = {_identity(path.stat()) for path in excluded if path.exists()}
    pending: deque[tuple[Path, str]] = deque([(root, "")])
    while pending:
        folder, prefix = pending.popleft()
        try:
            identity = _identity(folder.stat())
            if identity in visited:
                continue
            visited.add(identity)
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if not prefix:
                raise NoPhotosError(f"'{printable(str(root))}' can't be read: {error.strerror}") from None
            found.skipped.append(SkippedPhoto(printable(prefix), f"The folder can't be read: {error.strerror}."))
            continue
        for entry in listed:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                job = (Path(entry.path), f"{prefix}{entry.name}/")
                pending.append(job) if entry.is_symlink() else pending.appendleft(job)
            else:
                _take(found, entry, f"{prefix}{entry.name}")
    found.files.sort(key=lambda job: job[1])
    return found


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that points to itself
        return False


def _take(found: _Found, entry: os.DirEntry[str], name: str) -> None:
    extension = os.path.splitext(entry.name)[1].lower()
    found.videos += extension in VIDEO_EXTENSIONS
    if extension not in FORMAT_OF_EXTENSION:
        return
    path = Path(entry.path)
    reason = None
    if printable(name) != name:
        reason = "The name of the file or of its folder isn't valid UTF-8; rename it."
    else:
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # opening a named pipe would wait for ever
                reason = "It is no regular file."
        except OSError as error:
            reason = f"The file can't be opened: {error.strerror}."
            if entry.is_symlink():
                reason = f"The link is broken, it points to '{printable(os.readlink(path))}'."
    if reason is None:
        found.files.append((path, name))
    else:
        found.skipped.append(SkippedPhoto(printable(name), reason))


def _no_photos(folder: Path, skipped: list[SkippedPhoto]) -> str:
    where = f"no readable photo in '{printable(str(folder))}'"
    if not skipped:
        return f"{where}: no file there ends in {', '.join(sorted(FORMAT_OF_EXTENSION))}"
    return f"{where}: none of its {len(skipped)} photo files can be used; '{skipped[0].name}': {skipped[0].reason}"


def _notices(photos: list[Photo], found: _Found, options: PhotosOptions, all_names: frozenset[str]) -> list[str]:
    notices = []
    mirrored = [photo.name for photo in photos if photo.mirrored]
    if mirrored:
        notices.append(
            f"{len(mirrored)} photos have a mirrored EXIF orientation, '{mirrored[0]}' first: their poses and exported "
            "pictures are those of the upright photo."
        )
    if found.videos:
        notices.append(f"{found.videos} video files were left out: only photos are read; extract frames to use them.")
    if options.masks:
        known = {mask for name in all_names for mask in _mask_names(name)}
        masks = (path for path in Path(options.masks).rglob("*.png") if not path.name.startswith("."))
        strangers = sorted({path.relative_to(options.masks).as_posix() for path in masks} - known)
        if strangers:
            notices.append(
                f"{len(strangers)} masks fit no photo, '{printable(strangers[0])}' first: the mask of a/b.jpg is "
                "a/b.jpg.png or a/b.png."
            )
    return notices
