"""The steps of the main job: each turns values into values and keeps its work as artefacts, so that it is done once.

A step names its artefacts by what they are made from, skips those that exist, spreads the rest over the worker
processes and writes what comes back. Jobs are cut the same way whatever was resumed, so results don't depend on it.
"""

from scenesort.steps.assembling import assemble
from scenesort.steps.budgeting import Clock, describe, fit_memory
from scenesort.steps.colouring import colour_points
from scenesort.steps.common import Context, MatchedPairs, VerifiedPairs
from scenesort.steps.finding import NO_TIME, find_features, find_photos
from scenesort.steps.growing import grow
from scenesort.steps.mapping import map_parts, split_look_alikes
from scenesort.steps.pairing import match_quickly, match_rest, verify_again, verify_pairs
from scenesort.steps.retrieving import propose_pairs, screen_pairs
from scenesort.steps.submitting import Submission, num_posed

__all__ = [
    "NO_TIME",
    "Clock",
    "Context",
    "MatchedPairs",
    "Submission",
    "VerifiedPairs",
    "assemble",
    "colour_points",
    "describe",
    "find_features",
    "find_photos",
    "fit_memory",
    "grow",
    "map_parts",
    "match_quickly",
    "match_rest",
    "num_posed",
    "propose_pairs",
    "screen_pairs",
    "split_look_alikes",
    "verify_again",
    "verify_pairs",
]
