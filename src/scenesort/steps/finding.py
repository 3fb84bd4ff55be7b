"""Steps from a folder to photos with features."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from scenesort import artefacts, features, matching, photos, work
from scenesort.members import more_sides_px
from scenesort.steps.common import Context, InTime, identity, make
from scenesort.types import Photo, PhotoSet, SkippedPhoto
from scenesort.versions import library_versions
from scenesort.work import PhotoKeys
from scenesort.workspace import key

NO_TIME = "The time limit left no time for it."


def find_photos(context: Context, folder: Any, exclude: Sequence[Any]) -> PhotoSet:
    """Find, decode once and identify all photos of a folder."""
    options = context.options

    def spread(
        function: Callable[[tuple[Path, str]], Photo | SkippedPhoto], files: Iterable[tuple[Path, str]]
    ) -> Iterator[Photo | SkippedPhoto]:
        jobs, schedule = list(files), context.schedule
        with context.progress.stage("photos", len(jobs), context.stages) as stage:
            in_time = InTime(jobs, schedule.until_s("photos"))
            killed_s = schedule.killed_s("photos")
            for outcome in context.pool.run(
                function, in_time, timeout_s=options.execution.task_timeout_s, until_s=killed_s, ordered=False
            ):
                stage.count(outcome)
                if outcome.error is None:
                    yield outcome.result()
                elif time.monotonic() >= killed_s:
                    yield SkippedPhoto(outcome.task[1], NO_TIME)
                else:
                    # A decoder that died or hung on this file: the file is the culprit.
                    yield SkippedPhoto(outcome.task[1], f"Reading it failed: {outcome.error}")
        late = jobs[in_time.num_taken :]
        if late:
            context.notice(f"time limit: {len(late)} photos were not looked at")
        yield from (SkippedPhoto(name, NO_TIME) for _, name in late)

    found = photos.find_photos(folder, options.photos, mapper=spread, exclude_folders=exclude)
    for sentence in found.notices:
        context.notice(sentence)
    return found


def find_features(context: Context, found: PhotoSet) -> tuple[PhotoSet, dict[str, PhotoKeys]]:
    """Find every mix member's features in every photo; photos on which a member failed move to the skipped ones."""
    options = context.options
    mix = matching.parse_mix(options.matching.mix)
    more_px = more_sides_px(options.features)
    keys: dict[str, list[str]] = {photo.name: [] for photo in found.photos}
    jobs: list[tuple[str, work.FeaturesJob]] = []
    for photo in found.photos:
        for member_name, _ in mix:
            job = work.FeaturesJob(
                photo,
                member_name,
                options.features.most_keypoints(member_name),
                options.features.max_side_px,
                context.device,
                more_px,
                options.features.tiles,
            )
            shard = features_key(job)
            keys[photo.name].append(shard)
            jobs.append((shard, job))
    unmade = make(context, "features", "features", jobs, work.extract, artefacts.pack_features)
    failed = {job.photo.name: NO_TIME for job in unmade.late}
    failed.update({job.photo.name: f"Finding {job.member} features failed: {error}" for job, error in unmade.failed})
    if unmade.late:
        context.notice(f"time limit: {len({job.photo.name for job in unmade.late})} photos were not looked at")
    lost = [SkippedPhoto(name, reason) for name, reason in failed.items()]
    kept = tuple(photo for photo in found.photos if photo.name not in failed)
    skipped = tuple(sorted([*found.skipped, *lost], key=lambda item: item.name))
    found = dataclasses.replace(found, photos=kept, skipped=skipped)
    return found, {photo.name: PhotoKeys(photo, tuple(keys[photo.name])) for photo in kept}


def features_key(job: work.FeaturesJob) -> str:
    """Return the key of the features that a job finds."""
    photo = job.photo
    made_from = (photo.sha256, photo.quarter_turns, photo.mirrored, photo.mask_sha256)
    looks = () if job.tiles == 1 and not job.more_sides_px else (job.more_sides_px, job.tiles)
    how = (job.max_keypoints, job.max_side_px, job.device, *looks)
    return key("features", made_from, how, identity(features.load(job.member)), library_versions())
