"""What a member of the matching family is, and how one is found by name."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, runtime_checkable

from scenesort.config import MatchingOptions
from scenesort.errors import OptionError
from scenesort.plugins import load_member, member_names
from scenesort.types import Features, PairMatches, Photo

GROUP = "scenesort.matching"


@runtime_checkable
class MatchingMember(Protocol):
    """Finds which keypoints of two photos show the same point.

    `version` changes whenever the output for the same input changes: it is part of an artefact's key. `weights` names
    entries of the weights registry; `features` the feature members it can match. `learned` members cost far more a pair
    and get the shorter list of pairs.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    weights: ClassVar[tuple[str, ...]]
    features: ClassVar[tuple[str, ...]]
    learned: ClassVar[bool]

    def __init__(self, options: MatchingOptions, device: str) -> None:
        """Load the model once; `device` is a torch device name."""

    def match(self, photo_a: Photo, a: Features, photo_b: Photo, b: Features) -> PairMatches:
        """Match two photos' features; the pair is (photo_a.name, photo_b.name) and indices follow its order."""
        ...


def load(name: str) -> type[MatchingMember]:
    """Return the member class registered as `name`; raises OptionError or MissingDependencyError."""
    member: Any = load_member(GROUP, name)
    return member  # type: ignore[no-any-return]


def parse_mix(mix: tuple[str, ...], option: str = "matching.mix") -> list[tuple[str, str]]:
    """Split `features+matcher` entries and check that the two go together; `disk+lightglue` gives `disk-lightglue`.

    `option` is the option that the mix comes from. Raises OptionError for an entry that isn't of that form, is unknown,
    repeats features, or doesn't fit.
    """
    parsed: list[tuple[str, str]] = []
    for entry in mix:
        features, plus, matcher = entry.partition("+")
        if not plus or not features or not matcher:
            raise OptionError(f"{option}: '{entry}' should be features+matcher, for example sift+nearest")
        known = member_names(GROUP)
        own = f"{features}-{matcher}"
        # LightGlue has weights for several kinds of features, each a member: `lightglue` stands for the one that fits.
        if own in known and (matcher not in known or features not in load(matcher).features):
            matcher = own
        member = load(matcher)
        if features not in member.features:
            others = [name.removesuffix(f"-{matcher}") for name in known if name.endswith(f"-{matcher}")]
            fitting = ", ".join(f"{name}+{matcher}" for name in [*member.features, *others])
            raise OptionError(f"{option}: '{entry}': {matcher} can't match {features} features; it fits {fitting}")
        if features in [known for known, _ in parsed]:
            raise OptionError(f"{option}: {features} features occur twice; name each kind of features once")
        parsed.append((features, matcher))
    if not parsed:
        raise OptionError(f"{option} is empty; name at least one features+matcher, for example sift+nearest")
    return parsed
