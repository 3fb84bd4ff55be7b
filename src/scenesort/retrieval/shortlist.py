"""From scored pairs to those that are matched, best first, with a floor of pairs a photo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesort.retrieval.groups import groups_first
from scenesort.retrieval.index_exact import RowArray
from scenesort.types import Float32Array, Pair


@dataclass(frozen=True, slots=True)
class ScoredPairs:
    """Proposed pairs of a collection with what they are ranked by, no pair twice.

    `names`: (n,) names of all photos, sorted. `pairs`: (m, 2) int64 rows of `names`, the smaller first. `scores`: (m,)
    float32, the larger the likelier an overlap. `always`: (m,) bool, whether a pair is matched whatever its rank.
    `first_group`: (n,) int64 groups whose inner pairs come before all others, -1 for none; None without such groups.
    """

    names: tuple[str, ...]
    pairs: RowArray
    scores: Float32Array
    always: NDArray[np.bool_]
    first_group: RowArray | None = None

    def __len__(self) -> int:
        return len(self.pairs)

    def with_more(self, pairs: RowArray, scores: Float32Array) -> ScoredPairs:
        """Return these pairs and further ones, none of which is among them."""
        return ScoredPairs(
            self.names,
            np.concatenate([self.pairs, pairs]),
            np.concatenate([self.scores, scores]),
            np.concatenate([self.always, np.zeros(len(pairs), dtype=bool)]),
            self.first_group,
        )

    @property
    def merit(self) -> Float32Array:
        """What pairs are ranked by, (m,) float32: the scores, raised above all others within a first group."""
        if self.first_group is None:
            return self.scores
        raised = groups_first(self.pairs, self.first_group) * (self.scores.max(initial=0) + 1)
        merit: Float32Array = (self.scores + raised).astype(np.float32)
        return merit


def shortlist(scored: ScoredPairs, pairs_per_photo: int) -> list[Pair]:
    """Return each photo's best partners as pairs of names, best first.

    A pair stays when either photo ranks the other among its best `pairs_per_photo`, so every photo keeps at least that
    many pairs, or all it is in; `always` pairs stay in any case. Of equal scores the earlier photo wins.
    """
    merit = scored.merit
    order = np.lexsort((scored.pairs[:, 1], scored.pairs[:, 0], -merit))
    pairs = scored.pairs[order]
    kept = scored.always[order] | (ranks(pairs, merit[order]) < pairs_per_photo).any(axis=1)
    return [(scored.names[first], scored.names[second]) for first, second in pairs[kept].tolist()]


def ranks(pairs: RowArray, scores: Float32Array) -> RowArray:
    """Return the place (m, 2) of each pair (m, 2) among the pairs of its first and of its second photo; 0 is the best.

    Of equal scores the pair whose other photo has the smaller row comes first.
    """
    count = len(pairs)
    photo = pairs.T.ravel()
    order = np.lexsort((pairs[:, ::-1].T.ravel(), -np.tile(scores, 2), photo))
    starts = np.searchsorted(photo[order], photo[order])
    places = np.empty(2 * count, dtype=np.int64)
    places[order] = np.arange(2 * count) - starts
    return places.reshape(2, count).T


def settled_photos(inliers: Mapping[Pair, int], strong_inliers: int, partners: int) -> frozenset[str]:
    """Return the photos with at least `partners` verified partners of `strong_inliers` inliers; none when that is 0."""
    if not partners:
        return frozenset()
    count = Counter(name for pair, found in inliers.items() if found >= strong_inliers for name in pair)
    return frozenset(name for name, strong in count.items() if strong >= partners)
