"""The step that looks what the photos of a model show where they should show its points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from scenesort import work
from scenesort.scenes import Expected, Looks, expected_points
from scenesort.steps.common import Context, loaded, make
from scenesort.types import FloatArray, PosedScene
from scenesort.versions import library_versions
from scenesort.work import CompareJob, PhotoKeys
from scenesort.workspace import key

SAME_CORRELATION, OTHER_CORRELATION = 0.7, 0.4
"""Patches that correlate more than this show the same, less than that something else."""


def compare_views(context: Context, sides: Mapping[str, PhotoKeys], model: PosedScene) -> Looks | None:
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
