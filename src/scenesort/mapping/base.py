"""What a member of the mapping family is, and how one is found by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from scenesort.config import MappingOptions, PoseModelsOptions, ScenesOptions, VerificationOptions
from scenesort.types import ImageArray, MappingPhoto, Pair, PosedScene, TwoViewGeometry

GROUP = "scenesort.mapping"


def no_image(name: str) -> ImageArray:
    """Stand for images that nobody handed in."""
    raise LookupError(f"no image of {name} was handed to the mapper")


def tell_nobody(sentence: str) -> None:
    """Take a sentence for the user and drop it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the process that a member works in offers it.

    `load_image` returns a photo's frame, (h, w, 3) uint8 RGB at full size, by the photo's name, and keeps nothing.
    `device` is a torch device name; `free_memory_mb` its free memory, None where unknown. `tell` takes a sentence for
    the user.
    """

    load_image: Callable[[str], ImageArray] = no_image
    device: str = "cpu"
    free_memory_mb: float | None = None
    tell: Callable[[str], None] = tell_nobody


@dataclass(frozen=True, slots=True)
class MappingTask:
    """One connected part of the view graph, ready to be mapped in a child process.

    `geometries` index into the photos' keypoints. `attempt` counts from 0: later attempts follow a failure and use
    safer options. `trial` counts from 0, too: each goes another way, and the healthiest models are kept. After
    `max_runtime_s` seconds a member should stop and give what it has. `surroundings` are put in by the process that
    maps, and are no part of what the models are made from.
    """

    photos: tuple[MappingPhoto, ...]
    geometries: tuple[TwoViewGeometry, ...]
    mapping: MappingOptions
    scenes: ScenesOptions
    verification: VerificationOptions
    seed: int
    attempt: int = 0
    trial: int = 0
    max_runtime_s: float = math.inf
    pose_models: PoseModelsOptions = field(default_factory=PoseModelsOptions)
    surroundings: Surroundings = field(default_factory=Surroundings)

    @property
    def links(self) -> dict[Pair, int]:
        """The number of verified inliers of each pair."""
        return {geometry.pair: geometry.num_inliers for geometry in self.geometries}


@runtime_checkable
class MappingMember(Protocol):
    """Turns one connected part of the view graph into models.

    `version` changes whenever the output for the same input changes: it is part of an artefact's key.
    """

    name: ClassVar[str]
    version: ClassVar[str]

    def map(self, task: MappingTask, folder: Path) -> Sequence[PosedScene]:
        """Return the models of a part, largest first; `folder` is empty and for the member's own files.

        Points have no colours yet, scenes no names. Models share no coordinate frame, and a photo may be in several.
        """
        ...
