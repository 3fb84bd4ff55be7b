"""From models to scenes: every photo in one scene at most, leftovers where their matches point."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from scenesort.scenes.edge_confidence import trusted
from scenesort.scenes.likeness import SceneLooks
from scenesort.scenes.view_graph import build_view_graph, connected_parts
from scenesort.types import Float32Array, Pair, PosedPhoto, PosedScene, ViewGraph

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
    scenes: Sequence[PosedScene],
    photos: Iterable[str],
    graph: ViewGraph,
    min_inliers: int,
    min_alike_inliers: int = 0,
    looks: Mapping[str, Float32Array] | None = None,
) -> tuple[list[PosedScene], list[str]]:
    """Give each photo without a pose to the scene it shares most verified inliers with, or call it an outlier.

    Only pairs of at least `min_inliers` inliers count, and a photo's pairs with a scene need `MIN_SUPPORT` times as
    many together: strangers match one photo of a place by chance, and many photos a little. With fewer, but
    `MIN_SUPPORT` times `min_alike_inliers` in any pairs, a photo joins a scene if it looks like its posed photos, too
    (`SceneLooks`); `looks`: global descriptors (d,) of the photos that have one. Photos that have joined bring
    others, but none joins a scene that it has doubted pairs with (confidence 0: look-alikes) of as many inliers as the
    others. Those left that are tied so among themselves are places that no model was made of: scenes without poses,
    last. Returns the scenes with their unposed photos, and the names of the outliers, sorted.
    """
    scene_of = {photo.name: row for row, scene in enumerate(scenes) for photo in scene.photos}
    lonely = sorted(set(photos) - set(scene_of))
    ties = _Ties(scenes, graph, min_inliers, min_alike_inliers, looks or {})
    ties.join(lonely, scene_of)
    joined = list(scenes)
    left = set(lonely) - set(scene_of)
    among = {
        pair: inliers for pair, inliers in ties.trusted.items() if inliers >= ties.needed and left.issuperset(pair)
    }
    for group in connected_parts(build_view_graph(left, among), min_photos=2):
        scene_of |= dict.fromkeys(group, len(joined))
        joined.append(scene_without_model(f"scene_{len(joined) + 1:02d}"))
    ties.join(lonely, scene_of)
    unposed: list[list[str]] = [[] for _ in joined]
    for name in lonely:
        if name in scene_of:
            unposed[scene_of[name]].append(name)
    joined = [dataclasses.replace(scene, unposed=tuple(names)) for scene, names in zip(joined, unposed, strict=True)]
    return joined, [name for name in lonely if name not in scene_of]


class _Ties:
    """What ties photos without a pose to scenes: verified inliers, and how the photos look."""

    def __init__(
        self,
        scenes: Sequence[PosedScene],
        graph: ViewGraph,
        min_inliers: int,
        min_alike_inliers: int,
        looks: Mapping[str, Float32Array],
    ) -> None:
        self.trusted = trusted(graph).edges
        self.needed = MIN_SUPPORT * min_inliers
        self._strong = {pair: inliers for pair, inliers in self.trusted.items() if inliers >= min_inliers}
        self._doubted = {pair: inliers for pair, inliers in graph.edges.items() if graph.confidence.get(pair) == 0.0}
        self._needed_if_alike = MIN_SUPPORT * min_alike_inliers
        self._looks = looks
        # Photos that joined don't widen what the scene looks like.
        self._scene_looks = SceneLooks(
            {
                row: [looks[photo.name] for photo in scene.photos if photo.name in looks]
                for row, scene in enumerate(scenes)
            }
        )

    def join(self, lonely: Sequence[str], scene_of: dict[str, int]) -> None:
        """Let photos join the scenes of their partners, round by round; of equal claims the earlier scene's wins.

        Photos that look alike join when nobody else does any more.
        """
        while True:
            left = [name for name in lonely if name not in scene_of]
            doubted = _support(left, self._doubted, scene_of)
            sums = _support(left, self.trusted, scene_of)
            clear = {name: {row for row in sums[name] if sums[name][row] > doubted[name][row]} for name in left}
            won = _won(_support(left, self._strong, scene_of), clear, self.needed)
            if not won and self._looks:
                won = _won(sums, self._alike(clear), self._needed_if_alike)
            if not won:
                return
            scene_of |= won

    def _alike(self, clear: Mapping[str, set[int]]) -> dict[str, set[int]]:
        """The scenes that each photo looks like, of those that are clear."""
        return {
            name: {row for row in rows if self._scene_looks.fits(self._looks[name], row)}
            for name, rows in clear.items()
            if name in self._looks
        }


def _support(names: Iterable[str], edges: Mapping[Pair, int], scene_of: Mapping[str, int]) -> dict[str, Counter[int]]:
    """Inliers of each photo with each scene."""
    support = {name: Counter[int]() for name in names}
    for (first, second), inliers in edges.items():
        for name, other in ((first, second), (second, first)):
            if name in support and other in scene_of:
                support[name][scene_of[other]] += inliers
    return support


def _won(support: Mapping[str, Counter[int]], allowed: Mapping[str, set[int]], needed: int) -> dict[str, int]:
    """The scene of each photo that has as many inliers as needed with one that is allowed: that of most."""
    claims = {
        name: max(((inliers, -row) for row, inliers in found.items() if row in allowed.get(name, ())), default=(0, 0))
        for name, found in support.items()
    }
    return {name: -row for name, (inliers, row) in claims.items() if inliers >= max(needed, 1)}


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
