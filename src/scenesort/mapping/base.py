"""What a member of the mapping family is, and how one is found by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from scenesort.config import MappingOptions, ScenesOptions, VerificationOptions
from scenesort.plugins import load_member
from scenesort.types import MappingPhoto, PosedScene, TwoViewGeometry

GROUP = "scenesort.mapping"


@dataclass(frozen=True, slots=True)
class MappingTask:
    """One connected part of the view graph, ready to be mapped in a child process.

    `geometries` index into the photos' keypoints. `attempt` counts from 0: later attempts use safer options. After
    `max_runtime_s` seconds a member should stop and give what it has.
    """

    photos: tuple[MappingPhoto, ...]
    geometries: tuple[TwoViewGeometry, ...]
    mapping: MappingOptions
    scenes: ScenesOptions
    verification: VerificationOptions
    seed: int
    attempt: int = 0
    max_runtime_s: float = math.inf


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


def load(name: str) -> type[MappingMember]:
    """Return the member class registered as `name`; raises OptionError or MissingDependencyError."""
    member: Any = load_member(GROUP, name)
    return member  # type: ignore[no-any-return]
