"""Proposals: pairs of photos worth matching, with their similarity and the names of the rules that proposed them.

Photos are rows of the collection. Rules read the `Neighbours` of an index, so they hold for a hundred photos and for a
hundred thousand; a rule sees no pair that its neighbours lack.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesort.retrieval.index import Neighbours
from scenesort.retrieval.index_exact import Float16Array, RowArray
from scenesort.types import Float32Array, FloatArray

VERSION = 1
"""Part of the key of proposals: raise it when a rule proposes other pairs."""

BRIDGE_PHOTOS = 64
"""Photos of each of two trees among which a bridge is looked for: those most like the other tree's mean."""

BLOCK_ROWS = 16384
"""Descriptors that stand in memory as float32 at once."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """Pairs in order of falling score, then of rows; no pair twice.

    `pairs`: (m, 2) int64 rows, the smaller first. `scores`: (m,) float32 cosine similarity, nan where no rule knew it
    (last). `rules`: names of rules; bit b of `proposed_by` (m,) uint32 says that `rules[b]` proposed the pair.
    """

    pairs: RowArray
    scores: Float32Array
    rules: tuple[str, ...]
    proposed_by: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.pairs)

    def rules_of(self, number: int) -> tuple[str, ...]:
        """Names of the rules that proposed pair `number`."""
        return tuple(rule for bit, rule in enumerate(self.rules) if self.proposed_by[number] >> np.uint32(bit) & 1)


def proposals(rule: str, pairs: RowArray, scores: Float32Array | None = None) -> Proposals:
    """Make proposals of one rule from pairs (m, 2) in any order; of a pair given twice the higher score stays.

    Pairs of a photo with itself are left out.
    """
    scores = np.full(len(pairs), np.nan, dtype=np.float32) if scores is None else scores
    return _merged((rule,), pairs, scores, np.ones(len(pairs), dtype=np.uint32))


def exhaustive(num_photos: int) -> Proposals:
    """Propose every pair."""
    return proposals("exhaustive", np.stack(np.triu_indices(num_photos, 1), axis=1).astype(np.int64))


def exhaustive_within(labels: RowArray) -> Proposals:
    """Propose every pair of two photos with the same label, (n,) int64; photos labelled -1 are in none."""
    found = [np.zeros((0, 2), dtype=np.int64)]
    for label in np.unique(labels[labels >= 0]).tolist():
        members = np.flatnonzero(labels == label)
        found.append(members[np.stack(np.triu_indices(len(members), 1), axis=1)])
    return proposals("exhaustive", np.concatenate(found))


def neighbours_wanted(num_photos: int, floor: int = 20, growth: float = 2.0) -> int:
    """Return how many neighbours `knn` takes of each photo: `growth` for each doubling of the collection.

    At least `floor` and at most all others: 20 at 1,000 photos, 34 at 100,000.
    """
    if num_photos < 2:
        return 0
    return min(max(floor, math.ceil(growth * math.log2(num_photos))), num_photos - 1)


def knn(neighbours: Neighbours, k: int) -> Proposals:
    """Propose each photo's `k` nearest, so that every photo is in at least as many pairs as it has neighbours, up to k.

    `neighbours`: of every photo, itself left out, as `DescriptorIndex.neighbours` gives them.
    """
    return _of_lists("knn", neighbours, np.arange(neighbours.rows.shape[1])[None, :] < k)


def threshold(neighbours: Neighbours, max_distance: float, least_partners: int = 20) -> Proposals:
    """Propose each photo's neighbours within an L2 distance, and its nearest where those are fewer than a floor.

    The rule of the challenge's public baselines. `max_distance` is of unit descriptors, so 0 … 2. Only neighbours that
    were searched for are seen: for the rule to the letter search for all n - 1.
    """
    least_similarity = np.float32(1 - max_distance**2 / 2)
    ranks = np.arange(neighbours.rows.shape[1])[None, :]
    return _of_lists("threshold", neighbours, (neighbours.similarity >= least_similarity) | (ranks < least_partners))


def sequence(taken_at_s: FloatArray, powers: int = 6, max_gap_s: float = math.inf) -> Proposals:
    """Propose neighbours in time: each photo with those 1, 2, 4, … 2^(powers - 1) photos later.

    `taken_at_s`: (n,) capture times in seconds, nan where unknown (such photos are in no pair); equal times keep the
    order of rows. A gap of more than `max_gap_s` between two photos in turn ends a sequence.
    """
    known = np.flatnonzero(np.isfinite(taken_at_s))
    order = known[np.argsort(taken_at_s[known], kind="stable")]
    part = np.concatenate([[0], np.cumsum(np.diff(taken_at_s[order]) > max_gap_s)])
    found = [np.zeros((0, 2), dtype=np.int64)]
    for step in (1 << power for power in range(powers)):
        is_near = part[: len(order)][step:] == part[: len(order)][:-step]
        found.append(np.stack([order[:-step][is_near], order[step:][is_near]], axis=1))
    return proposals("sequence", np.concatenate(found))


def mst(descriptors: Float16Array, neighbours: Neighbours) -> Proposals:
    """Propose the n - 1 pairs of a minimum spanning tree of descriptor distances: the skeleton of a collection.

    Kruskal's tree of the neighbour lists; trees that no list joins are joined by bridges, from the tree whose mean
    descriptor is nearest to another's, between the two nearest photos of both (of a large
    tree, among the photos most like the other's mean). With all n - 1 neighbours it is the
    minimum spanning tree itself.
    """
    lists = _of_lists("mst", neighbours, np.ones((1, 1), dtype=bool))
    tree_of = np.arange(len(neighbours.rows))
    joined = _joining(lists.pairs, tree_of)
    pairs, scores = [lists.pairs[joined]], [lists.scores[joined]]
    while len(trees := np.unique(tree_of)) > 1:
        bridges = _bridges(descriptors, tree_of, trees)
        joined = _joining(bridges.pairs, tree_of)
        pairs.append(bridges.pairs[joined])
        scores.append(bridges.scores[joined])
    return proposals("mst", np.concatenate(pairs), np.concatenate(scores))


def union(several: Sequence[Proposals]) -> Proposals:
    """Merge proposals: each pair once, with its best score and every rule that proposed it; at most 32 rules."""
    rules = tuple(dict.fromkeys(rule for given in several for rule in given.rules))
    pairs = [np.zeros((0, 2), dtype=np.int64), *(given.pairs for given in several)]
    scores = [np.zeros(0, dtype=np.float32), *(given.scores for given in several)]
    bits = [np.zeros(0, dtype=np.uint32)]
    for given in several:
        moved = np.zeros(len(given), dtype=np.uint32)
        for bit, rule in enumerate(given.rules):
            moved |= (given.proposed_by >> np.uint32(bit) & np.uint32(1)) << np.uint32(rules.index(rule))
        bits.append(moved)
    return _merged(rules, np.concatenate(pairs), np.concatenate(scores), np.concatenate(bits))


def renumbered(proposed: Proposals, rows: RowArray) -> Proposals:
    """Return proposals of some photos as proposals of the collection whose rows (n,), rising, they are."""
    return dataclasses.replace(proposed, pairs=rows[proposed.pairs] if len(proposed) else proposed.pairs)


def _merged(rules: tuple[str, ...], pairs: RowArray, scores: Float32Array, bits: NDArray[np.uint32]) -> Proposals:
    different = pairs[:, 0] != pairs[:, 1]
    pairs, scores, bits = np.sort(pairs[different], axis=1), scores[different], bits[different]
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    pairs, scores, bits = pairs[order], scores[order], bits[order]
    if len(pairs):
        firsts = np.flatnonzero(np.concatenate([[True], (np.diff(pairs, axis=0) != 0).any(axis=1)]))
        pairs = pairs[firsts]
        scores, bits = np.fmax.reduceat(scores, firsts), np.bitwise_or.reduceat(bits, firsts)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -scores))
    return Proposals(pairs[order], scores[order], rules, bits[order])


def _of_lists(rule: str, neighbours: Neighbours, chosen: NDArray[np.bool_]) -> Proposals:
    """Proposals of the chosen entries (n, k) of neighbour lists."""
    photo, rank = np.nonzero(chosen & (neighbours.rows >= 0))
    pairs = np.stack([photo, neighbours.rows[photo, rank]], axis=1)
    return proposals(rule, pairs, neighbours.similarity[photo, rank])


def _joining(pairs: RowArray, tree_of: RowArray) -> RowArray:
    """Numbers of the pairs that join two trees when taken in order; `tree_of` (n,) is brought up to date."""
    parent = tree_of.tolist()

    def root(photo: int) -> int:
        while parent[photo] != photo:
            parent[photo] = parent[parent[photo]]
            photo = parent[photo]
        return photo

    joined = []
    for number, (first, second) in enumerate(pairs.tolist()):
        a, b = root(first), root(second)
        if a != b:
            parent[max(a, b)] = min(a, b)
            joined.append(number)
    tree_of[:] = [root(photo) for photo in range(len(parent))]
    return np.array(joined, dtype=np.int64)


def _bridges(descriptors: Float16Array, tree_of: RowArray, trees: RowArray) -> Proposals:
    """For each tree a pair to the tree with the nearest mean."""
    order = np.argsort(tree_of, kind="stable")
    members = np.split(order, np.searchsorted(tree_of[order], trees)[1:])
    means = np.stack([np.asarray(descriptors[rows]).mean(axis=0, dtype=np.float32) for rows in members])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), np.float32(1e-12))
    pairs = np.empty((len(trees), 2), dtype=np.int64)
    scores = np.empty(len(trees), dtype=np.float32)
    for number, rows in enumerate(members):
        likeness = means @ means[number]
        likeness[number] = -np.inf
        other_number = int(likeness.argmax())
        own = _nearest_members(descriptors, rows, means[other_number])
        others = _nearest_members(descriptors, members[other_number], means[number])
        similarity = np.asarray(descriptors[own]).astype(np.float32) @ descriptors[others].astype(np.float32).T
        best = divmod(int(similarity.argmax()), len(others))
        pairs[number], scores[number] = (own[best[0]], others[best[1]]), similarity[best]
    return proposals("mst", pairs, scores)


def _nearest_members(descriptors: Float16Array, rows: RowArray, mean: Float32Array) -> RowArray:
    """The members of a tree that are most like another's mean: all of a small tree."""
    if len(rows) <= BRIDGE_PHOTOS:
        return rows
    likeness = np.concatenate(
        [
            np.asarray(descriptors[rows[first : first + BLOCK_ROWS]]).astype(np.float32) @ mean
            for first in range(0, len(rows), BLOCK_ROWS)
        ]
    )
    return np.sort(rows[np.argsort(-likeness, kind="stable")[:BRIDGE_PHOTOS]])
