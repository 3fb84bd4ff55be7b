"""From models to scenes: every photo in one scene at most, leftovers where their matches point."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from scenesort.scenes.edge_confidence import trusted
from scenesort.scenes.view_graph import build_view_graph, connected_parts
from scenesort.types import Pair, PosedPhoto, PosedScene, ViewGraph

MIN_SUPPORT = 2
"""Times the fewest inliers of a pair that a photo without a pose needs, with all its pairs, to be called a member."""


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

    Only pairs of at least `min_inliers` inliers count, and a photo's pairs with a scene need `MIN_SUPPORT` times as
    many together: strangers match one photo of a place by chance, and many photos a little. Photos that have joined
    bring others, but none joins a scene that it has a doubted pair with (confidence 0: look-alikes). Those left that
    are tied so among themselves are places that no model was made of: scenes without poses, last. Returns the scenes
    with their unposed photos, and the names of the outliers, sorted.
    """
    scene_of = {photo.name: row for row, scene in enumerate(scenes) for photo in scene.photos}
    lonely = sorted(set(photos) - set(scene_of))
    strong = {pair: inliers for pair, inliers in trusted(graph).edges.items() if inliers >= min_inliers}
    doubted = [pair for pair in graph.edges if graph.confidence.get(pair) == 0.0]
    needed = MIN_SUPPORT * min_inliers
    _join(lonely, strong, doubted, scene_of, needed)
    joined = list(scenes)
    left = set(lonely) - set(scene_of)
    among = {pair: inliers for pair, inliers in strong.items() if inliers >= needed and left.issuperset(pair)}
    for group in connected_parts(build_view_graph(left, among), min_photos=2):
        scene_of |= dict.fromkeys(group, len(joined))
        joined.append(scene_without_model(f"scene_{len(joined) + 1:02d}"))
    _join(lonely, strong, doubted, scene_of, needed)
    unposed: list[list[str]] = [[] for _ in joined]
    for name in lonely:
        if name in scene_of:
            unposed[scene_of[name]].append(name)
    joined = [dataclasses.replace(scene, unposed=tuple(names)) for scene, names in zip(joined, unposed, strict=True)]
    return joined, [name for name in lonely if name not in scene_of]


def _join(
    lonely: Sequence[str], strong: Mapping[Pair, int], doubted: Sequence[Pair], scene_of: dict[str, int], needed: int
) -> None:
    """Let photos join the scenes of their partners, round by round; of equal claims the earlier scene's wins."""
    while True:
        support = {name: Counter[int]() for name in lonely if name not in scene_of}
        for (first, second), inliers in strong.items():
            for name, other in ((first, second), (second, first)):
                if name in support and other in scene_of:
                    support[name][scene_of[other]] += inliers
        for first, second in doubted:
            for name, other in ((first, second), (second, first)):
                if name in support and other in scene_of:
                    support[name].pop(scene_of[other], None)
        claims = {
            name: max((inliers, -row) for row, inliers in found.items()) for name, found in support.items() if found
        }
        won = {name: -row for name, (inliers, row) in claims.items() if inliers >= needed}
        if not won:
            return
        scene_of |= won


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
