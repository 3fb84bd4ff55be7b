"""The door for learned classifiers of look-alikes (such as Doppelgangers, Cai et al., ICCV 2023): one more vote.

None is built in. A package registers one as an entry point of the group `scenesort.pair_classifiers`, and the option
`scenes.pair_classifier` names it.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, runtime_checkable

from scenesort.plugins import load_member
from scenesort.types import ImageArray

GROUP = "scenesort.pair_classifiers"
NONE = "none"


@runtime_checkable
class PairClassifier(Protocol):
    """Tells whether two photos that match show one place. It is made in a worker process, once."""

    name: ClassVar[str]

    def __init__(self, device: str) -> None:
        """Load the model; `device` as torch names it."""
        ...

    def same_place(self, first: ImageArray, second: ImageArray) -> float:
        """Probability, 0 … 1, that two upright photos, (h, w, 3) uint8 RGB, show one place."""
        ...


def load_classifier(name: str) -> type[PairClassifier]:
    """Return the classifier registered as `name`; raises OptionError or MissingDependencyError."""
    member: Any = load_member(GROUP, name)
    return member  # type: ignore[no-any-return]
