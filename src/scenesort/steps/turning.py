"""The step that finds photos turned by 90 or 180 degrees against their neighbours."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from scenesort import artefacts, matching, work
from scenesort.config import Options
from scenesort.retrieval import VERSION, RowArray, turns
from scenesort.steps.common import Context, loaded, make
from scenesort.steps.finding import features_key
from scenesort.types import FloatArray, Photo, PhotoSet
from scenesort.workspace import key

KNOW_ALL_TURNS = ("sift",)
"""Feature members that find a place again however the photo is turned."""
COMPARE_BLOCK_PAIRS = 2048


def find_turns(context: Context, found: PhotoSet) -> PhotoSet:
    """Correct `quarter_turns` of photos that lie turned against their neighbours, if a member of the mix needs it.

    Poses and exports refer to the stored pixels whatever is found: a wrong turn costs matches, nothing else.
    """
    member = _describing_member(context.options)
    if not context.options.photos.find_turns or member is None or len(found.photos) < 2:
        return found
    photos = found.photos
    pairs = turns.close_pairs(len(photos))
    # A photo with 0 … 3 turns added is a view, with the number 4 × photo + turns.
    keys = _describe(context, member, photos, range(0, 4 * len(photos), 4), "turns")
    own = _compare(context, keys, 4 * pairs, "turns (pairs)")
    groups = turns.agreeing_groups(len(photos), pairs, own)
    group_of = np.empty(len(photos), dtype=np.int64)
    for number, group in enumerate(groups):
        group_of[group] = number

    tried = turns.photos_to_try(groups)
    if not tried:
        return found
    keys |= _describe(
        context, member, photos, [4 * photo + turn for photo in tried for turn in (1, 2, 3)], "turns (tried)"
    )
    both_ways, own = np.concatenate([pairs, pairs[:, ::-1]]), np.tile(own, 2)
    apart = np.isin(both_ways[:, 0], tried) & (group_of[both_ways[:, 0]] != group_of[both_ways[:, 1]])
    both_ways, own = both_ways[apart], own[apart]
    views = np.concatenate([4 * both_ways + [turn, 0] for turn in (1, 2, 3)])
    turned = _compare(context, keys, views, "turns (tried pairs)")

    tallies = turns.tally_votes(group_of.tolist(), both_ways, np.column_stack([own, *turned.reshape(3, -1)]))
    anchors = [sum(photos[index].quarter_turns > 0 or photos[index].mirrored for index in group) for group in groups]
    needed = turns.needed_turns([len(group) for group in groups], anchors, tallies)
    return _turned(context, found, [needed[number] for number in group_of])


def _describing_member(options: Options) -> str | None:
    """The mix's member that screens the pairs, else its first that doesn't know a turned photo; None if all do."""
    wanted = [name for name, _ in matching.parse_mix(options.matching.mix) if name not in KNOW_ALL_TURNS]
    return next((name for name in (options.pairs.screen_with, *wanted) if name in wanted), None)


def _describe(
    context: Context, member: str, photos: Sequence[Photo], views: Iterable[int], stage_name: str
) -> dict[int, str]:
    """Find a few features in views; return their keys. Photos that fail are told where all features are found."""
    jobs: dict[int, tuple[str, work.FeaturesJob]] = {}
    for view in views:
        photo = _with_more_turns(photos[view // 4], view % 4)
        job = work.FeaturesJob(photo, member, turns.KEYPOINTS, turns.SIDE_PX, context.device)
        jobs[view] = (features_key(job), job)
    make(context, stage_name, "features", list(jobs.values()), work.extract, artefacts.pack_features)
    return {view: shard for view, (shard, _) in jobs.items() if context.workspace.has("features", shard)}


def _compare(context: Context, keys: Mapping[int, str], wanted: RowArray, stage_name: str) -> FloatArray:
    """Score pairs of views (p, 2), (p,); nan where a view has no features or there was no time."""
    scores = np.full(len(wanted), np.nan)
    described = np.flatnonzero(np.isin(wanted, list(keys)).all(axis=1))
    jobs, blocks = [], []
    for start in range(0, len(described), COMPARE_BLOCK_PAIRS):
        block = described[start : start + COMPARE_BLOCK_PAIRS]
        views, rows = np.unique(wanted[block], return_inverse=True)
        shards = tuple(keys[view] for view in views.tolist())
        job = work.ScreenJob(context.workspace.shard_root, shards, rows.reshape(-1, 2), turns.KEYPOINTS)
        jobs.append((key("turns", VERSION, shards, job.pairs, turns.KEYPOINTS), job))
        blocks.append(block)
    make(context, stage_name, "turns", jobs, work.screen, lambda found: ({"scores": found}, {}), _pairs_of)
    for (shard, _), block in zip(jobs, blocks, strict=True):
        if context.workspace.has("turns", shard):
            scores[block] = loaded(context, "turns", shard)[0]["scores"]
    return scores


def _pairs_of(job: work.ScreenJob) -> int:
    return len(job.pairs)


def _with_more_turns(photo: Photo, more: int) -> Photo:
    return dataclasses.replace(photo, quarter_turns=(photo.quarter_turns + more) % 4)


def _turned(context: Context, found: PhotoSet, more: Sequence[int]) -> PhotoSet:
    names = [photo.name for photo, turn in zip(found.photos, more, strict=True) if turn]
    if names:
        context.notice(f"{len(names)} photos lie turned against their neighbours, '{names[0]}' first: matched upright")
    photos = tuple(_with_more_turns(photo, turn) for photo, turn in zip(found.photos, more, strict=True))
    return dataclasses.replace(found, photos=photos)
