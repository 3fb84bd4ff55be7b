"""The step that matches weak verified pairs again, on crops of what both photos show."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from scenesort import matching, pair_matching, work
from scenesort.config import Options
from scenesort.crops import Box, crop_boxes, is_worthwhile
from scenesort.errors import ScenesortError
from scenesort.execution import WorkerPool
from scenesort.members import more_sides_px
from scenesort.pair_matching import PairMatcherOptions, PixelMatches
from scenesort.steps.common import Context, MatchedPairs, Unmade, VerifiedPairs, load_geometries, loaded, make
from scenesort.steps.pairing import verify_again
from scenesort.steps.second_keypoints import as_keypoints
from scenesort.types import Pair, TwoViewGeometry
from scenesort.versions import library_versions
from scenesort.work import LookAgainJob, PhotoKeys
from scenesort.workspace import key

KEPT_SHARE = 0.5
"""Share of a pair's inliers that must stay inliers for a new geometry to be believed: chance finds others."""


def look_again(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    matched: Sequence[MatchedPairs],
    verified: VerifiedPairs,
) -> tuple[dict[str, PhotoKeys], VerifiedPairs]:
    """Match weak verified pairs again, if the options ask for it; `matched` is what came of all matching before.

    Points that were found become a further set of keypoints of their photos. Returns the photos with it, and all
    verified pairs; a pair keeps its geometry where the new one has no more inliers or contradicts it.
    """
    options = context.options.second_look
    if not options.matcher:
        return dict(sides), verified
    if context.schedule.is_limited:
        context.notice("time limit: pairs are not looked at a second time")
        return dict(sides), verified
    try:
        identity = pair_matching.identity(options.matcher, options.model)
        jobs = {pair: (_shard(job, identity), job) for pair, job in _jobs(context, sides, verified).items()}
        unmade = _made(context, list(jobs.values()))
    except ScenesortError as error:
        # What was verified before is worth more than a step that only adds.
        context.notice(f"pairs are not looked at a second time: {error}")
        return dict(sides), verified
    if unmade.failed:
        context.notice(
            f"{len(unmade.failed)} of {len(jobs)} pairs could not be looked at again and stay as they are: "
            f"{unmade.failed[0][1]}"
        )
    failed = {id(job) for job, _ in unmade.failed}
    done = {pair: shard for pair, (shard, job) in jobs.items() if id(job) not in failed}
    seen = {pair: _loaded(context, shard) for pair, shard in done.items()}
    seen = {pair: points for pair, points in seen.items() if len(points)}
    made_from = key("second looks", list(done.items()), list(verified.where.items()))
    extended, found = as_keypoints(context, sides, verified, seen, made_from)
    after = verify_again(context, extended, verified, matched, found, "verification (second look)")
    return extended, _believed(context, verified, after, seen)


def _jobs(context: Context, sides: Mapping[str, PhotoKeys], verified: VerifiedPairs) -> dict[Pair, LookAgainJob]:
    options = context.options.second_look
    chosen = {
        pair: verified.where[pair] for pair in _chosen(verified.inliers, options.max_inliers, options.pairs_per_photo)
    }
    first_px, is_known = _first_look(context.options)
    jobs = {}
    num_skipped = 0
    for geometry in load_geometries(context, chosen):
        photos = tuple(sides[name].photo for name in geometry.pair)
        boxes: tuple[Box, Box] = ((0, 0, *photos[0].upright_size_px), (0, 0, *photos[1].upright_size_px))
        if options.region == "crops":
            boxes = _boxes(context, sides, geometry)
            # Another matcher sees something new in the same pixels, too.
            if is_known and not any(
                is_worthwhile(box, photo.upright_size_px, first_px, options.side_px)
                for box, photo in zip(boxes, photos, strict=True)
            ):
                num_skipped += 1
                continue
        jobs[geometry.pair] = LookAgainJob(
            photo_a=photos[0],
            box_a=boxes[0],
            photo_b=photos[1],
            box_b=boxes[1],
            matcher=options.matcher,
            options=_matcher_options(context.options),
            side_px=options.side_px,
            device=context.device,
        )
    if num_skipped:
        context.notice(
            f"{num_skipped} of {len(chosen)} weak pairs show no more on crops of {options.side_px} px than in the "
            "first look, and are not looked at again"
        )
    return jobs


def _first_look(options: Options) -> tuple[int, bool]:
    """The longer side at which the first look saw photos at most, and whether it used the same features."""
    feature = options.second_look.matcher.partition("+")[0]
    sides = (options.features.max_side_px * options.features.tiles, *more_sides_px(options.features))
    return max(sides), feature in [name for name, _ in matching.parse_mix(options.matching.mix)]


def _boxes(context: Context, sides: Mapping[str, PhotoKeys], geometry: TwoViewGeometry) -> tuple[Box, Box]:
    store = context.workspace.shard_root
    points = [
        work.upright_keypoints(store, sides[name])[rows]
        for name, rows in zip(geometry.pair, geometry.inlier_matches.T, strict=True)
    ]
    first, second = (sides[name].photo.upright_size_px for name in geometry.pair)
    return crop_boxes(points[0], points[1], (first, second))


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


def _made(context: Context, jobs: Sequence[tuple[str, LookAgainJob]]) -> Unmade[LookAgainJob]:
    options = context.options.second_look
    workers = pair_matching.workers_that_fit(options.matcher, context.device, context.pool.workers)

    def with_pool(pool: WorkerPool) -> Unmade[LookAgainJob]:
        return make(
            context,
            "second look",
            "second_looks",
            jobs,
            work.look_again,
            lambda found: ({"a": found.points_a_px, "b": found.points_b_px, "scores": found.scores}, {}),
            pool=pool,
        )

    if workers == context.pool.workers:
        return with_pool(context.pool)
    context.notice(f"{options.matcher}: memory holds it {workers} times, so as many workers look again")
    with WorkerPool(workers, scratch=context.workspace.work) as pool:
        return with_pool(pool)


def _believed(
    context: Context, before: VerifiedPairs, after: VerifiedPairs, pairs: Mapping[Pair, PixelMatches]
) -> VerifiedPairs:
    """Of pairs seen again, take the new geometry where it has more inliers and keeps the old ones, mostly."""
    more = {pair for pair in pairs if after.inliers.get(pair, 0) > before.inliers[pair]}
    old = {
        geometry.pair: geometry.inlier_matches
        for geometry in load_geometries(context, {pair: before.where[pair] for pair in more})
    }
    believed = set()
    for geometry in load_geometries(context, {pair: after.where[pair] for pair in more}):
        still = {tuple(row) for row in geometry.inlier_matches.tolist()}
        kept = sum(tuple(row) in still for row in old[geometry.pair].tolist())
        if kept >= KEPT_SHARE * len(old[geometry.pair]):
            believed.add(geometry.pair)
    return VerifiedPairs(
        {pair: (after if pair in believed else before).inliers[pair] for pair in before.inliers},
        {pair: (after if pair in believed else before).where[pair] for pair in before.where},
    )


def _matcher_options(options: Options) -> PairMatcherOptions:
    chosen = options.second_look
    if "+" not in chosen.matcher:
        return PairMatcherOptions(chosen.model, seed=options.seed)
    feature = chosen.matcher.partition("+")[0]
    keypoints = ((feature, options.features.most_keypoints(feature)),)
    return PairMatcherOptions("", keypoints, dataclasses.replace(options.matching, mix=()))


def _shard(job: LookAgainJob, identity: tuple[object, ...]) -> str:
    photos = [
        (photo.sha256, photo.quarter_turns, photo.mirrored, photo.mask_sha256, box)
        for photo, box in ((job.photo_a, job.box_a), (job.photo_b, job.box_b))
    ]
    # A model given by its folder is known by its bytes, which `identity` holds, not by its place.
    how = (dataclasses.replace(job.options, model=""), job.side_px, job.device, library_versions())
    return key("second_looks", photos, identity, how)


def _loaded(context: Context, shard: str) -> PixelMatches:
    arrays, _ = loaded(context, "second_looks", shard)
    return PixelMatches(arrays["a"], arrays["b"], arrays["scores"])
