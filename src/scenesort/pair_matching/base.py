"""What a member of the family is, and how one is found by name, or put together of features and a matcher."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from scenesort import features, matching, model_folders, weights
from scenesort.config import MatchingOptions
from scenesort.errors import OptionError
from scenesort.execution import available_mb
from scenesort.plugins import load_member, member_names
from scenesort.types import Camera, Float32Array, ImageArray, Photo
from scenesort.versions import package_version

GROUP = "scenesort.pair_matching"
OPTION = "second_look.matcher"


@dataclass(frozen=True, slots=True)
class PixelMatches:
    """Points of two pictures that show the same: two (m, 2) float32 in pixels and (m,) float32, higher is better.

    Pixels are COLMAP's: the first pixel's centre is at (0.5, 0.5).
    """

    points_a_px: Float32Array
    points_b_px: Float32Array
    scores: Float32Array

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> PixelMatches:
        """Return no matches."""
        return cls(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class PairMatcherOptions:
    """What a pair matcher may need.

    `model`: a folder or a name of the weights registry, or what the member's docstring says; empty: the member's own.
    `seed`: of members that draw random numbers.
    `keypoints`: most keypoints of feature members, by name; `matching`: how those are matched.
    """

    model: str = ""
    keypoints: tuple[tuple[str, int], ...] = ()
    matching: MatchingOptions = field(default_factory=MatchingOptions)
    seed: int = 0


@runtime_checkable
class PairMatcher(Protocol):
    """Matches two pictures at once.

    `version` changes whenever the output for the same pictures changes: it is part of an artefact's key. `weights`:
    entries of the weights registry that are loaded where no model is given. Two things a member may have besides: a
    static method `check(model)`, which raises before the first photo is read what the constructor would raise after
    hours, and `package`, the name of a package whose version its output depends on. `needs_mb`: memory of a worker.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    weights: ClassVar[tuple[str, ...]]

    def __init__(self, options: PairMatcherOptions, device: str) -> None:
        """Load the model once; `device` is a torch device name."""

    def match(self, image_a: ImageArray, image_b: ImageArray) -> PixelMatches:
        """Match two upright RGB pictures (height, width, 3) uint8, of any two sizes."""
        ...


class FeaturesAndMatcher:
    """Features of both pictures, matched: a member of each of the two families, put together."""

    def __init__(self, feature: str, matcher: str, options: PairMatcherOptions, device: str) -> None:
        self._features = features.load(feature)(dict(options.keypoints).get(feature, 4096), device)
        self._matcher = matching.load(matcher)(options.matching, device)

    def match(self, image_a: ImageArray, image_b: ImageArray) -> PixelMatches:
        """Match two pictures; see PairMatcher. A match's score is the lesser of its keypoints'."""
        a, b = (self._features.extract(image) for image in (image_a, image_b))
        rows_a, rows_b = self._matcher.match(_as_photo("a", image_a), a, _as_photo("b", image_b), b).matches.T
        scores = np.minimum(a.scores[rows_a], b.scores[rows_b])
        return PixelMatches(a.keypoints_px[rows_a], b.keypoints_px[rows_b], scores)


def build(name: str, options: PairMatcherOptions, device: str) -> PairMatcher | FeaturesAndMatcher:
    """Return a matcher by its name or as features+matcher; raises OptionError or MissingDependencyError."""
    if "+" in name:
        ((feature, matcher),) = matching.parse_mix((name,), OPTION)
        return FeaturesAndMatcher(feature, matcher, options, device)
    built: PairMatcher = _load(name)(options, device)
    return built


def needed_weights(name: str, model: str) -> set[str]:
    """Return the names of registered weights that a matcher loads.

    Raises OptionError or MissingDependencyError for what is unknown or can't be imported, WeightsError for a folder
    that holds no model.
    """
    if "+" in name:
        if model:
            raise OptionError(f"second_look.model is for one of {', '.join(member_names(GROUP))}, not for {name}")
        ((feature, matcher),) = matching.parse_mix((name,), OPTION)
        return {*features.load(feature).weights, *matching.load(matcher).weights}
    member = _load(name)
    if check := getattr(member, "check", None):
        check(model)
    if not member.weights:
        return set()
    return {model} & weights.REGISTRY.keys() if model else set(member.weights)


def identity(name: str, model: str) -> tuple[object, ...]:
    """Return what a matcher's output depends on besides its options: names, versions, and the bytes of its models."""
    if "+" in name:
        ((feature, matcher),) = matching.parse_mix((name,), OPTION)
        members = (features.load(feature), matching.load(matcher))
        return tuple(
            (member.name, member.version, [weights.fingerprint(w) for w in member.weights]) for member in members
        )
    member = _load(name)
    package = getattr(member, "package", "")
    made_by = (member.name, member.version, package_version(package) if package else "")
    model = model or "".join(member.weights[:1])
    is_own = model in weights.REGISTRY or Path(model).expanduser().is_dir()
    return (*made_by, model_folders.fingerprint_of(model, name) if model and is_own else model)


def workers_that_fit(name: str, device: str, workers: int) -> int:
    """Return how many of `workers` processes can hold a matcher each, at least one, as far as that can be told.

    A GPU is asked by each worker itself.
    """
    needs_mb = 0.0 if "+" in name else getattr(_load(name), "needs_mb", 0.0)
    free_mb = None if device.startswith("cuda") or not needs_mb else available_mb(device)
    return workers if free_mb is None else max(1, min(workers, int(free_mb // needs_mb)))


def _as_photo(name: str, image: ImageArray) -> Photo:
    """What a matching member is told of the photo: of a picture in memory, its size."""
    height, width = image.shape[:2]
    camera = Camera("SIMPLE_PINHOLE", width, height, (float(max(width, height)), width / 2, height / 2))
    return Photo(name, Path(name), "", width, height, camera, name)


def _load(name: str) -> Any:
    return load_member(GROUP, name)
