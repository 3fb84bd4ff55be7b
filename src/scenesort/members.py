"""What the members that some options name need, together."""

from __future__ import annotations

from scenesort import features, matching
from scenesort.config import Options


def needed_weights(options: Options) -> list[str]:
    """Return the names of the weights that a run with these options loads, sorted.

    Raises OptionError or MissingDependencyError for members that are unknown or can't be imported.
    """
    wanted: set[str] = set()
    for feature, matcher in matching.parse_mix(options.matching.mix):
        wanted |= {*features.load(feature).weights, *matching.load(matcher).weights}
    return sorted(wanted)
