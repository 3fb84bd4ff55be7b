"""The step that matches verified pairs again, on crops, and makes keypoints of what comes of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from scenesort import artefacts, matching, pair_matching, work
from scenesort.config import Options
from scenesort.crops import Box, crop_boxes, is_worthwhile
from scenesort.geometry import upright_from_frame_px
from scenesort.keypoints import merge_points, one_to_one
from scenesort.pair_matching import PairMatcherOptions, PixelMatches
from scenesort.steps.common import Context, MatchedPairs, VerifiedPairs, load_geometries, loaded, make
from scenesort.steps.pairing import verify_again
from scenesort.types import Features, IndexArray, Pair
from scenesort.versions import library_versions
from scenesort.work import LookAgainJob, PhotoKeys
from scenesort.workspace import key

BLOCK_PAIRS = 64


def look_again(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    matched: Sequence[MatchedPairs],
    verified: VerifiedPairs,
) -> tuple[dict[str, PhotoKeys], VerifiedPairs]:
    """Match weak verified pairs again, if the options ask for it; `matched` is what came of all matching before.

    Points that were found become a further set of keypoints of their photos. Returns the photos with it, and all
    verified pairs.
    """
    options = context.options.second_look
    if not options.matcher:
        return dict(sides), verified
    if context.schedule.is_limited:
        context.notice("time limit: pairs are not looked at a second time")
        return dict(sides), verified
    jobs = _jobs(context, sides, verified)
    unmade = make(
        context,
        "second look",
        "second_looks",
        [(_shard(job), job) for job in jobs.values()],
        work.look_again,
        lambda found: ({"a": found.points_a_px, "b": found.points_b_px, "scores": found.scores}, {}),
    )
    if unmade.failed:
        context.notice(
            f"{len(unmade.failed)} of {len(jobs)} pairs could not be looked at again and stay as they are: "
            f"{unmade.failed[0][1]}"
        )
    failed = {id(job) for job, _ in unmade.failed}
    done = {pair: job for pair, job in jobs.items() if id(job) not in failed}
    seen = {pair: _loaded(context, job) for pair, job in done.items()}
    extended, found = _as_keypoints(context, sides, seen, _made_from(context, done))
    return extended, verify_again(context, extended, verified, matched, found, "verification (second look)")


def _jobs(context: Context, sides: Mapping[str, PhotoKeys], verified: VerifiedPairs) -> dict[Pair, LookAgainJob]:
    options = context.options.second_look
    chosen = {
        pair: verified.where[pair] for pair in _chosen(verified.inliers, options.max_inliers, options.pairs_per_photo)
    }
    jobs = {}
    for geometry in load_geometries(context, chosen):
        one, other = (sides[name].photo for name in geometry.pair)
        boxes: tuple[Box, Box] = ((0, 0, *one.upright_size_px), (0, 0, *other.upright_size_px))
        if options.region == "crops":
            points = [
                upright_from_frame_px(
                    work.frame_keypoints(context.workspace.shard_root, sides[photo.name])[rows],
                    (photo.width_px, photo.height_px),
                    photo.quarter_turns,
                )
                for photo, rows in zip((one, other), geometry.inlier_matches.T, strict=True)
            ]
            boxes = crop_boxes(points[0], points[1], (one.upright_size_px, other.upright_size_px))
            first_px = context.options.features.max_side_px
            if not any(
                is_worthwhile(box, photo.upright_size_px, first_px, options.side_px)
                for box, photo in zip(boxes, (one, other), strict=True)
            ):
                continue
        jobs[geometry.pair] = LookAgainJob(
            photo_a=one,
            box_a=boxes[0],
            photo_b=other,
            box_b=boxes[1],
            matcher=options.matcher,
            options=_matcher_options(context.options),
            side_px=options.side_px,
            device=context.device,
        )
    return jobs


def _chosen(inliers: Mapping[Pair, int], max_inliers: int, per_photo: int) -> list[Pair]:
    """The pairs of fewer inliers that are among those of most inliers of either photo."""
    ranked = sorted(inliers, key=lambda pair: (-inliers[pair], pair))
    weak = [pair for pair in ranked if not max_inliers or inliers[pair] < max_inliers]
    taken: dict[str, int] = {}
    chosen = []
    for pair in weak:
        if any(taken.get(name, 0) < per_photo for name in pair):
            chosen.append(pair)
            for name in pair:
                taken[name] = taken.get(name, 0) + 1
    return chosen


def _as_keypoints(
    context: Context, sides: Mapping[str, PhotoKeys], seen: Mapping[Pair, PixelMatches], made_from: str
) -> tuple[dict[str, PhotoKeys], list[MatchedPairs]]:
    """Give every photo one more set of keypoints, what its pairs found, and the pairs their matches among them."""
    slot = len(matching.parse_mix(context.options.matching.mix))
    radius_px = context.options.second_look.merge_px
    pieces: dict[str, list[tuple[Pair, int]]] = {}
    for pair in seen:
        for place, name in enumerate(pair):
            pieces.setdefault(name, []).append((pair, place))
    index_of: dict[tuple[Pair, int], NDArray[np.int64]] = {}
    extended = {}
    for name, side in sides.items():
        shard = key("features", "second look", made_from, name)
        points = [np.zeros((0, 2), np.float32)]
        scores = [np.zeros(0, np.float32)]
        for pair, place in pieces.get(name, []):
            points.append(seen[pair].points_b_px if place else seen[pair].points_a_px)
            scores.append(seen[pair].scores)
        all_points, all_scores = np.concatenate(points), np.concatenate(scores)
        kept, becomes = merge_points(all_points, all_scores, radius_px)
        start = 0
        for (pair, place), piece in zip(pieces.get(name, []), points[1:], strict=True):
            index_of[pair, place] = becomes[start : start + len(piece)]
            start += len(piece)
        if not context.workspace.has("features", shard):
            found = Features(
                all_points[kept],
                np.zeros((len(kept), 0), np.float16),
                all_scores[kept],
                side.photo.upright_size_px,
            )
            context.workspace.save_arrays("features", shard, *artefacts.pack_features(found))
        extended[name] = PhotoKeys(side.photo, (*side.features, shard))
    where = {}
    pairs = list(seen)
    for start in range(0, len(pairs), BLOCK_PAIRS):
        block = pairs[start : start + BLOCK_PAIRS]
        shard = key("matches", "second look", made_from, block)
        if not context.workspace.has("matches", shard):
            found_matches = [_matches(index_of[pair, 0], index_of[pair, 1], seen[pair]) for pair in block]
            context.workspace.save_arrays("matches", shard, *artefacts.pack_matches(found_matches))
        where.update({pair: (shard, row) for row, pair in enumerate(block)})
    return extended, [MatchedPairs(slot, where)]


def _matches(
    index_a: NDArray[np.int64],
    index_b: NDArray[np.int64],
    points: PixelMatches,
) -> IndexArray:
    return one_to_one(np.stack([index_a, index_b], axis=1).astype(np.uint32), points.scores)


def _matcher_options(options: Options) -> PairMatcherOptions:
    chosen = options.second_look
    if "+" not in chosen.matcher:
        return PairMatcherOptions(chosen.model)
    ((feature, _),) = matching.parse_mix((chosen.matcher,))
    keypoints = ((feature, getattr(options.features, f"{feature}_keypoints", 4096)),)
    return PairMatcherOptions("", keypoints, dataclasses.replace(options.matching, mix=()))


def _shard(job: LookAgainJob) -> str:
    photos = [
        (photo.sha256, photo.quarter_turns, photo.mirrored, photo.mask_sha256, box)
        for photo, box in ((job.photo_a, job.box_a), (job.photo_b, job.box_b))
    ]
    # A model given by its folder is known by its bytes, not by its place.
    how = (dataclasses.replace(job.options, model=""), job.side_px, job.device, library_versions())
    return key("second_looks", photos, pair_matching.identity(job.matcher, job.options.model), how)


def _made_from(context: Context, jobs: Mapping[Pair, LookAgainJob]) -> str:
    made_from = [(pair, _shard(job)) for pair, job in jobs.items()]
    return key("second keypoints", made_from, context.options.second_look.merge_px)


def _loaded(context: Context, job: LookAgainJob) -> PixelMatches:
    arrays, _ = loaded(context, "second_looks", _shard(job))
    return PixelMatches(arrays["a"], arrays["b"], arrays["scores"])
