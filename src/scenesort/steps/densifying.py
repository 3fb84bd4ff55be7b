"""The step that finds points all over the photos of a model, where detectors found too few to tell places apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from scenesort import work
from scenesort.errors import PhotoError, WorkerError
from scenesort.scenes import DensePoints, overlapping, shown_at
from scenesort.steps.common import Context, loaded, make
from scenesort.types import FloatArray, PosedPhoto, PosedScene
from scenesort.versions import library_versions
from scenesort.work import PhotoKeys, SweepJob
from scenesort.workspace import key

COVER_SHARE = 1 / 50
"""Points of other photos cover a photo round them: a square of this share of its longer side gets no second point."""


def densify(context: Context, sides: Mapping[str, PhotoKeys], model: PosedScene) -> PosedScene | None:
    """Return the model's photos with points all over them in place of its own; None if no time is left for that."""
    jobs = list(_jobs(sides, model))
    try:
        unmade = make(
            context,
            "look-alikes (dense)",
            "sweeps",
            [(_shard(job), job) for _, _, job in jobs],
            work.sweep,
            lambda found: ({"points_xyz": found.points_xyz, "sees": found.sees}, {}),
        )
    except (PhotoError, WorkerError) as error:
        context.notice(f"{len(jobs)} photos were not looked at all over for look-alikes: {error}")
        return None
    if unmade.late:
        return None
    if unmade.failed:
        context.notice(
            f"{len(unmade.failed)} of {len(jobs)} photos were not looked at all over for look-alikes: "
            f"{unmade.failed[0][1]}"
        )
    failed = {id(job) for job, _ in unmade.failed}
    found = []
    for row, others, job in jobs:
        if id(job) not in failed:
            arrays, _ = loaded(context, "sweeps", _shard(job))
            found.append((row, others, DensePoints(arrays["points_xyz"], arrays["sees"].astype(bool))))
    return _joined(model, found)


def _jobs(sides: Mapping[str, PhotoKeys], model: PosedScene) -> Iterator[tuple[int, NDArray[np.int64], SweepJob]]:
    """Yield the job of each photo with its row and the rows of the others."""
    for row, (others, angles_deg) in enumerate(overlapping(model)):
        pose = model.photos[row]
        job = SweepJob(
            photo=sides[pose.name].photo,
            pose=_bare(pose),
            points_xyz=model.points_xyz[np.unique(pose.point_index)],
            others=tuple((sides[model.photos[other].name].photo, _bare(model.photos[other])) for other in others),
            angles_deg=angles_deg,
        )
        yield row, others, job


def _bare(pose: PosedPhoto) -> PosedPhoto:
    """A pose without what the photo sees, which a worker doesn't need."""
    return dataclasses.replace(pose, keypoints_px=np.zeros((0, 2)), point_index=np.zeros(0, np.int64))


def _shard(job: SweepJob) -> str:
    """The key of a photo's points: what the photos show, their poses, and the model's points."""
    views = [(photo.sha256, pose.camera, pose.cam_from_world) for photo, pose in ((job.photo, job.pose), *job.others)]
    versions = (work.SWEEP_VERSION, work.COMPARISON_VERSION, library_versions())
    return key("sweeps", versions, views, job.points_xyz, job.angles_deg)


def _joined(model: PosedScene, found: Sequence[tuple[int, NDArray[np.int64], DensePoints]]) -> PosedScene:
    """Make one model of all photos' points; what an earlier photo found already is left out."""
    points = np.zeros((0, 3))
    sees = np.zeros((0, len(model.photos)), bool)
    for row, others, dense in found:
        seen = np.zeros((len(dense.points_xyz), len(model.photos)), bool)
        seen[:, others] = dense.sees
        seen[:, row] = True
        fresh = ~_covered(model.photos[row], points[sees[:, row]], dense.points_xyz)
        points, sees = np.concatenate([points, dense.points_xyz[fresh]]), np.concatenate([sees, seen[fresh]])
    photos = []
    for row, photo in enumerate(model.photos):
        mine = np.flatnonzero(sees[:, row])
        pixels = shown_at(photo, points[mine])
        photos.append(dataclasses.replace(photo, keypoints_px=pixels, point_index=mine))
    colours = np.zeros((len(points), 3), np.uint8)
    return dataclasses.replace(
        model, photos=tuple(photos), points_xyz=points, points_rgb=colours, points_error_px=np.zeros(len(points))
    )


def _covered(photo: PosedPhoto, known: FloatArray, points: FloatArray) -> NDArray[np.bool_]:
    """Which points (k, 3) a photo shows where it shows a known one (p, 3)."""
    side_px = COVER_SHARE * max(photo.camera.width_px, photo.camera.height_px)
    cells, taken = ((shown_at(photo, values) // side_px).astype(np.int64) for values in (points, known))
    columns = int(photo.camera.width_px // side_px) + 1
    covered: NDArray[np.bool_] = np.isin(cells @ (1, columns), taken @ (1, columns))
    return covered
