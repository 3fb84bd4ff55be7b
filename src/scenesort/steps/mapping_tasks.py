"""What the mapper gets: the photos of a part, the keypoints that verified pairs use, and those pairs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scenesort import mapping, work
from scenesort.config import PoseModelsOptions
from scenesort.mapping import MappingTask, pose_models
from scenesort.steps.common import Context, VerifiedPairs, load_geometries
from scenesort.types import FloatArray, MappingPhoto, Photo
from scenesort.versions import library_versions
from scenesort.work import PhotoKeys
from scenesort.workspace import key


def mapping_photo(photo: Photo, keypoints_px: FloatArray) -> MappingPhoto:
    """A photo with keypoints (n, 2) in frame pixels."""
    return MappingPhoto(photo.name, photo.camera_group, photo.camera, keypoints_px, photo.taken_at_s)


def task_key(task: MappingTask, photos: Sequence[Photo]) -> str:
    """The key of a task's models: everything that the mapper sees, but not how long it may take.

    `photos` are the task's, whose pixels count where a pose model looks at them. How many photos memory lets it see at
    once doesn't count: models made on another machine are as good.
    """
    used = mapping.used_pose_models(task.mapping)
    # The incremental mapper goes on from a pose model's poses, and from joined models.
    goes_on = ("incremental",) if task.mapping.start_with or task.mapping.merge_models else ()
    names = (task.mapping.backend, task.mapping.start_with, *goes_on, task.mapping.compare_with)
    mappers = [mapping.load(name) for name in names if name]
    options = task.pose_models if used else PoseModelsOptions()
    what = {
        "photos": task.photos,
        "geometries": task.geometries,
        "mapping": dataclasses.replace(task.mapping, timeout_s=0.0, share_cameras="", tries=1, tries_photos=0),
        "min_photos": task.scenes.min_photos,
        "verification": task.verification,
        "seed": task.seed,
        "attempt": task.attempt,
        "trial": task.trial,
        # Accepting a licence changes no pose.
        "pose_models": dataclasses.replace(options, accept_licence=False),
        "models": [pose_models.identity(name, mapping.model_options(options, task.seed)) for name in used],
        "pixels": [(photo.sha256, photo.quarter_turns, photo.mirrored) for photo in photos] if used else [],
    }
    return key("models", what, [(member.name, member.version) for member in mappers], library_versions())


def mapping_task(
    context: Context, sides: Mapping[str, PhotoKeys], verified: VerifiedPairs, part: Sequence[str]
) -> MappingTask:
    """Collect what the mapper needs; only keypoints that some verified pair uses go along."""
    inside = set(part)
    geometries = list(
        load_geometries(context, {pair: spot for pair, spot in verified.where.items() if inside >= set(pair)})
    )
    geometries.sort(key=lambda geometry: geometry.pair)
    used: dict[str, list[Any]] = {name: [np.zeros(0, dtype=np.uint32)] for name in part}
    for geometry in geometries:
        for side, name in enumerate(geometry.pair):
            used[name].append(geometry.inlier_matches[:, side])
    kept = {name: np.unique(np.concatenate(indices)) for name, indices in used.items()}
    store = context.workspace.shard_root
    chosen = tuple(
        mapping_photo(sides[name].photo, work.frame_keypoints(store, sides[name])[kept[name]]) for name in part
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
    return MappingTask(
        chosen,
        compact,
        options.mapping,
        options.scenes,
        options.verification,
        options.seed,
        pose_models=options.pose_models,
    )
