"""From models to scenes: every photo in one scene at most, leftovers where their matches point."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from scenesort.scenes.ties import Ties
from scenesort.types import PosedPhoto, PosedScene


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


def assign(scenes: Sequence[PosedScene], photos: Iterable[str], ties: Ties) -> tuple[list[PosedScene], list[str]]:
    """Give each photo without a pose to the scene it is tied to most, or call it an outlier.

    Strangers match one photo of a place by chance, and many photos a little, so ties need many inliers, or fewer and
    the looks of the scene (`Ties`). Photos that have joined bring others. Those left that are tied so among themselves
    are places that no model was made of: scenes without poses, last. Returns the scenes with their unposed photos, and
    the names of the outliers, sorted.
    """
    scene_of = rows_of_posed(scenes)
    lonely = sorted(set(photos) - set(scene_of))
    ties.join(lonely, scene_of)
    joined = list(scenes)
    for group in ties.groups([name for name in lonely if name not in scene_of]):
        if len(group) > 1:
            scene_of |= dict.fromkeys(group, len(joined))
            joined.append(scene_without_model(f"scene_{len(joined) + 1:02d}"))
    ties.join(lonely, scene_of)
    unposed: list[list[str]] = [[] for _ in joined]
    for name in lonely:
        if name in scene_of:
            unposed[scene_of[name]].append(name)
    joined = [dataclasses.replace(scene, unposed=tuple(names)) for scene, names in zip(joined, unposed, strict=True)]
    return joined, [name for name in lonely if name not in scene_of]


def rows_of_posed(scenes: Sequence[PosedScene]) -> dict[str, int]:
    """Map each posed photo to the row of its scene."""
    return {photo.name: row for row, scene in enumerate(scenes) for photo in scene.photos}


def scene_without_model(name: str, unposed: Sequence[str] = ()) -> PosedScene:
    """Return a scene of photos that belong together and have no poses."""
    return PosedScene(name, (), np.zeros((0, 3)), np.zeros((0, 3), np.uint8), np.zeros(0), tuple(unposed))


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
