"""What retrieval sees around one photo, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scenesort.types import Photo


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A photo that looks like another one: `similarity` is the cosine of their descriptors, or a screening score."""

    name: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A photo's neighbours, best first, by what compared them; `photos` are all of the collection by name."""

    name: str
    photos: Mapping[str, Photo]
    lists: Mapping[str, tuple[Neighbour, ...]]
