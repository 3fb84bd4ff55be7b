"""What the members that some options name need, together."""

from __future__ import annotations

import math

from scenesort import features, matching, retrieval
from scenesort.config import Options
from scenesort.retrieval import clustering, global_descriptors


def needed_weights(options: Options, num_photos: float = math.inf) -> list[str]:
    """Return the names of the weights that a run with these options loads, sorted.

    `num_photos`: of the largest collection, as small ones need no global descriptors. Raises OptionError or
    MissingDependencyError for members that are unknown or can't be imported, or that are set wrongly, and WeightsError
    for a folder given for one that holds no model.
    """
    wanted: set[str] = set()
    for feature, matcher in matching.parse_mix(options.matching.mix):
        wanted |= {*features.load(feature).weights, *matching.load(matcher).weights}
    for name in needed_descriptors(options, num_photos):
        settings = global_descriptors.member_options(name, options.retrieval.members)
        global_descriptors.check_given(name, settings.model, settings.sentence_model, settings.model_sha256)
        wanted |= set(global_descriptors.weights_of(global_descriptors.load(name), settings))
    return sorted(wanted)


def needed_descriptors(options: Options, num_photos: float = math.inf) -> tuple[str, ...]:
    """Return the names of the global descriptors that a run on at most `num_photos` photos makes.

    Raises OptionError for a shortlist or a setting that is unknown.
    """
    chosen = options.retrieval
    global_descriptors.check_settings(chosen.descriptors, chosen.members)
    if chosen.clusters != "none":
        clustering.load(chosen.clusters)
    rules = retrieval.resolve(chosen, num_photos)
    return chosen.descriptors if set(rules) & set(retrieval.SEARCHING) or chosen.clusters != "none" else ()
