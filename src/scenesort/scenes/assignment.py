"""From models to scenes: every photo in one scene at most, leftovers where their matches point."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from scenesort.types import PosedPhoto, PosedScene, ViewGraph

MIN_WITNESSES = 2
"""Posed photos of a scene that must match a photo without a pose before it is called a member."""


def one_scene_a_photo(models: Iterable[PosedScene], min_photos: int) -> list[PosedScene]:
    """Settle photos that several models posed: the model in which a photo sees most points keeps it.

    Models left with fewer than `min_photos` photos are dissolved, the smallest first: their photos go back to the other
    models that posed them. Scenes come largest first, named `scene_01`, ….
    """
    left = list(models)
    while True:
        owned = _owned(left)
        weakest = min(range(len(left)), key=lambda index: len(owned[index]), default=None)
        if weakest is None or len(owned[weakest]) >= min_photos:
            break
        del left[weakest]
    kept = [_with_only(model, mine) for model, mine in zip(left, owned, strict=True)]
    kept.sort(key=lambda scene: (-len(scene.photos), [photo.name for photo in scene.photos]))
    return [dataclasses.replace(scene, name=f"scene_{rank:02d}") for rank, scene in enumerate(kept, start=1)]


def assign(
    scenes: Sequence[PosedScene], photos: Iterable[str], graph: ViewGraph, min_inliers: int
) -> tuple[list[PosedScene], list[str]]:
    """Give each photo without a pose to the scene it shares most verified inliers with, or call it an outlier.

    Only pairs of at least `min_inliers` inliers with the scene's posed photos count, and at least `MIN_WITNESSES` of
    them: strangers match one photo of a place by chance, and many photos a little. Returns the scenes with their
    unposed photos, and the names of the outliers, sorted.
    """
    scene_of = {photo.name: row for row, scene in enumerate(scenes) for photo in scene.photos}
    ties: dict[tuple[str, int], list[int]] = {}
    for (first, second), inliers in graph.edges.items():
        for lonely, other in ((first, second), (second, first)):
            if inliers >= min_inliers and lonely not in scene_of and other in scene_of:
                ties.setdefault((lonely, scene_of[other]), []).append(inliers)
    unposed: dict[int, list[str]] = {row: [] for row in range(len(scenes))}
    outliers = []
    for name in sorted(photos):
        if name in scene_of:
            continue
        found = {row: ties.get((name, row), []) for row in unposed}
        claims = [(sum(inliers), -row) for row, inliers in found.items() if len(inliers) >= MIN_WITNESSES]
        if claims:
            unposed[-max(claims)[1]].append(name)
        else:
            outliers.append(name)
    joined = [dataclasses.replace(scene, unposed=tuple(unposed[row])) for row, scene in enumerate(scenes)]
    return joined, outliers


def _owned(models: Sequence[PosedScene]) -> list[list[PosedPhoto]]:
    """Return the photos that each model keeps; of equal claims the earlier model's wins."""
    owner: dict[str, tuple[int, int]] = {}
    for index, model in enumerate(models):
        for photo in model.photos:
            claim = (len(photo.point_index), -index)
            if photo.name not in owner or claim > owner[photo.name]:
                owner[photo.name] = claim
    return [[photo for photo in model.photos if owner[photo.name][1] == -row] for row, model in enumerate(models)]


def without_poses(model: PosedScene, names: Collection[str]) -> PosedScene:
    """Take back the poses of some photos, and the points that fewer than two others see."""
    return _with_only(model, [photo for photo in model.photos if photo.name not in names])


def _with_only(model: PosedScene, mine: list[PosedPhoto]) -> PosedScene:
    """Keep some of a model's photos and the points that at least two of them see."""
    if len(mine) == len(model.photos):
        return model
    kept = dataclasses.replace(model, photos=tuple(mine)).photos_per_point >= 2
    new_index = np.cumsum(kept) - 1
    photos = []
    for photo in mine:
        rows = kept[photo.point_index]
        photos.append(
            dataclasses.replace(
                photo, keypoints_px=photo.keypoints_px[rows], point_index=new_index[photo.point_index[rows]]
            )
        )
    return dataclasses.replace(
        model,
        photos=tuple(photos),
        points_xyz=model.points_xyz[kept],
        points_rgb=model.points_rgb[kept],
        points_error_px=model.points_error_px[kept],
    )
