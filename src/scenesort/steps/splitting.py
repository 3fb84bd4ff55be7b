"""Steps that tell look-alike places apart which the mapper folded into one model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from scenesort import work
from scenesort.scenes import (
    Cut,
    Expected,
    Looks,
    deepest_fold,
    expected_points,
    weakest_cut,
    weigh,
    without_photos,
    without_poses,
)
from scenesort.steps.common import Context, VerifiedPairs, loaded, make
from scenesort.steps.mapping import LEAST_MAPPING_S, map_parts
from scenesort.types import FloatArray, PosedScene
from scenesort.versions import library_versions
from scenesort.work import CompareJob, PhotoKeys
from scenesort.workspace import key

Sides = tuple[tuple[str, ...], tuple[str, ...]]
"""Names of the photos on the two sides of a cut."""

SPLIT_ROUNDS = 3
SAME_CORRELATION, OTHER_CORRELATION = 0.7, 0.4
"""Patches that correlate more than this show the same, less than that something else."""
CONTRADICTING_LOOKS = 20
"""Looks across a cut, both ways, that tell that the photos of its sides show the same."""


def split_look_alikes(
    context: Context, sides: Mapping[str, PhotoKeys], models: Sequence[PosedScene], verified: VerifiedPairs
) -> tuple[list[PosedScene], list[Sides]]:
    """Split models into which two look-alike places were folded, and map their sides anew, each by itself.

    Returns the models and the sides of each cut.
    """
    cuts: list[Sides] = []
    settled: list[PosedScene] = []
    waiting = list(models)
    for _ in range(SPLIT_ROUNDS):
        parts: list[tuple[str, ...]] = []
        for model in waiting:
            without, found = _examined(context, sides, model)
            if found is None:
                settled.append(without)
                continue
            strays = {photo.name for photo in model.photos} - set(found[0]) - set(found[1])
            parts += [tuple(sorted({*part, *strays})) for part in found]
            cuts.append(found)
        if not parts:
            return settled, cuts
        if context.schedule.left_s < LEAST_MAPPING_S:
            context.notice("time limit: no time was left to map them apart")
            return list(models), []
        waiting = map_parts(context, sides, parts, verified, "mapping (split)", settled)
    return settled + waiting, cuts


def _examined(context: Context, sides: Mapping[str, PhotoKeys], model: PosedScene) -> tuple[PosedScene, Sides | None]:
    """Return a model without photos whose poses are wrong, and the photos of the two places that it holds, or None."""
    options = context.options.scenes
    if len(model.photos) < 2 * options.min_photos:
        return model, None
    looks = _compared(context, sides, model) if options.min_fold_excess > 0 else None
    if looks is not None:
        fold = deepest_fold(looks, options.min_photos, options.min_fold_excess)
        while fold is not None and fold.is_of_strays:
            strays = _names(model, fold.strays)
            model, looks = without_poses(model, strays), without_photos(looks, fold.strays)
            context.notice(
                f"{len(strays)} of {len(model.photos) + len(strays)} photos ({strays[0]} …) show something else than "
                "what their poses say: the poses are taken back"
            )
            fold = deepest_fold(looks, options.min_photos, options.min_fold_excess)
        if fold is not None:
            first, second = _names(model, fold.side), _names(model, fold.other)
            context.notice(
                f"{len(model.photos)} photos had been joined, but where photos of {first[0]} … should show what those "
                f"of {second[0]} … do, {fold.num_points} points or more differ, {fold.excess:.1f} times as many as in "
                "one place: they are mapped apart"
            )
            return model, (first, second)
    cut = weakest_cut(model, options.min_photos) if options.max_cut_ratio > 0 else None
    if cut is None or cut.ratio >= options.max_cut_ratio or (looks is not None and _is_contradicted(model, cut, looks)):
        return model, None
    context.notice(
        f"{len(model.photos)} photos had been joined, but {cut.side[0]} … and {cut.other[0]} … "
        f"share {100 * cut.ratio:.1f}% of what photos of one place would: they are mapped apart"
    )
    return model, (cut.side, cut.other)


def _is_contradicted(model: PosedScene, cut: Cut, looks: Looks) -> bool:
    """Whether photos show the same across a cut that few matches cross."""
    rows = [row for row, photo in enumerate(model.photos) if photo.name in set(cut.side)]
    fold = weigh(looks, rows)
    return fold.num_looks >= CONTRADICTING_LOOKS and fold.excess < 1


def _compared(context: Context, sides: Mapping[str, PhotoKeys], model: PosedScene) -> Looks | None:
    """Look what the photos of a model show where they should show points; None if no time is left."""
    expected = expected_points(model)
    values = [np.full(len(item.point), np.nan) for item in expected]
    jobs = list(_jobs(sides, model, expected))
    unmade = make(
        context,
        "look-alikes",
        "comparisons",
        [(_shard(job), job) for job, _ in jobs],
        work.compare,
        lambda found: ({"correlations": np.concatenate(found).astype(np.float32)}, {}),
    )
    if unmade.late:
        return None
    failed = {id(job) for job, _ in unmade.failed}
    for job, spots in jobs:
        if id(job) in failed:
            continue
        found = loaded(context, "comparisons", _shard(job))[0]["correlations"].astype(np.float64)
        ends = np.cumsum([len(at) for _, at in spots])
        for (row, at), correlations in zip(spots, np.split(found, ends[:-1]), strict=True):
            values[row][at] = correlations
    return _looks(model, expected, values)


def _shard(job: CompareJob) -> str:
    """The key of a job's comparisons: what the photos show, their poses, and the points."""
    others = [(photo.sha256, pose.camera, pose.cam_from_world) for photo, pose in job.others]
    return key(
        "comparisons",
        work.COMPARISON_VERSION,
        job.photo.sha256,
        job.pose.camera,
        job.pose.cam_from_world,
        job.points_xyz,
        job.pixels_px,
        others,
        list(job.rows),
        library_versions(),
    )


def _jobs(
    sides: Mapping[str, PhotoKeys], model: PosedScene, expected: Sequence[Expected]
) -> Iterator[tuple[CompareJob, list[tuple[int, NDArray[np.int64]]]]]:
    """Yield for each photo the comparisons with what it sees, and where their results go: other photo, rows."""
    for reference, pose in enumerate(model.photos):
        point, first = np.unique(pose.point_index, return_index=True)
        spots: list[tuple[int, NDArray[np.int64]]] = []
        for row, item in enumerate(expected):
            at = np.flatnonzero((item.reference == reference) & ~item.is_seen)
            if len(at):
                spots.append((row, at))
        if spots:
            job = CompareJob(
                photo=sides[pose.name].photo,
                pose=pose,
                points_xyz=model.points_xyz[point],
                pixels_px=pose.keypoints_px[first],
                others=tuple((sides[model.photos[row].name].photo, model.photos[row]) for row, _ in spots),
                rows=tuple(np.searchsorted(point, expected[row].point[at]) for row, at in spots),
            )
            yield job, spots


def _looks(model: PosedScene, expected: Sequence[Expected], values: Sequence[FloatArray]) -> Looks:
    """Looks that tell something; their points are numbered anew, so that others take no memory."""
    told = [(value > SAME_CORRELATION) | (value < OTHER_CORRELATION) for value in values]
    points, point = np.unique(
        np.concatenate([item.point[rows] for item, rows in zip(expected, told, strict=True)]), return_inverse=True
    )
    column = np.full(len(model.points_xyz), -1)
    column[points] = np.arange(len(points))
    sees = np.zeros((len(model.photos), len(points)), bool)
    for row, photo in enumerate(model.photos):
        seen = column[photo.point_index]
        sees[row, seen[seen >= 0]] = True
    return Looks(
        photo=np.concatenate([np.full(np.count_nonzero(rows), row) for row, rows in enumerate(told)]),
        reference=np.concatenate([item.reference[rows] for item, rows in zip(expected, told, strict=True)]),
        point=point.astype(np.int64),
        angle_deg=np.concatenate([item.angle_deg[rows] for item, rows in zip(expected, told, strict=True)]),
        differs=np.concatenate([value[rows] < OTHER_CORRELATION for value, rows in zip(values, told, strict=True)]),
        sees=sees,
    )


def _names(model: PosedScene, rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(sorted(model.photos[row].name for row in rows))
