"""What a member of the features family is, and how one is found by name."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, runtime_checkable

from scenesort.plugins import load_member
from scenesort.types import Features, ImageArray

GROUP = "scenesort.features"


@runtime_checkable
class FeatureMember(Protocol):
    """Finds keypoints in one upright photo.

    `version` changes whenever the member's output for the same input changes: it is part of an artefact's key.
    `weights` names the entries of the weights registry that the member loads.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    weights: ClassVar[tuple[str, ...]]

    def __init__(self, max_keypoints: int, device: str) -> None:
        """Load the model once; `device` is a torch device name."""

    def extract(self, image: ImageArray) -> Features:
        """Find features in an upright RGB image (height, width, 3) uint8.

        Keypoints are in pixels of this image, COLMAP's convention (the first pixel's centre is at 0.5).
        """
        ...


def load(name: str) -> type[FeatureMember]:
    """Return the member class registered as `name`.

    Raises OptionError for an unknown name, MissingDependencyError when its package can't be imported.
    """
    member: Any = load_member(GROUP, name)
    return member  # type: ignore[no-any-return]
