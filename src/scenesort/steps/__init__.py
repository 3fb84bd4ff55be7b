"""The steps of the main job: each turns values into values and keeps its work as artefacts, so that it is done once.

A step names its artefacts by what they are made from, skips those that exist, spreads the rest over the worker
processes and writes what comes back. Jobs are cut the same way whatever was resumed, so results don't depend on it.
"""

from scenesort.steps.assembling import assemble
from scenesort.steps.budgeting import Clock, describe, fit_memory
from scenesort.steps.colouring import colour_points
from scenesort.steps.common import Context, MatchedPairs, VerifiedPairs
from scenesort.steps.finding import NO_TIME, find_features, find_photos
from scenesort.steps.grouping import find_groups
from scenesort.steps.growing import grow, grow_learned, grown_pairs
from scenesort.steps.leftovers import join_leftovers
from scenesort.steps.looking_again import look_again
from scenesort.steps.mapping import map_parts
from scenesort.steps.pairing import learned_pairs, match_quickly, match_rest, verify_again, verify_pairs
from scenesort.steps.rating import rate_pairs, take_back_unproven, tell_untrusted, trusted_pairs, write_pairs
from scenesort.steps.retrieving import (
    describe_photos,
    fusion_options,
    learn_codebook,
    propose_pairs,
    score_pairs,
    screen_pairs,
    trained_file,
)
from scenesort.steps.splitting import split_look_alikes
from scenesort.steps.submitting import Submission, num_posed
from scenesort.steps.turning import find_turns

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
    "describe_photos",
    "find_features",
    "find_groups",
    "find_photos",
    "find_turns",
    "fit_memory",
    "fusion_options",
    "grow",
    "grow_learned",
    "grown_pairs",
    "join_leftovers",
    "learn_codebook",
    "learned_pairs",
    "look_again",
    "map_parts",
    "match_quickly",
    "match_rest",
    "num_posed",
    "propose_pairs",
    "rate_pairs",
    "score_pairs",
    "screen_pairs",
    "split_look_alikes",
    "take_back_unproven",
    "tell_untrusted",
    "trained_file",
    "trusted_pairs",
    "verify_again",
    "verify_pairs",
    "write_pairs",
]
