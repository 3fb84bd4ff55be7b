"""Two pictures → points of one that show what points of the other show, without keypoints of a photo's own."""

from scenesort.pair_matching.base import (
    GROUP,
    FeaturesAndMatcher,
    PairMatcher,
    PairMatcherOptions,
    PixelMatches,
    build,
    identity,
    needed_weights,
    workers_that_fit,
)

__all__ = [
    "GROUP",
    "FeaturesAndMatcher",
    "PairMatcher",
    "PairMatcherOptions",
    "PixelMatches",
    "build",
    "identity",
    "needed_weights",
    "workers_that_fit",
]
