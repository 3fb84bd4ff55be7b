"""The steps of the main job: each turns values into values and keeps its work as artefacts, so that it is done once.

A step names its artefacts by what they are made from, skips those that exist, spreads the rest over the worker
processes and writes what comes back. Jobs are cut the same way whatever was resumed, so results don't depend on it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from scenesort import artefacts, features, mapping, matching, photos, retrieval, work
from scenesort.config import Options
from scenesort.errors import ArtefactLostError, WorkerError
from scenesort.execution import WorkerPool
from scenesort.mapping import MappingPhoto, MappingTask
from scenesort.progress import Progress, StageReport
from scenesort.types import Float32Array, Pair, Photo, PhotoSet, PosedScene, SkippedPhoto, ViewGraph
from scenesort.versions import library_versions
from scenesort.weights import REGISTRY
from scenesort.work import PhotoKeys
from scenesort.workspace import Workspace, key

Job = TypeVar("Job")
Value = TypeVar("Value")

NEAREST_BLOCK_PAIRS = 64
LEARNED_BLOCK_PAIRS = 8
VERIFY_BLOCK_PAIRS = 64
TILE_PHOTOS = 16
MAPPING_ATTEMPTS = 2


@dataclass(slots=True)
class Context:
    """What every step needs: where work is kept, who does it, what was chosen, who watches."""

    workspace: Workspace
    pool: WorkerPool
    options: Options
    device: str
    progress: Progress
    notices: list[str] = field(default_factory=list)
    stages: list[StageReport] = field(default_factory=list)

    def notice(self, sentence: str) -> None:
        """Tell the user something, once."""
        if sentence not in self.notices:
            self.notices.append(sentence)
            self.workspace.log(sentence)
            self.progress.notice(sentence)


@dataclass(frozen=True, slots=True)
class MatchedPairs:
    """Where the matches of one mix member lie: pair → (shard key, row in the shard)."""

    slot: int
    where: dict[Pair, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class VerifiedPairs:
    """The verified view graph, and where each pair's geometry lies: pair → (shard key, row in the shard)."""

    inliers: dict[Pair, int]
    where: dict[Pair, tuple[str, int]]


def find_photos(context: Context, folder: Any, exclude: Sequence[Any]) -> PhotoSet:
    """Find, decode once and identify all photos of a folder."""
    options = context.options

    def spread(
        function: Callable[[tuple[Path, str]], Photo | SkippedPhoto], files: Iterable[tuple[Path, str]]
    ) -> Iterator[Photo | SkippedPhoto]:
        jobs = list(files)
        with context.progress.stage("photos", len(jobs), context.stages) as stage:
            for outcome in context.pool.run(function, jobs, timeout_s=options.execution.task_timeout_s, ordered=False):
                stage.count(outcome)
                if outcome.error is not None:
                    # A decoder that died or hung on this file: the file is the culprit.
                    yield SkippedPhoto(outcome.task[1], f"Reading it failed: {outcome.error}")
                else:
                    yield outcome.result()

    found = photos.find_photos(folder, options.photos, mapper=spread, exclude_folders=exclude)
    for sentence in found.notices:
        context.notice(sentence)
    return found


def find_features(context: Context, found: PhotoSet) -> tuple[PhotoSet, dict[str, PhotoKeys]]:
    """Find every mix member's features in every photo; photos on which a member failed move to the skipped ones."""
    options = context.options
    mix = matching.parse_mix(options.matching.mix)
    keys: dict[str, list[str]] = {photo.name: [] for photo in found.photos}
    jobs: list[tuple[str, work.FeaturesJob]] = []
    for member_name, _ in mix:
        member = features.load(member_name)
        max_keypoints: int = getattr(options.features, f"{member_name}_keypoints", 4096)
        for photo in found.photos:
            made_from = (photo.sha256, photo.quarter_turns, photo.mirrored, photo.mask_sha256)
            how = (max_keypoints, options.features.max_side_px, context.device)
            shard = key("features", made_from, how, _identity(member), library_versions())
            keys[photo.name].append(shard)
            jobs.append((shard, work.FeaturesJob(photo, member_name, *how)))
    failed = {}
    for job, error in _make(context, "features", "features", jobs, work.extract, artefacts.pack_features):
        failed[job.photo.name] = f"Finding {job.member} features failed: {error}"
    lost = [SkippedPhoto(name, reason) for name, reason in failed.items()]
    kept = tuple(photo for photo in found.photos if photo.name not in failed)
    skipped = tuple(sorted([*found.skipped, *lost], key=lambda item: item.name))
    found = dataclasses.replace(found, photos=kept, skipped=skipped)
    return found, {photo.name: PhotoKeys(photo, tuple(keys[photo.name])) for photo in kept}


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
    for _, error in _make(context, "pairs", "screening", jobs, work.screen, lambda scores: ({"scores": scores}, {})):
        raise error
    scores = np.zeros((len(order), len(order)), dtype=np.float32)
    for shard, rows, columns in blocks:
        scores[rows.start : rows.stop, columns.start : columns.stop] = _loaded(context, "screening", shard)[0]["scores"]
    return scores


def match_quickly(context: Context, sides: Mapping[str, PhotoKeys], scores: Float32Array) -> list[MatchedPairs]:
    """Match the shortlisted pairs with the cheap members of the mix."""
    return _match(context, sides, scores, learned=False, wanted=lambda pair: True)


def match_rest(
    context: Context, sides: Mapping[str, PhotoKeys], scores: Float32Array, quick: VerifiedPairs
) -> list[MatchedPairs]:
    """Match with the learned members of the mix, where a photo has too few strong partners from the quick round."""
    options = context.options.pairs
    settled = retrieval.settled_photos(quick.inliers, options.strong_inliers, options.settled_partners)
    return _match(context, sides, scores, learned=True, wanted=lambda pair: not settled.issuperset(pair))


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
            chosen.sort(key=lambda pair: (tile_of[pair[0]], tile_of[pair[1]], pair))
        size = LEARNED_BLOCK_PAIRS if member.learned else NEAREST_BLOCK_PAIRS
        where = {}
        for start in range(0, len(chosen), size):
            block = tuple(chosen[start : start + size])
            pairs = tuple((sides[first], sides[second]) for first, second in block)
            made_from = [(a.features[slot], b.features[slot]) for a, b in pairs]
            shard = key("matches", made_from, _identity(member), _matcher_options(options), context.device)
            where.update({pair: (shard, row) for row, pair in enumerate(block)})
            job = work.MatchJob(
                context.workspace.shard_root, pairs, slot, matcher_name, options.matching, context.device
            )
            jobs.append((shard, job))
        matched.append(MatchedPairs(slot, where))
    lost = set()
    stage_name = "matching (learned)" if learned else "matching"
    for job, error in _make(context, stage_name, "matches", jobs, work.match, artefacts.pack_matches, _pairs_of):
        lost |= {(a.photo.name, b.photo.name) for a, b in job.pairs}
        context.notice(f"{len(job.pairs)} pairs could not be matched with {job.matcher} and are left out: {error}")
    return [
        MatchedPairs(found.slot, {pair: spot for pair, spot in found.where.items() if pair not in lost})
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
    kept = {pair: spot for pair, spot in quick.where.items() if pair not in again}
    joined = verify_pairs(context, sides, [*matched, *rest], again)
    return VerifiedPairs(
        dict(sorted({**{pair: quick.inliers[pair] for pair in kept}, **joined.inliers}.items())),
        dict(sorted({**kept, **joined.where}.items())),
    )


def verify_pairs(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    matched: Sequence[MatchedPairs],
    only: Collection[Pair] | None = None,
) -> VerifiedPairs:
    """Put all members' matches of each pair (or of `only` some) together and keep pairs with believable geometry."""
    options = context.options
    names = sorted(sides)
    tile_of = {name: index // TILE_PHOTOS for index, name in enumerate(names)}
    pairs = sorted(
        {pair for found in matched for pair in found.where if only is None or pair in only},
        key=lambda pair: (tile_of[pair[0]], tile_of[pair[1]], pair),
    )
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
    for job, error in _make(
        context, "verification", "geometries", jobs, work.verify, artefacts.pack_geometries, _pairs_of
    ):
        context.notice(f"{len(job.pairs)} pairs could not be verified and are left out: {error}")
    inliers = {}
    for start, (shard, _) in zip(range(0, len(pairs), VERIFY_BLOCK_PAIRS), jobs, strict=True):
        if not context.workspace.has("geometries", shard):
            continue
        counts = _loaded(context, "geometries", shard, ())[1]["inliers"]
        inliers.update({pair: count for pair, count in zip(pairs[start:], counts, strict=False) if count})
    return VerifiedPairs(inliers, {pair: where[pair] for pair in inliers})


def map_parts(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    graph: ViewGraph,
    parts: Sequence[Sequence[str]],
    verified: VerifiedPairs,
) -> list[PosedScene]:
    """Map every connected part of the view graph; a part whose mapper fails twice yields no models and is reported."""
    member = mapping.load(context.options.mapping.backend)
    models: list[PosedScene] = []
    with context.progress.stage("mapping", sum(len(part) for part in parts), context.stages) as stage:
        waiting = [(part, 0) for part in parts]
        while waiting:
            shards = [_part_key(context, sides, verified, part, attempt, member) for part, attempt in waiting]
            todo = [
                (shard, part, attempt)
                for shard, (part, attempt) in zip(shards, waiting, strict=True)
                if not context.workspace.has("models", shard)
            ]
            stage.skip(sum(len(part) for part, _ in waiting) - sum(len(part) for _, part, _ in todo))
            jobs = (work.MapJob(_mapping_task(context, sides, verified, part, attempt)) for _, part, attempt in todo)
            failed = {}
            limit_s = context.options.mapping.timeout_s
            runs = context.pool.run(work.map_part, jobs, timeout_s=limit_s, ordered=True, window=context.pool.workers)
            for (shard, part, attempt), outcome in zip(todo, runs, strict=True):
                if outcome.error is None:
                    context.workspace.save_arrays("models", shard, *artefacts.pack_scenes(outcome.result()))
                    stage.count(outcome, len(part))
                    continue
                stage.count(outcome, 0)
                failed[shard] = (part, attempt + 1)
                last = attempt + 1 >= MAPPING_ATTEMPTS
                then = "its photos stay without a pose" if last else "trying once more with safer options"
                context.notice(f"mapping {len(part)} photos ({part[0]} …) failed: {outcome.error}; {then}")
            for shard in shards:
                if shard not in failed:
                    models += artefacts.unpack_scenes(*_loaded(context, "models", shard))
            waiting = [entry for entry in failed.values() if entry[1] < MAPPING_ATTEMPTS]
    return models


def colour_points(context: Context, scenes: Sequence[PosedScene], sides: Mapping[str, PhotoKeys]) -> list[PosedScene]:
    """Colour every point with the mean of the pixels that see it, read from our own decoded photos."""
    with context.progress.stage("colours", sum(len(scene.photos) for scene in scenes), context.stages) as stage:
        coloured = []
        for scene in scenes:
            total = np.zeros((len(scene.points_xyz), 3))
            count = np.zeros(len(scene.points_xyz))
            jobs = (work.ColourJob(sides[photo.name].photo, photo.keypoints_px) for photo in scene.photos)
            limit_s = context.options.execution.task_timeout_s
            outcomes = context.pool.run(work.colours, jobs, timeout_s=limit_s)
            for photo, outcome in zip(scene.photos, outcomes, strict=True):
                stage.count(outcome)
                if outcome.error is None:
                    np.add.at(total, photo.point_index, outcome.result())
                    np.add.at(count, photo.point_index, 1)
            rgb = np.round(total / np.maximum(count, 1)[:, None]).astype(np.uint8)
            coloured.append(dataclasses.replace(scene, points_rgb=rgb))
    return coloured


def _mapping_task(
    context: Context, sides: Mapping[str, PhotoKeys], verified: VerifiedPairs, part: Sequence[str], attempt: int
) -> MappingTask:
    """Collect what the mapper needs; only keypoints that some verified pair uses go along."""
    inside = set(part)
    geometries = []
    for pair, (shard, row) in verified.where.items():
        if inside.issuperset(pair):
            arrays, meta = _loaded(context, "geometries", shard)
            geometries.append(artefacts.unpack_geometry(arrays, meta, row, pair))
    used: dict[str, list[Any]] = {name: [np.zeros(0, dtype=np.uint32)] for name in part}
    for geometry in geometries:
        for side, name in enumerate(geometry.pair):
            used[name].append(geometry.inlier_matches[:, side])
    kept = {name: np.unique(np.concatenate(indices)) for name, indices in used.items()}
    store = context.workspace.shard_root
    chosen = tuple(
        MappingPhoto(
            name,
            sides[name].photo.camera_group,
            sides[name].photo.camera,
            work.frame_keypoints(store, sides[name])[kept[name]],
        )
        for name in part
    )
    compact = tuple(
        dataclasses.replace(
            geometry,
            inlier_matches=np.stack(
                [
                    np.searchsorted(kept[name], geometry.inlier_matches[:, side])
                    for side, name in enumerate(geometry.pair)
                ],
                axis=1,
            ).astype(np.uint32),
        )
        for geometry in geometries
    )
    options = context.options
    return MappingTask(chosen, compact, options.mapping, options.scenes, options.verification, options.seed, attempt)


def _part_key(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    verified: VerifiedPairs,
    part: Sequence[str],
    attempt: int,
    member: type[mapping.MappingMember],
) -> str:
    options = context.options
    inside = set(part)
    spots = [(pair, spot) for pair, spot in verified.where.items() if inside.issuperset(pair)]
    cameras = [(name, sides[name].photo.camera, sides[name].photo.camera_group) for name in part]
    how = (dataclasses.replace(options.mapping, timeout_s=0.0), options.scenes, options.verification)
    return key("models", spots, cameras, how, options.seed, attempt, member.name, member.version, library_versions())


def _make(
    context: Context,
    stage_name: str,
    kind: str,
    jobs: Sequence[tuple[str, Job]],
    function: Callable[[Job], Value],
    pack: Callable[[Value], tuple[artefacts.Arrays, artefacts.Meta]],
    weight: Callable[[Job], int] = lambda job: 1,
) -> list[tuple[Job, WorkerError]]:
    """Make the artefacts that aren't there yet, and return the jobs that failed with the reason.

    Errors that aren't the job's own (missing weights, a wrong option) are raised.
    """
    workspace = context.workspace
    failed: list[tuple[Job, WorkerError]] = []
    with context.progress.stage(stage_name, sum(weight(job) for _, job in jobs), context.stages) as stage:
        todo = [(shard, job) for shard, job in jobs if not workspace.has(kind, shard)]
        stage.skip(sum(weight(job) for _, job in jobs) - sum(weight(job) for _, job in todo))
        shard_of = {id(job): shard for shard, job in todo}
        limit_s = context.options.execution.task_timeout_s
        for outcome in context.pool.run(function, (job for _, job in todo), timeout_s=limit_s, ordered=False):
            stage.count(outcome, weight(outcome.task))
            if isinstance(outcome.error, WorkerError):
                workspace.log(outcome.log)
                failed.append((outcome.task, outcome.error))
            else:
                workspace.save_arrays(kind, shard_of[id(outcome.task)], *pack(outcome.result()))
    return failed


def _pairs_of(job: work.MatchJob | work.VerifyJob) -> int:
    return len(job.pairs)


def _loaded(
    context: Context, kind: str, shard: str, names: Sequence[str] | None = None
) -> tuple[artefacts.Arrays, artefacts.Meta]:
    found = context.workspace.load_arrays(kind, shard, names)
    if found is None:
        raise ArtefactLostError(
            f"an artefact was damaged or removed ({kind} {shard[:12]}…); run the same command again"
        )
    return found


def _identity(member: Any) -> tuple[str, str, list[str]]:
    """What a member's output depends on besides its options: its name, version and weights."""
    return member.name, member.version, [REGISTRY[name].sha256 for name in member.weights]


def _matcher_options(options: Options) -> Any:
    return dataclasses.replace(options.matching, mix=())
