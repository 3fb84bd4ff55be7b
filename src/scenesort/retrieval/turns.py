"""Turns: which photos lie turned against their neighbours, by how many quarter turns, from screening scores.

Learned descriptors know a place the right way up alone, so of two photos' four relative turns one matches. Photos that
already agree as they lie form a group. A few photos of each group but the largest are compared in their three other
turns, too: clear winners are votes, weighed by their margin, and groups join in the turn that the votes agree on, the
surest first. That a photo lies as it should weighs, too. All turns are clockwise.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from scenesort.retrieval.index_exact import RowArray
from scenesort.types import FloatArray

SIDE_PX = 512
"""Longer side at which photos are described: enough to recognise a neighbour, at a quarter of the cost of 1,024."""
KEYPOINTS = 512
"""Best keypoints compared."""
PARTNERS = 128
"""Most partners that a photo is compared with, so that cost grows with the number of photos and not with its square."""
STRONG_SHARE = 0.25
"""Share of the keypoints with a similar mutual neighbour where photos agree as they lie; by chance it is below 0.1."""
REPRESENTATIVES = 8
"""Most photos of a group that are tried in other turns."""
MIN_VOTE = 3.0
"""Standard deviations between the best turn and the next that make a vote."""
MIN_LEAD = 5.0
"""Standard deviations between the votes for a turn, put together, and those for the next that make groups join …"""
MIN_RATIO = 2.0
"""… and how many times as much they must weigh."""
UPRIGHT_WEIGHT = 6.0
"""What each photo of the smaller side but the first, whom the lead is for, weighs for staying as it lies: one photo in
twenty lies turned. Votes of places that have nothing in common are weak and many, and would turn whole places."""

Tallies = dict[tuple[int, int], FloatArray]
"""The votes on pairs of groups (a, b), a < b: weights (4,) of "b needs so many more turns than a"."""


def close_pairs(count: int) -> RowArray:
    """Return the pairs (p, 2), the smaller index first, of each photo with its nearest `PARTNERS` in a ring of all.

    Up to `PARTNERS` + 1 photos these are all pairs; above, photos taken together usually have names close together.
    """
    if count <= PARTNERS + 1:
        return np.stack(np.triu_indices(count, 1), axis=1)
    first = np.repeat(np.arange(count), PARTNERS // 2)
    second = (first + np.tile(np.arange(1, PARTNERS // 2 + 1), count)) % count
    return np.sort(np.stack([first, second], axis=1), axis=1)


def agreeing_groups(count: int, pairs: RowArray, scores: FloatArray) -> list[list[int]]:
    """Group the photos that agree as they lie, the largest group first; `scores` (p,) of `pairs` in their own turns."""
    group_of = [[photo] for photo in range(count)]
    for a, b in pairs[scores >= STRONG_SHARE * KEYPOINTS].tolist():
        if group_of[a] is not group_of[b]:
            joining = group_of[b]
            group_of[a].extend(joining)
            for photo in joining:
                group_of[photo] = group_of[a]
    groups = {id(group): sorted(group) for group in group_of}
    return sorted(groups.values(), key=lambda group: (-len(group), group[0]))


def photos_to_try(groups: Sequence[Sequence[int]]) -> list[int]:
    """Return the photos to be described in other turns too: some of each group but the largest, evenly spread."""
    tried = []
    for group in groups[1:]:
        step = max(1.0, len(group) / REPRESENTATIVES)
        tried += [group[int(place * step)] for place in range(min(len(group), REPRESENTATIVES))]
    return sorted(tried)


def margins(counts: FloatArray) -> FloatArray:
    """Return by how many standard deviations the best of each pair's counts (p, 4) leads the next, (p,).

    Of two counts with the same expectation the difference has the variance of their sum (Poisson).
    """
    second, best = np.sort(counts, axis=1)[:, 2:].T
    lead: FloatArray = (best - second) / np.sqrt(np.maximum(best + second, 1.0))
    return lead


def tally_votes(group_of: Sequence[int], pairs: RowArray, counts: FloatArray) -> Tallies:
    """Add up the votes on pairs of groups; a vote weighs its margin squared, as the log of a likelihood does.

    `group_of`: each photo's group. `counts` (p, 4) of pairs (p, 2): scores of the first photo with 0 … 3 turns added
    and the second as it lies, nan where not compared. So the best turn is what the first needs more than the second.
    """
    tallies: Tallies = {}
    leads = margins(counts)
    for row in np.flatnonzero(leads >= MIN_VOTE):
        first, second = (group_of[photo] for photo in pairs[row])
        turn = int(counts[row].argmax())
        if first != second:
            pair, turn = ((second, first), turn) if second < first else ((first, second), -turn % 4)
            tallies.setdefault(pair, np.zeros(4))[turn] += leads[row] ** 2
    return tallies


def needed_turns(sizes: Sequence[int], anchors: Sequence[int], tallies: Tallies) -> list[int]:
    """Return the turns, 0 … 3, that each group needs to agree with its neighbours.

    `sizes` are the groups' numbers of photos, `anchors` how many of these know their upright. Of all groups that join,
    as many anchors, then as many photos as possible stay as they are.
    """
    turns, parts = _join(sizes, tallies)
    for part in parts:
        staying = [
            tuple(sum(weights[node] for node in part if (turns[node] + more) % 4 == 0) for weights in (anchors, sizes))
            for more in range(4)
        ]
        more = staying.index(max(staying))
        for node in part:
            turns[node] = (turns[node] + more) % 4
    return turns


def _join(sizes: Sequence[int], tallies: Tallies) -> tuple[list[int], list[list[int]]]:
    """Join groups, the surest first, and return their turns against each other and the parts that they form.

    This is agglomeration: votes between parts add up, so that several weak ones can join what no single one does.
    """
    turns = [0] * len(sizes)
    parts = {node: [node] for node in range(len(sizes))}
    num_photos = list(sizes)
    # towards[a][b]: weights (4,) of "a needs so many more turns than b", as both lie at the moment.
    towards: dict[int, dict[int, FloatArray]] = {node: {} for node in range(len(sizes))}
    queue: list[tuple[float, int, int]] = []

    def weighed(a: int, b: int) -> FloatArray:
        weights: FloatArray = towards[a][b] + [UPRIGHT_WEIGHT * (min(num_photos[a], num_photos[b]) - 1), 0, 0, 0]
        return weights

    def push(a: int, b: int) -> None:
        if (lead := _lead(weighed(a, b))) > 0:
            heapq.heappush(queue, (-lead, a, b))

    def put(a: int, b: int, weights: FloatArray) -> None:
        towards[a][b], towards[b][a] = weights, weights[[0, 3, 2, 1]]
        push(a, b)

    for (a, b), weights in sorted(tallies.items()):
        put(b, a, weights)
    while queue:
        lead, a, b = heapq.heappop(queue)
        if a not in parts or b not in parts:
            continue
        if _lead(weighed(a, b)) != -lead:  # votes or photos have been added since
            push(a, b)
            continue
        if len(parts[a]) < len(parts[b]):
            a, b = b, a
        more = int(weighed(b, a).argmax())
        for node in parts[b]:
            turns[node] = (turns[node] + more) % 4
        parts[a] += parts.pop(b)
        num_photos[a] += num_photos[b]
        for other, weights in towards.pop(b).items():
            del towards[other][b]
            if other != a:
                put(a, other, towards[a].get(other, 0.0) + np.roll(weights, -more))
    return turns, list(parts.values())


def _lead(weights: FloatArray) -> float:
    """By how much the best of weights (4,) leads the next; 0 if that is not enough to join."""
    second, best = np.sort(weights)[2:]
    return float(best - second) if best - second >= MIN_LEAD**2 and best >= MIN_RATIO * second else 0.0
