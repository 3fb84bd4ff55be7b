"""Steps from features to scored pairs: photos described, pairs proposed, proposed pairs screened."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scenesort import artefacts, matching, retrieval, work
from scenesort.errors import OptionError
from scenesort.execution import WorkerPool
from scenesort.retrieval import Proposals, RowArray, ScoredPairs, global_descriptors
from scenesort.steps.common import Context, FoundGroups, loaded, make
from scenesort.types import Float32Array, PhotoSet
from scenesort.versions import library_versions
from scenesort.work import PhotoKeys, StoredDescriptors
from scenesort.workspace import key

FIT_PHOTOS = 1000
"""Photos that a codebook is learned from, evenly spread over the names."""
AGGREGATE_BLOCK_PHOTOS = 64
CAPTIONS_FILE = "captions.csv"
LATE = object()
"""In place of a codebook that a time limit left no time for."""


def propose_pairs(
    context: Context, found: PhotoSet, sides: Mapping[str, PhotoKeys], groups: FoundGroups | None = None
) -> Proposals:
    """Propose the pairs of the collection that are worth a look; rows are those of the sorted names.

    Groups that are a gate are each a collection of its own, large or small: no pair leaves them.
    """
    options = context.options.retrieval
    names = tuple(sorted(sides))
    labels = groups.labels if groups is not None and groups.is_gate else np.zeros(len(names), dtype=np.int64)
    sizes = np.bincount(labels[labels >= 0], minlength=1)
    rules_of = [retrieval.resolve(options, size) for size in sizes.tolist()]
    small = np.array(["exhaustive" in rules for rules in rules_of])
    proposed = [retrieval.exhaustive_within(np.where((labels >= 0) & small[labels], labels, -1))]
    if any("file" in rules for rules in rules_of):
        proposed.append(_from_file(context, found, names))
    if any("sequence" in rules for rules in rules_of):
        times = [sides[name].photo.taken_at_s for name in names]
        taken_at_s = np.array([math.nan if time_s is None else time_s for time_s in times])
        if not np.isfinite(taken_at_s).any():
            context.notice("shortlist 'sequence': no photo tells when it was taken, so it proposes nothing")
        gap_s = options.sequence_gap_s or math.inf
        proposed.append(retrieval.sequence(taken_at_s, options.sequence_powers, gap_s))
    for group, rules in enumerate(rules_of):
        searching = tuple(rule for rule in rules if rule in retrieval.SEARCHING)
        members = np.flatnonzero(labels == group)
        if searching and len(members) > 1:
            rows = members if len(members) < len(names) else None
            proposed.append(_searched(context, describe_photos(context, sides), searching, rows))
    merged = retrieval.union([some for some in proposed if len(some)])
    if not len(merged) and len(names) > 1:
        context.notice(f"no pair of photos is proposed by {', '.join(options.shortlists)}: every photo is an outlier")
    return retrieval.within_groups(merged, labels)


def describe_photos(context: Context, sides: Mapping[str, PhotoKeys]) -> tuple[StoredDescriptors, ...]:
    """Describe every photo with each of `retrieval.descriptors`."""
    found = []
    for name in context.options.retrieval.descriptors:
        found.append(_described(context, sides, name))
        if issubclass(global_descriptors.load(name), global_descriptors.CaptionMember):
            made = [(photo, shard) for photo, shard in zip(sorted(sides), found[-1].blocks, strict=True) if shard]
            said = [(photo, " ".join(loaded(context, "descriptors", shard, ())[1]["caption"])) for photo, shard in made]
            context.workspace.write_csv(CAPTIONS_FILE, ["photo", "caption"], said)
    return tuple(found)


def global_looks(
    context: Context, sides: Mapping[str, PhotoKeys], descriptor: str, names: Collection[str]
) -> dict[str, Float32Array]:
    """Describe some photos with one global descriptor: (d,) float32, of unit length or zero, of each that could be.

    Where a member sees photos it does in all turns: what few matches place may lie turned, and nobody knows.
    """
    if global_descriptors.load(descriptor).sees == "photo":
        # The others learn a codebook from all photos.
        sides = {name: side for name, side in sides.items() if name in names}
    described = _described(context, sides, descriptor, "looks", every_turn=True)
    rows = [
        loaded(context, "descriptors", shard)[0]["descriptors"].astype(np.float32) if shard else [None] * size
        for shard, size in zip(described.blocks, described.sizes, strict=True)
    ]
    of_photo = zip(sorted(sides), (row for block in rows for row in block), strict=True)
    return {name: row for name, row in of_photo if row is not None}


def _described(
    context: Context, sides: Mapping[str, PhotoKeys], name: str, stage: str = "retrieval", every_turn: bool = False
) -> StoredDescriptors:
    member = global_descriptors.load(name)
    settings = global_descriptors.member_options(name, context.options.retrieval.members)
    if every_turn and member.sees == "photo":
        settings = dataclasses.replace(settings, every_turn=True)
    of_member = _by_pixels if member.sees == "photo" else _by_features
    return of_member(context, sides, member, settings, f"{stage} ({name})")


def screen_pairs(
    context: Context, sides: Mapping[str, PhotoKeys], proposed: Proposals, groups: FoundGroups | None = None
) -> ScoredPairs:
    """Score the proposed pairs cheaply; those within groups that are no gate come before all others."""
    names = tuple(sorted(sides))
    scores = score_pairs(context, sides, proposed.pairs)
    is_gate = groups is not None and groups.is_gate
    sizes = groups.sizes if groups is not None and is_gate else np.full(len(names), len(names))
    always = sizes[proposed.pairs[:, 0]] <= context.options.pairs.exhaustive_photos
    if "file" in proposed.rules:
        always |= (proposed.proposed_by >> np.uint32(proposed.rules.index("file")) & np.uint32(1)).astype(bool)
    first_group = None if groups is None or is_gate else groups.labels
    return ScoredPairs(names, proposed.pairs, scores, always, first_group)


def score_pairs(
    context: Context, sides: Mapping[str, PhotoKeys], pairs: retrieval.RowArray, stage_name: str = "pairs"
) -> Float32Array:
    """Score pairs (m, 2) of rows of the sorted names: (m,) float32, 0 where a time limit left no time."""
    options = context.options.pairs
    order = _screening_features(context, sides)
    jobs: list[tuple[str, work.ScreenJob]] = []
    blocks = list(retrieval.screening_blocks(pairs))
    for block in blocks:
        photos, local = np.unique(pairs[block], return_inverse=True)
        keys = tuple(order[photo] for photo in photos.tolist())
        local = local.reshape(-1, 2).astype(np.int64)
        shard = key("screening", retrieval.VERSION, keys, local, options.screen_keypoints)
        jobs.append((shard, work.ScreenJob(context.workspace.shard_root, keys, local, options.screen_keypoints)))
    unmade = make(
        context, stage_name, "screening", jobs, work.screen, lambda scores: ({"scores": scores}, {}), _pairs_of
    )
    if unmade.failed:
        raise unmade.failed[0][1]
    if unmade.late:
        num_late = sum(map(_pairs_of, unmade.late))
        context.notice(f"time limit: {num_late} of {len(pairs)} pairs were not screened")
    scores = np.zeros(len(pairs), dtype=np.float32)
    for block, (shard, _) in zip(blocks, jobs, strict=True):
        if context.workspace.has("screening", shard):
            scores[block] = loaded(context, "screening", shard)[0]["scores"]
    return scores


def screening_slot(context: Context) -> int:
    """The place in the mix of the features that screen pairs and that are aggregated to global descriptors."""
    members = [member for member, _ in matching.parse_mix(context.options.matching.mix)]
    wanted = context.options.pairs.screen_with
    return members.index(wanted) if wanted in members else len(members) - 1


def _by_pixels(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    member: Any,
    settings: global_descriptors.GlobalDescriptorOptions,
    stage_name: str,
) -> StoredDescriptors:
    max_side_px = max(context.options.features.max_side_px, settings.side_px)
    how = (_identity(member, settings), max_side_px, context.device, library_versions())
    jobs: list[tuple[str, work.DescribeJob]] = []
    for name in sorted(sides):
        photo = sides[name].photo
        shard = key("descriptors", photo.sha256, photo.quarter_turns, photo.mirrored, how)
        jobs.append((shard, work.DescribeJob(photo, member.name, settings, max_side_px, context.device)))
    workers = global_descriptors.workers_that_fit(
        member.name,
        settings.model or "".join(member.weights[:1]),
        settings.precision,
        context.device,
        context.pool.workers,
    )
    if workers < context.pool.workers:
        context.notice(f"{member.name}: memory holds its model {workers} times, so as many workers describe photos")
        with WorkerPool(workers, scratch=context.workspace.work) as pool:
            unmade = make(context, stage_name, "descriptors", jobs, work.describe, _pack_described, pool=pool)
    else:
        unmade = make(context, stage_name, "descriptors", jobs, work.describe, _pack_described)
    for job, error in unmade.failed:
        context.notice(f"{job.photo.name} could not be described with {member.name}: {error}")
    if unmade.late:
        context.notice(f"time limit: {len(unmade.late)} photos were not described with {member.name}")
    lost = {job.photo.name for job in [*(job for job, _ in unmade.failed), *unmade.late]}
    return StoredDescriptors(
        member.name, tuple("" if job.photo.name in lost else shard for shard, job in jobs), (1,) * len(jobs)
    )


def _by_features(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    member: Any,
    settings: global_descriptors.GlobalDescriptorOptions,
    stage_name: str,
) -> StoredDescriptors:
    keys = _screening_features(context, sides)
    trained = trained_file(context, global_descriptors.codebook_name(member.name))
    learned_from = content_of(trained) if trained else (_samples(keys), context.options.seed)
    how = (_identity(member, settings), learned_from, library_versions())
    blocks = [tuple(keys[at : at + AGGREGATE_BLOCK_PHOTOS]) for at in range(0, len(keys), AGGREGATE_BLOCK_PHOTOS)]
    shards = [key("descriptors", block, how) for block in blocks]
    if all(context.workspace.has("descriptors", shard) for shard in shards):
        codebook = None
    elif trained is not None:
        codebook = global_descriptors.load_codebook(member, trained)
    else:
        codebook = learn_codebook(context, sides, member, settings)
        if codebook is LATE:
            return StoredDescriptors(member.name, ("",) * len(blocks), tuple(map(len, blocks)))
    jobs = [
        (shard, work.AggregateJob(context.workspace.shard_root, member.name, settings, block, codebook))
        for shard, block in zip(shards, blocks, strict=True)
    ]
    unmade = make(context, stage_name, "descriptors", jobs, work.aggregate, _pack_rows, lambda job: len(job.features))
    if unmade.failed:
        raise unmade.failed[0][1]
    if unmade.late:
        num_late = sum(len(job.features) for job in unmade.late)
        context.notice(f"time limit: {num_late} photos were not described with {member.name}")
    late = {job.features for job in unmade.late}
    made = tuple("" if block in late else shard for shard, block in zip(shards, blocks, strict=True))
    return StoredDescriptors(member.name, made, tuple(map(len, blocks)))


def learn_codebook(
    context: Context, sides: Mapping[str, PhotoKeys], member: Any, settings: global_descriptors.GlobalDescriptorOptions
) -> Any:
    """Learn a member's codebook from the features of the photos at hand.

    None where no photo has any; `LATE`, with a notice, where a time limit left no time.
    """
    samples = _samples(_screening_features(context, sides))
    seed = context.options.seed
    job = work.CodebookJob(context.workspace.shard_root, member.name, settings, samples, seed)
    shard = key("codebooks", _identity(member, settings), samples, seed, library_versions())

    def pack(codebook: Any) -> tuple[artefacts.Arrays, artefacts.Meta]:
        return {} if codebook is None else member.pack_codebook(codebook), {"is_empty": codebook is None}

    stage_name = f"retrieval ({member.name} codebook)"
    unmade = make(context, stage_name, "codebooks", [(shard, job)], work.learn_codebook, pack)
    if unmade.failed:
        raise unmade.failed[0][1]
    if unmade.late:
        context.notice(f"time limit: no time was left to learn the codebook of {member.name}")
        return LATE
    arrays, meta = loaded(context, "codebooks", shard)
    return None if meta["is_empty"] else member.unpack_codebook(arrays)


def trained_file(context: Context, name: str) -> Path | None:
    """A file in the folder `retrieval.trained`, None without one; raises OptionError where the folder lacks it."""
    folder = context.options.retrieval.trained
    if not folder:
        return None
    path = Path(folder).expanduser() / name
    if not path.is_file():
        raise OptionError(f"retrieval.trained = {folder}: it has no {name}; make it with: scenesort retrieval fit")
    return path


def _screening_features(context: Context, sides: Mapping[str, PhotoKeys]) -> list[str]:
    slot = screening_slot(context)
    return [sides[name].features[slot] for name in sorted(sides)]


def _samples(keys: Sequence[str]) -> tuple[str, ...]:
    chosen = np.unique(np.linspace(0, len(keys) - 1, min(len(keys), FIT_PHOTOS)).astype(np.int64))
    return tuple(keys[row] for row in chosen.tolist())


def content_of(path: Path) -> str:
    """The hash of a file, for keys of what was made with it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _searched(
    context: Context, described: tuple[StoredDescriptors, ...], rules: tuple[str, ...], rows: RowArray | None
) -> Proposals:
    """Pairs proposed by rules that search descriptors, of the photos `rows` by themselves or of all."""
    options = context.options.retrieval
    search = retrieval.SearchOptions(
        rules, options.neighbours, options.max_distance, options.least_partners, fusion_options(context)
    )
    file = trained_file(context, retrieval.FUSION_FILE) if search.fusion else None
    made_from = (described, rows, search, content_of(file) if file else "")
    shard = key("proposals", retrieval.PROPOSAL_VERSIONS, made_from, library_versions())
    job = work.SearchJob(context.workspace.shard_root, described, search, file, rows)
    unmade = make(context, "retrieval (search)", "proposals", [(shard, job)], work.search, artefacts.pack_proposals)
    if unmade.failed:
        raise unmade.failed[0][1]
    if unmade.late:
        context.notice("time limit: no time was left to search the descriptors")
        return retrieval.union([])
    arrays, meta = loaded(context, "proposals", shard)
    return artefacts.unpack_proposals(arrays, meta)


def fusion_options(context: Context) -> retrieval.FusionOptions | None:
    """How descriptors are fused, None where each is searched by itself."""
    options = context.options.retrieval
    if options.fusion == "none":
        return None
    return retrieval.FusionOptions(
        pca=options.fusion,
        fitted_on="training" if options.trained else "collection",
        components=options.fusion_components,
        weights=global_descriptors.fusion_weights(options.descriptors, options.members),
    )


def _from_file(context: Context, found: PhotoSet, names: tuple[str, ...]) -> Proposals:
    path = Path(context.options.retrieval.pairs_file).expanduser()
    skipped = {item.name for item in found.skipped} - set(names)
    proposed = retrieval.read_pairs(path, names, found.duplicates, skipped)
    if skipped:
        context.notice(f"{path}: pairs of the {len(skipped)} files that could not be used are left out")
    return proposed


def _identity(member: Any, settings: global_descriptors.GlobalDescriptorOptions) -> Any:
    """What a member's descriptors depend on: its name, version, settings, and the content of its models."""
    models = tuple(name for name in (settings.model or "".join(member.weights[:1]), settings.sentence_model) if name)
    prints = [global_descriptors.fingerprint_of(model, member.name) for model in models]
    # Where a model lies doesn't matter, only what it is.
    return member.name, member.version, dataclasses.replace(settings, model="", sentence_model=""), prints


def _pack_described(described: work.Described) -> tuple[artefacts.Arrays, artefacts.Meta]:
    return {"descriptors": described.vector[None]}, {"caption": list(described.caption)}


def _pack_rows(rows: Any) -> tuple[artefacts.Arrays, artefacts.Meta]:
    return {"descriptors": rows}, {}


def _pairs_of(job: work.ScreenJob) -> int:
    return len(job.pairs)
