"""The step that grows a view graph along its verified pairs: propose, match, verify, and again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scenesort import retrieval
from scenesort.retrieval import RowArray, ScoredPairs
from scenesort.steps.common import Context, FoundGroups, MatchedPairs, VerifiedPairs
from scenesort.steps.pairing import join_matched, learned_pairs, match_pairs, open_pairs, verify_again, verify_pairs
from scenesort.steps.retrieving import score_pairs
from scenesort.types import Pair
from scenesort.work import PhotoKeys

LOOKED_AT = 3
"""How many times as many pairs are screened as the learned members get."""


@dataclass(frozen=True, slots=True)
class Grown:
    """The scored pairs with those that growth added, all quick matches, and the verified pairs."""

    scored: ScoredPairs
    matched: list[MatchedPairs]
    verified: VerifiedPairs


def grow(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    scored: ScoredPairs,
    matched: Sequence[MatchedPairs],
    verified: VerifiedPairs,
    groups: FoundGroups | None = None,
) -> Grown:
    """Match and verify, with the cheap members, the pairs that verified ones suggest, in rounds while that pays.

    Nothing is grown where the shortlists don't ask for it, or where no member of the mix is cheap.
    """
    options = context.options.retrieval
    matched = list(matched)
    if not _is_asked(context, len(scored.names), groups) or not matched:
        return Grown(scored, matched, verified)
    budget = int(options.growth_pairs_per_photo * len(scored.names))
    for _ in range(options.growth_rounds):
        if time.monotonic() >= context.schedule.until_s("pairs (growth)"):
            context.notice("time limit: no time was left to grow the view graph")
            break
        tried = _rows(scored.names, [pair for found in matched for pair in found.where])
        pairs = retrieval.next_pairs(
            len(scored.names),
            _rows(scored.names, list(verified.inliers)),
            tried,
            scored.pairs,
            scored.scores,
            budget,
        )
        if not len(pairs):
            break
        new = pairs[~_among(pairs, scored.pairs, len(scored.names))]
        scored = scored.with_more(new, score_pairs(context, sides, new, "pairs (growth)"))
        chosen = [(scored.names[first], scored.names[second]) for first, second in pairs.tolist()]
        more = match_pairs(context, sides, chosen, learned=False, stage_name="matching (growth)")
        found = verify_pairs(context, sides, more, "verification (growth)")
        matched = join_matched(matched, more)
        verified = VerifiedPairs(
            dict(sorted({**verified.inliers, **found.inliers}.items())),
            dict(sorted({**verified.where, **found.where}.items())),
        )
        if not retrieval.is_worthwhile(len(chosen), len(found.inliers)):
            break
    return Grown(scored, matched, verified)


def grow_learned(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    grown: Grown,
    rest: Sequence[MatchedPairs],
    verified: VerifiedPairs,
    groups: FoundGroups | None = None,
) -> tuple[list[MatchedPairs], VerifiedPairs]:
    """Match and verify, with the learned members, the pairs that see much of what verified partners see; in one round.

    `rest` is what the learned members matched and `verified` what came of it. Returns all matched and all verified
    pairs.
    """
    per_photo = context.options.pairs.grown_pairs_per_photo
    if not _is_asked(context, len(sides), groups) or not rest or not per_photo:
        return join_matched(grown.matched, rest), verified
    chosen = open_pairs(context, grown.verified, grown_pairs(context, sides, grown, verified))
    more = match_pairs(context, sides, chosen, learned=True, stage_name="matching (learned, growth)")
    verified = verify_again(context, sides, verified, grown.matched, more, "verification (learned, growth)")
    return join_matched(grown.matched, rest, more), verified


def grown_pairs(context: Context, sides: Mapping[str, PhotoKeys], grown: Grown, verified: VerifiedPairs) -> list[Pair]:
    """Return the pairs that growth proposes to the learned members, best first."""
    per_photo = context.options.pairs.grown_pairs_per_photo
    scored = grown.scored
    tried = _rows(scored.names, learned_pairs(context, scored))
    pairs, strength = retrieval.shared_strength(
        len(scored.names),
        _rows(scored.names, list(verified.inliers)),
        np.array(list(verified.inliers.values()), dtype=np.int64),
        tried,
        LOOKED_AT * per_photo,
    )
    scores = score_pairs(context, sides, pairs, "pairs (learned, growth)")
    promising = ScoredPairs(
        scored.names, pairs, (strength + 1) * (scores + 1), np.zeros(len(pairs), dtype=bool), scored.first_group
    )
    return retrieval.shortlist(promising, per_photo)


def _is_asked(context: Context, num_photos: int, groups: FoundGroups | None) -> bool:
    size = int(groups.sizes.max(initial=0)) if groups is not None and groups.is_gate else num_photos
    return "growth" in retrieval.resolve(context.options.retrieval, size)


def _rows(names: Sequence[str], pairs: Sequence[Pair]) -> RowArray:
    row_of = {name: row for row, name in enumerate(names)}
    return np.array([(row_of[first], row_of[second]) for first, second in pairs], dtype=np.int64).reshape(-1, 2)


def _among(pairs: RowArray, known: RowArray, count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which of `pairs` (m, 2) are among `known`, both with the smaller row first."""
    return np.isin(pairs[:, 0] * count + pairs[:, 1], known[:, 0] * count + known[:, 1])
