"""Whether a photo looks like those of a scene, by global descriptors: tells members with few matches from strangers.

A stranger has a few dozen verified inliers with a place by chance, or by columns and windows that all places have; a
member may have no more, from far off or aside. But a member looks as much like another photo of the place as those do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from scenesort.scenes.edge_confidence import trusted
from scenesort.types import Float32Array, PosedScene, ViewGraph

LEAST_MEMBERS, MOST_MEMBERS = 3, 1000
"""Fewest photos of a scene that tell how it looks, and most that tell how much they look alike, evenly spread."""
LONELIEST_SHARE = 0.25
"""A photo must be as near to one of a scene's as each of these is to another, or as the photos of all scenes are, but
for this share of them: the loneliest of a few are no measure."""


class SceneLooks:
    """How the photos of scenes look: `members`, for each scene, global descriptors (d,), of unit length or zero."""

    def __init__(self, members: Mapping[int, Sequence[Float32Array]]) -> None:
        known = {scene: np.array([look for look in looks if look.any()]) for scene, looks in members.items()}
        self._known = {scene: looks for scene, looks in known.items() if len(looks) >= LEAST_MEMBERS}
        nearest = {scene: _nearest(looks) for scene, looks in self._known.items()}
        usual = _least(np.concatenate(list(nearest.values()))) if nearest else np.inf
        self._least = {scene: min(_least(values), usual) for scene, values in nearest.items()}

    def fits(self, look: Float32Array, scene: int) -> bool:
        """Whether a photo, by its descriptor (d,), looks like one of the scene; never if too little is known."""
        return bool(scene in self._known and look.any() and np.max(self._known[scene] @ look) >= self._least[scene])


def _nearest(looks: Float32Array) -> Float32Array:
    """Similarity of photos of a scene to the one nearest to them."""
    rows = np.unique(np.linspace(0, len(looks) - 1, min(len(looks), MOST_MEMBERS)).astype(np.int64))
    similarity = looks[rows] @ looks.T
    similarity[np.arange(len(rows)), rows] = -np.inf
    nearest: Float32Array = similarity.max(axis=1)
    return nearest


def _least(nearest: Float32Array) -> float:
    return float(np.quantile(nearest, LONELIEST_SHARE))


def worth_a_look(scenes: Iterable[PosedScene], graph: ViewGraph) -> set[str]:
    """Names of the photos whose looks tell something: those without a pose, and posed ones of scenes they match."""
    row_of = {photo.name: row for row, scene in enumerate(scenes) for photo in scene.photos}
    lonely, rows = set[str](), set[int]()
    for pair in trusted(graph).edges:
        without = {name for name in pair if name not in row_of}
        lonely |= without
        if len(without) == 1:
            rows |= {row_of[name] for name in pair if name in row_of}
    return (lonely | {name for name, row in row_of.items() if row in rows}) if rows else set()
