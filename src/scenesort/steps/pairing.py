"""Steps from scored pairs to the verified view graph."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from scenesort import artefacts, matching, retrieval, work
from scenesort.config import Options
from scenesort.retrieval import ScoredPairs
from scenesort.steps.common import Context, MatchedPairs, VerifiedPairs, identity, loaded, make
from scenesort.types import Pair
from scenesort.versions import library_versions
from scenesort.work import PhotoKeys
from scenesort.workspace import key

NEAREST_BLOCK_PAIRS = 64
LEARNED_BLOCK_PAIRS = 1
"""One: a learned match takes about a second, and which pairs get one can change with the seed."""
VERIFY_BLOCK_PAIRS = 64
TILE_PHOTOS = 16
FIRST_PARTNERS = 10


def match_quickly(context: Context, sides: Mapping[str, PhotoKeys], scored: ScoredPairs) -> list[MatchedPairs]:
    """Match the shortlisted pairs with the cheap members of the mix."""
    chosen = retrieval.shortlist(scored, context.options.pairs.nearest_pairs_per_photo)
    # First the best partners of every photo, so that a time limit cuts off the others.
    best = set(retrieval.shortlist(scored, FIRST_PARTNERS))
    return match_pairs(context, sides, chosen, learned=False, first=best)


def match_rest(
    context: Context, sides: Mapping[str, PhotoKeys], scored: ScoredPairs, quick: VerifiedPairs
) -> list[MatchedPairs]:
    """Match pairs with the learned members where a photo has too few strong partners from the quick round."""
    chosen = learned_pairs(context, scored)
    return match_pairs(context, sides, open_pairs(context, quick, chosen), learned=True)


def learned_pairs(context: Context, scored: ScoredPairs) -> list[Pair]:
    """Return the pairs proposed to the learned members, best first."""
    return retrieval.shortlist(scored, context.options.pairs.pairs_per_photo)


def open_pairs(context: Context, quick: VerifiedPairs, pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs whose learned matches may still change the view graph of the quick round."""
    options = context.options.pairs
    settled = retrieval.settled_photos(quick.inliers, options.strong_inliers, options.settled_partners)

    def is_open(pair: Pair) -> bool:
        # Between two unsettled photos even a strong pair is matched: its tracks carry on into their weak pairs.
        is_strong = quick.inliers.get(pair, 0) >= options.strong_inliers
        return not (settled.intersection(pair) if is_strong else settled.issuperset(pair))

    return list(filter(is_open, pairs))


def match_pairs(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    pairs: Sequence[Pair],
    learned: bool,
    first: Collection[Pair] = (),
    stage_name: str = "",
) -> list[MatchedPairs]:
    """Match pairs with the learned or with the cheap members of the mix; learned ones keep the order, best first.

    The cheap ones take the pairs in `first` before the others.
    """
    options = context.options
    stage_name = stage_name or ("matching (learned)" if learned else "matching")
    # Tiles keep the photos of consecutive pairs few; learned matchers see the best pairs first.
    tile_of = {name: index // TILE_PHOTOS for index, name in enumerate(sorted(sides))}
    if not learned:
        pairs = sorted(pairs, key=lambda pair: (pair not in first, tile_of[pair[0]], tile_of[pair[1]], pair))
    jobs: list[tuple[str, work.MatchJob]] = []
    matched = []
    for slot, (_, matcher_name) in enumerate(matching.parse_mix(options.matching.mix)):
        member = matching.load(matcher_name)
        if member.learned != learned:
            continue
        size = LEARNED_BLOCK_PAIRS if member.learned else NEAREST_BLOCK_PAIRS
        where = {}
        for start in range(0, len(pairs), size):
            block = tuple(pairs[start : start + size])
            of_block = tuple((sides[one], sides[other]) for one, other in block)
            made_from = [(a.features[slot], b.features[slot]) for a, b in of_block]
            shard = key("matches", made_from, identity(member), _matcher_options(options), context.device)
            where.update({pair: (shard, row) for row, pair in enumerate(block)})
            job = work.MatchJob(
                context.workspace.shard_root, of_block, slot, matcher_name, options.matching, context.device
            )
            jobs.append((shard, job))
        matched.append(MatchedPairs(slot, where))
    unmade = make(context, stage_name, "matches", jobs, work.match, artefacts.pack_matches, _pairs_of)
    for job, error in unmade.failed:
        context.notice(f"{len(job.pairs)} pairs could not be matched with {job.matcher} and are left out: {error}")
    if unmade.late:
        num_pairs, num_late = (sum(map(_pairs_of, some)) for some in ((job for _, job in jobs), unmade.late))
        context.notice(f"time limit: {stage_name} left out the last {num_late} of {num_pairs} pairs")
    lost_jobs = [*(job for job, _ in unmade.failed), *unmade.late]
    lost = {(job.slot, a.photo.name, b.photo.name) for job in lost_jobs for a, b in job.pairs}
    return [
        MatchedPairs(found.slot, {pair: spot for pair, spot in found.where.items() if (found.slot, *pair) not in lost})
        for found in matched
    ]


def join_matched(*several: Sequence[MatchedPairs]) -> list[MatchedPairs]:
    """Put together what rounds on different pairs matched, a value for each mix member."""
    where: dict[int, dict[Pair, tuple[str, int]]] = {}
    for found in itertools.chain(*several):
        where.setdefault(found.slot, {}).update(found.where)
    return [MatchedPairs(slot, spots) for slot, spots in where.items()]


def verify_again(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    quick: VerifiedPairs,
    matched: Sequence[MatchedPairs],
    rest: Sequence[MatchedPairs],
    stage_name: str = "verification (learned)",
) -> VerifiedPairs:
    """Verify the pairs that the learned members matched on all their matches; the others keep their geometry."""
    again = {pair for found in rest for pair in found.where}
    joined, unseen = _verify(context, sides, [*matched, *rest], again, stage_name)
    kept = {pair: spot for pair, spot in quick.where.items() if pair not in again or pair in unseen}
    return VerifiedPairs(
        dict(sorted({**{pair: quick.inliers[pair] for pair in kept}, **joined.inliers}.items())),
        dict(sorted({**kept, **joined.where}.items())),
    )


def verify_pairs(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    matched: Sequence[MatchedPairs],
    stage_name: str = "verification",
) -> VerifiedPairs:
    """Put all members' matches of each pair together and keep the pairs with believable geometry."""
    pairs = {pair for found in matched for pair in found.where}
    return _verify(context, sides, matched, pairs, stage_name)[0]


def _verify(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    matched: Sequence[MatchedPairs],
    only: Collection[Pair],
    stage_name: str,
) -> tuple[VerifiedPairs, set[Pair]]:
    """Verify `only` some of the matched pairs, in the order of their matching; also tell which were not seen."""
    options = context.options
    pairs = list(dict.fromkeys(pair for found in matched for pair in found.where if pair in only))
    jobs: list[tuple[str, work.VerifyJob]] = []
    where = {}
    for start in range(0, len(pairs), VERIFY_BLOCK_PAIRS):
        block = pairs[start : start + VERIFY_BLOCK_PAIRS]
        joined = tuple(
            work.VerifyPair(
                sides[pair[0]],
                sides[pair[1]],
                tuple((found.slot, *found.where[pair]) for found in matched if pair in found.where),
            )
            for pair in block
        )
        made_from = [
            (item.sources, *((side.features, side.photo.camera, side.photo.quarter_turns) for side in (item.a, item.b)))
            for item in joined
        ]
        shard = key("geometries", made_from, options.verification, options.seed, library_versions())
        where.update({pair: (shard, row) for row, pair in enumerate(block)})
        jobs.append((shard, work.VerifyJob(context.workspace.shard_root, joined, options.verification, options.seed)))
    unmade = make(context, stage_name, "geometries", jobs, work.verify, artefacts.pack_geometries, _pairs_of)
    for job, error in unmade.failed:
        context.notice(f"{len(job.pairs)} pairs could not be verified and are left out: {error}")
    if unmade.late:
        context.notice(f"time limit: {stage_name} left out {sum(map(_pairs_of, unmade.late))} of {len(pairs)} pairs")
    inliers = {}
    unseen: set[Pair] = set()
    for start, (shard, _) in zip(range(0, len(pairs), VERIFY_BLOCK_PAIRS), jobs, strict=True):
        block = pairs[start : start + VERIFY_BLOCK_PAIRS]
        if not context.workspace.has("geometries", shard):
            unseen.update(block)
            continue
        counts = loaded(context, "geometries", shard, ())[1]["inliers"]
        inliers.update({pair: count for pair, count in zip(block, counts, strict=True) if count})
    return VerifiedPairs(inliers, {pair: where[pair] for pair in inliers}), unseen


def _pairs_of(job: work.MatchJob | work.VerifyJob) -> int:
    return len(job.pairs)


def _matcher_options(options: Options) -> Any:
    return dataclasses.replace(options.matching, mix=())
