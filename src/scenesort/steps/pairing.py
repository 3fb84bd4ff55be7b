"""Steps from features to the verified view graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from scenesort import artefacts, matching, retrieval, work
from scenesort.config import Options
from scenesort.steps.common import Context, MatchedPairs, VerifiedPairs, identity, loaded, make
from scenesort.types import Float32Array, Pair
from scenesort.versions import library_versions
from scenesort.work import PhotoKeys
from scenesort.workspace import key

NEAREST_BLOCK_PAIRS = 64
LEARNED_BLOCK_PAIRS = 1
"""One: a learned match takes about a second, and which pairs get one can change with the seed."""
VERIFY_BLOCK_PAIRS = 64
TILE_PHOTOS = 16
FIRST_PARTNERS = 10


def screen_pairs(context: Context, sides: Mapping[str, PhotoKeys]) -> Float32Array:
    """Score every pair cheaply, (n, n) float32 in the order of the sorted names; only the part above the diagonal."""
    options = context.options
    members = [member for member, _ in matching.parse_mix(options.matching.mix)]
    slot = members.index(options.pairs.screen_with) if options.pairs.screen_with in members else len(members) - 1
    store = context.workspace.shard_root
    order = [sides[name].features[slot] for name in sorted(sides)]
    jobs, blocks = [], []
    for rows, columns in retrieval.block_pairs(len(order)):
        sides_of_block = tuple(order[row] for row in rows), tuple(order[column] for column in columns)
        shard = key("screening", retrieval.VERSION, *sides_of_block, options.pairs.screen_keypoints)
        jobs.append((shard, work.ScreenJob(store, *sides_of_block, options.pairs.screen_keypoints)))
        blocks.append((shard, rows, columns))
    unmade = make(context, "pairs", "screening", jobs, work.screen, lambda scores: ({"scores": scores}, {}))
    if unmade.failed:
        raise unmade.failed[0][1]
    if unmade.late:
        context.notice(f"time limit: {len(unmade.late)} of {len(jobs)} blocks of pairs were not screened")
    scores = np.zeros((len(order), len(order)), dtype=np.float32)
    for shard, rows, columns in blocks:
        if not context.workspace.has("screening", shard):
            continue
        scores[rows.start : rows.stop, columns.start : columns.stop] = loaded(context, "screening", shard)[0]["scores"]
    return scores


def match_quickly(context: Context, sides: Mapping[str, PhotoKeys], scores: Float32Array) -> list[MatchedPairs]:
    """Match the shortlisted pairs with the cheap members of the mix."""
    return _match(context, sides, scores, learned=False, wanted=lambda pair: True)


def match_rest(
    context: Context, sides: Mapping[str, PhotoKeys], scores: Float32Array, quick: VerifiedPairs
) -> list[MatchedPairs]:
    """Match pairs with the learned members where a photo has too few strong partners from the quick round."""
    options = context.options.pairs
    settled = retrieval.settled_photos(quick.inliers, options.strong_inliers, options.settled_partners)

    def wanted(pair: Pair) -> bool:
        # Between two unsettled photos even a strong pair is matched: its tracks carry on into their weak pairs.
        is_strong = quick.inliers.get(pair, 0) >= options.strong_inliers
        return not (settled.intersection(pair) if is_strong else settled.issuperset(pair))

    return _match(context, sides, scores, learned=True, wanted=wanted)


def _match(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    scores: Float32Array,
    learned: bool,
    wanted: Callable[[Pair], bool],
) -> list[MatchedPairs]:
    options = context.options
    names = tuple(sorted(sides))
    # Tiles keep the photos of consecutive pairs few; learned matchers see the best pairs first.
    tile_of = {name: index // TILE_PHOTOS for index, name in enumerate(names)}
    jobs: list[tuple[str, work.MatchJob]] = []
    matched = []
    for slot, (_, matcher_name) in enumerate(matching.parse_mix(options.matching.mix)):
        member = matching.load(matcher_name)
        if member.learned != learned:
            continue
        count = options.pairs.pairs_per_photo if learned else options.pairs.nearest_pairs_per_photo
        if len(names) <= options.pairs.exhaustive_photos:
            count = len(names)
        chosen = [pair for pair in retrieval.shortlist(names, scores, count).pairs if wanted(pair)]
        if not member.learned:
            # First the best partners of every photo, so that a time limit cuts off the others.
            best = set(retrieval.shortlist(names, scores, FIRST_PARTNERS).pairs)
            chosen.sort(key=lambda pair: (pair not in best, tile_of[pair[0]], tile_of[pair[1]], pair))
        size = LEARNED_BLOCK_PAIRS if member.learned else NEAREST_BLOCK_PAIRS
        where = {}
        for start in range(0, len(chosen), size):
            block = tuple(chosen[start : start + size])
            pairs = tuple((sides[first], sides[second]) for first, second in block)
            made_from = [(a.features[slot], b.features[slot]) for a, b in pairs]
            shard = key("matches", made_from, identity(member), _matcher_options(options), context.device)
            where.update({pair: (shard, row) for row, pair in enumerate(block)})
            job = work.MatchJob(
                context.workspace.shard_root, pairs, slot, matcher_name, options.matching, context.device
            )
            jobs.append((shard, job))
        matched.append(MatchedPairs(slot, where))
    stage_name = "matching (learned)" if learned else "matching"
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


def verify_again(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    quick: VerifiedPairs,
    matched: Sequence[MatchedPairs],
    rest: Sequence[MatchedPairs],
) -> VerifiedPairs:
    """Verify the pairs that the learned members matched on all their matches; the others keep their geometry."""
    again = {pair for found in rest for pair in found.where}
    joined, unseen = _verify(context, sides, [*matched, *rest], again, "verification (learned)")
    kept = {pair: spot for pair, spot in quick.where.items() if pair not in again or pair in unseen}
    return VerifiedPairs(
        dict(sorted({**{pair: quick.inliers[pair] for pair in kept}, **joined.inliers}.items())),
        dict(sorted({**kept, **joined.where}.items())),
    )


def verify_pairs(context: Context, sides: Mapping[str, PhotoKeys], matched: Sequence[MatchedPairs]) -> VerifiedPairs:
    """Put all members' matches of each pair together and keep the pairs with believable geometry."""
    pairs = {pair for found in matched for pair in found.where}
    return _verify(context, sides, matched, pairs, "verification")[0]


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
