"""The work of a run as files of other tools: hloc's features and matches, pairs as text, COLMAP's database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scenesort import export, work
from scenesort.colmap import write_database
from scenesort.steps.common import Context, VerifiedPairs, load_geometries
from scenesort.types import MappingPhoto
from scenesort.work import PhotoKeys


def assemble(context: Context, sides: Mapping[str, PhotoKeys], verified: VerifiedPairs) -> None:
    """Write `work/features.h5`, `matches.h5`, `pairs.txt` and `database.db` from the run's artefacts.

    They hold all members' keypoints of every photo, in frame pixels, and the verified pairs with their inliers.
    """
    workspace = context.workspace
    store = workspace.shard_root
    names = sorted(sides)
    with context.progress.stage("assembling", 4, context.stages) as stage:
        keypoints = ((name, work.frame_keypoints(store, sides[name])) for name in names)
        workspace.write_file("work/features.h5", lambda path: export.write_features(path, keypoints))
        stage.skip(1)
        counted = (
            (geometry, work.keypoint_starts(store, sides[geometry.pair[0]].features)[-1])
            for geometry in load_geometries(context, verified.where)
        )
        workspace.write_file("work/matches.h5", lambda path: export.write_matches(path, counted))
        stage.skip(1)
        workspace.write_file("work/pairs.txt", lambda path: export.write_pairs(path, sorted(verified.where)))
        stage.skip(1)
        photos = [
            MappingPhoto(name, side.photo.camera_group, side.photo.camera, work.frame_keypoints(store, side))
            for name, side in sorted(sides.items())
        ]
        geometries = sorted(load_geometries(context, verified.where), key=lambda geometry: geometry.pair)

        def database(path: Path) -> None:
            write_database(path, photos, geometries)

        workspace.write_file("work/database.db", database)
        stage.skip(1)
