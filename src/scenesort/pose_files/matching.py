"""Names that other tools give photos, matched to the photos of a collection."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from scenesort.photos.decoding import FORMAT_OF_EXTENSION
from scenesort.pose_files.base import parse_number

Parts = tuple[str, ...]


class PhotoNames:
    """Finds the photos of one collection by other spellings of their names.

    A name fits a photo, in this order: exactly; as the end of the photo's path or the other way round
    ('images/a.png' and 'a.png'); the same without file extensions ('a' or 'a.jpg' and 'a.png').
    """

    def __init__(self, photos: Iterable[str]) -> None:
        self._photos = frozenset(photos)
        self._by_name: dict[str, list[tuple[Parts, str]]] = defaultdict(list)
        self._by_stem: dict[str, list[tuple[Parts, str]]] = defaultdict(list)
        self._by_timestamp: dict[float, list[str]] = defaultdict(list)
        for photo in sorted(self._photos):
            parts = _parts(photo)
            stem = _stem(parts[-1])
            self._by_name[parts[-1]].append((parts, photo))
            self._by_stem[stem].append(((*parts[:-1], stem), photo))
            timestamp = parse_number(stem)
            if timestamp is not None and math.isfinite(timestamp):
                self._by_timestamp[timestamp].append(photo)

    def find(self, name: str) -> list[str]:
        """Return the photos that a name fits best: none if it is unknown, several if it is ambiguous."""
        if name in self._photos:
            return [name]
        parts = _parts(name)
        whole = _fitting(parts, self._by_name.get(parts[-1], []))
        if whole:
            return whole
        stems = dict.fromkeys((parts[-1], _stem(parts[-1])))
        found = [photo for stem in stems for photo in _fitting((*parts[:-1], stem), self._by_stem.get(stem, []))]
        return list(dict.fromkeys(found))

    def find_timestamp(self, text: str) -> list[str]:
        """Return the photos whose file names, without extension, are the same number as a timestamp."""
        return list(self._by_timestamp.get(float(text), []))


def _fitting(parts: Parts, candidates: list[tuple[Parts, str]]) -> list[str]:
    fitting = []
    for candidate, photo in candidates:
        common = min(len(parts), len(candidate))
        if parts[-common:] == candidate[-common:]:
            fitting.append(photo)
    return fitting


def _parts(name: str) -> Parts:
    parts = tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", ".", ".."))
    return parts or (name,)


def _stem(name: str) -> str:
    """The name without the extension of a picture: what follows the dot in `i0.99` is no extension."""
    stem, dot, extension = name.rpartition(".")
    return stem if stem and f"{dot}{extension}".lower() in FORMAT_OF_EXTENSION else name
