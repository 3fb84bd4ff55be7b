"""Whether a photo looks like those of a scene, by global descriptors: tells members with few matches from strangers.

A stranger has a few dozen verified inliers with a place by chance, or by columns and windows that all places have; a
member may have no more, from far off or aside. But a member looks as much like another photo of the place as those do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scenesort.types import Float32Array

LEAST_MEMBERS, MOST_MEMBERS = 3, 1000
"""Fewest photos of a scene that tell how it looks, and most that tell how much they look alike, evenly spread."""
FENCE = 1.5
"""A photo is as near to one of a scene's photos as these are to each other unless it lies so many times the distance of
the quartiles below the lower one: Tukey's fence (Exploratory Data Analysis, 1977)."""
FEW_MEMBERS = 10
"""Fewer photos may be all but the same by chance: they ask for no more than the median scene does."""


class SceneLooks:
    """How the photos of scenes look: `members`, for each scene, global descriptors (d,), of unit length or zero."""

    def __init__(self, members: Mapping[int, Sequence[Float32Array]]) -> None:
        known = {scene: np.array([look for look in looks if look.any()]) for scene, looks in members.items()}
        self._known = {scene: looks for scene, looks in known.items() if len(looks) >= LEAST_MEMBERS}
        self._least = {scene: _fence(looks) for scene, looks in self._known.items()}
        median = float(np.median(list(self._least.values()))) if self._least else 0.0
        for scene, looks in self._known.items():
            if len(looks) < FEW_MEMBERS:
                self._least[scene] = min(self._least[scene], median)

    def fits(self, look: Float32Array, scene: int) -> bool:
        """Whether a photo, by its descriptor (d,), looks like one of the scene; never if too little is known."""
        return bool(scene in self._known and look.any() and np.max(self._known[scene] @ look) >= self._least[scene])


def _fence(looks: Float32Array) -> float:
    """Least similarity to the nearest other photo of a scene that is usual in it."""
    rows = np.unique(np.linspace(0, len(looks) - 1, min(len(looks), MOST_MEMBERS)).astype(np.int64))
    similarity = looks[rows] @ looks.T
    similarity[np.arange(len(rows)), rows] = -np.inf
    low, high = np.quantile(similarity.max(axis=1), (0.25, 0.75))
    return float(low - FENCE * (high - low))
