"""Growth of a view graph along verified pairs: which pairs to match next, asked for in rounds.

A round is propose → match → verify. Verified pairs tell more than descriptors do: two photos that see a third are
likely to see each other, and a component that the first round left alone is joined by the few best candidates that lead
out of it. The rounds end by themselves: what was tried is never proposed again, and two components that several tries
could not join are let be.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from scenesort.retrieval.index_exact import RowArray
from scenesort.types import Float32Array


@dataclass(frozen=True, slots=True)
class GrowthOptions:
    """How a view graph grows.

    `pairs_per_photo`: most neighbours of neighbours that a photo adds in a round. `bridges`: pairs tried in a round
    between two components. `failed_bridges`: tries that failed after which two components are left apart.
    """

    pairs_per_photo: int = 5
    bridges: int = 3
    failed_bridges: int = 9


Scored = dict[tuple[int, int], tuple[float, float]]
"""Candidates with what they are ranked by, the larger the better."""


def next_pairs(
    num_photos: int,
    verified: RowArray,
    tried: RowArray,
    candidates: RowArray,
    scores: Float32Array,
    budget: int,
    options: GrowthOptions | None = None,
) -> RowArray:
    """Return the pairs (m, 2) int64 of the next round, the smaller row first, best first, m ≤ `budget`.

    `verified`: (v, 2) pairs with verified geometry. `tried`: (t, 2) pairs matched so far, verified or not; `verified`
    pairs count as tried in any case. `candidates`: (c, 2) proposed pairs, tried or not, with their `scores` (c,).
    Half of the budget goes to bridges between components, which are candidates, and half to neighbours of neighbours,
    ranked by how many verified partners they share; what one side leaves the other takes. An empty answer says that
    nothing is left to try. The order of the pairs given doesn't matter.
    """
    options = options or GrowthOptions()
    verified_pairs = _pair_set(verified)
    tried_pairs = _pair_set(tried) | verified_pairs
    similarity = _similarities(candidates, scores)
    component = _components(num_photos, verified_pairs)
    bridges = _ranked(_bridges(similarity, component, tried_pairs, verified_pairs, options))
    inner = _ranked(_second_neighbours(num_photos, verified_pairs, tried_pairs, similarity, options.pairs_per_photo))
    for_bridges = max(min(len(bridges), budget // 2), budget - len(inner))
    chosen = [*bridges[:for_bridges], *inner][: max(budget, 0)]
    return np.array(chosen, dtype=np.int64).reshape(-1, 2)


def shared_strength(
    num_photos: int, verified: RowArray, inliers: RowArray, tried: RowArray, per_photo: int
) -> tuple[RowArray, Float32Array]:
    """Find untried pairs of photos that see a third one, and how strongly they do.

    `verified`: (v, 2) pairs with their `inliers` (v,). The strength of a pair is the sum, over all third photos, of the
    smaller of the two numbers of inliers: matches that both may have in common. Returns pairs (m, 2), the smaller row
    first, and strengths (m,) float32: each photo's strongest `per_photo`, without the `tried` (t, 2).
    """
    both = np.concatenate([verified, verified[:, ::-1]])
    weight = np.tile(inliers, 2).astype(np.float64)
    order = np.lexsort((both[:, 1], both[:, 0]))
    both, weight = both[order], weight[order]
    starts = np.searchsorted(both[:, 0], np.arange(num_photos + 1))
    known = _pair_set(tried)
    found: dict[tuple[int, int], float] = {}
    for photo in range(num_photos):
        first = slice(starts[photo], starts[photo + 1])
        if first.start == first.stop:
            continue
        partners = zip(both[first, 1].tolist(), weight[first].tolist(), strict=True)
        seconds = [(slice(starts[partner], starts[partner + 1]), most) for partner, most in partners]
        others, place = np.unique(np.concatenate([both[second, 1] for second, _ in seconds]), return_inverse=True)
        shared = np.concatenate([np.minimum(weight[second], most) for second, most in seconds])
        strength = np.bincount(place, weights=shared)
        left = per_photo
        for number in np.argsort(-strength, kind="stable").tolist():
            other = int(others[number])
            if not left:
                break
            if other != photo and (pair := _pair(photo, other)) not in known:
                found[pair] = float(strength[number])
                left -= 1
    pairs = np.array(sorted(found), dtype=np.int64).reshape(-1, 2)
    return pairs, np.array([found[first, second] for first, second in pairs.tolist()], dtype=np.float32)


def is_worthwhile(num_matched: int, num_verified: int, least_share: float = 0.05) -> bool:
    """Tell whether a round verified enough of what it matched for another one to be worth its time."""
    return num_matched > 0 and num_verified >= max(1.0, least_share * num_matched)


def _second_neighbours(
    count: int,
    verified: set[tuple[int, int]],
    tried: set[tuple[int, int]],
    similarity: dict[tuple[int, int], float],
    per_photo: int,
) -> Scored:
    """Untried pairs whose photos share verified partners; each photo's best few."""
    edges = np.array(sorted(verified), dtype=np.int64).reshape(-1, 2)
    both = np.concatenate([edges, edges[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    starts = np.searchsorted(both[:, 0], np.arange(count + 1))
    partners = [both[starts[photo] : starts[photo + 1], 1] for photo in range(count)]
    found: Scored = {}
    for photo in range(count):
        if not len(partners[photo]):
            continue
        thirds, times = np.unique(
            np.concatenate([partners[partner] for partner in partners[photo].tolist()]), return_counts=True
        )
        scored: Scored = {}
        left = per_photo
        # The most shared partners first, and no more of them than can be among the best.
        for shared in np.unique(times)[::-1].tolist():
            level = [_pair(photo, third) for third in thirds[times == shared].tolist() if third != photo]
            fresh = {pair: (float(shared), similarity.get(pair, -1.0)) for pair in level if pair not in tried}
            scored |= fresh
            left -= len(fresh)
            if left <= 0:
                break
        found.update((pair, scored[pair]) for pair in _ranked(scored)[:per_photo])
    return found


def _bridges(
    similarity: dict[tuple[int, int], float],
    component: list[int],
    tried: set[tuple[int, int]],
    verified: set[tuple[int, int]],
    options: GrowthOptions,
) -> Scored:
    """Untried candidates in different components: the best few of each two components."""
    failed = Counter(_pair(component[first], component[second]) for first, second in tried - verified)
    between: dict[tuple[int, int], list[tuple[float, tuple[int, int]]]] = {}
    for (first, second), score in similarity.items():
        ends = _pair(component[first], component[second])
        if ends[0] != ends[1] and (first, second) not in tried:
            between.setdefault(ends, []).append((-score, (first, second)))
    found: Scored = {}
    for ends, candidates in between.items():
        allowed = max(0, min(options.bridges, options.failed_bridges - failed[ends]))
        for rank, (score, pair) in enumerate(sorted(candidates)[:allowed]):
            # The best pair of every two components comes before the second-best of any.
            found[pair] = (float(-rank), -score)
    return found


def _ranked(scored: Scored) -> list[tuple[int, int]]:
    return sorted(scored, key=lambda pair: (-scored[pair][0], -scored[pair][1], pair))


def _components(count: int, pairs: set[tuple[int, int]]) -> list[int]:
    """The least row of each photo's component."""
    parent = list(range(count))

    def root(photo: int) -> int:
        while parent[photo] != photo:
            parent[photo] = parent[parent[photo]]
            photo = parent[photo]
        return photo

    for first, second in pairs:
        a, b = root(first), root(second)
        parent[max(a, b)] = min(a, b)
    return [root(photo) for photo in range(count)]


def _similarities(candidates: RowArray, scores: Float32Array) -> dict[tuple[int, int], float]:
    found: dict[tuple[int, int], float] = {}
    for (first, second), value in zip(candidates.tolist(), scores.tolist(), strict=True):
        pair = _pair(first, second)
        if first != second:
            found[pair] = max(value, found.get(pair, value))
    return found


def _pair_set(pairs: RowArray) -> set[tuple[int, int]]:
    return {_pair(first, second) for first, second in pairs.reshape(-1, 2).tolist() if first != second}


def _pair(first: int, second: int) -> tuple[int, int]:
    return (first, second) if first < second else (second, first)
