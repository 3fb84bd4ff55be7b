"""From scores to lists of pairs, best first, with a floor of pairs a photo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scenesort.types import Float32Array, Pair


@dataclass(frozen=True, slots=True)
class Shortlist:
    """Pairs worth matching, best first, with their scores."""

    pairs: tuple[Pair, ...]
    scores: tuple[float, ...]


def shortlist(names: tuple[str, ...], scores: Float32Array, pairs_per_photo: int) -> Shortlist:
    """Keep each photo's best partners: a pair stays when either photo ranks the other among its best `pairs_per_photo`.

    `scores`: (n, n) float32, only the part above the diagonal is read. So every photo keeps at least
    `min(pairs_per_photo, n - 1)` pairs. Of equal scores the earlier photo wins.
    """
    count = len(names)
    full = np.triu(scores, 1)
    full = full + full.T
    np.fill_diagonal(full, -np.inf)
    keep = np.zeros((count, count), dtype=bool)
    best = np.argsort(-full, axis=1, kind="stable")[:, : min(pairs_per_photo, max(count - 1, 0))]
    keep[np.arange(count)[:, None], best] = True
    keep |= keep.T
    rows, columns = np.nonzero(np.triu(keep, 1))
    order = np.lexsort((columns, rows, -full[rows, columns]))
    return Shortlist(
        pairs=tuple((names[rows[k]], names[columns[k]]) for k in order),
        scores=tuple(float(full[rows[k], columns[k]]) for k in order),
    )


def settled_photos(inliers: Mapping[Pair, int], strong_inliers: int, partners: int) -> frozenset[str]:
    """Return the photos with at least `partners` verified partners of `strong_inliers` inliers; none when that is 0."""
    if not partners:
        return frozenset()
    count = Counter(name for pair, found in inliers.items() if found >= strong_inliers for name in pair)
    return frozenset(name for name, strong in count.items() if strong >= partners)
