"""Global descriptors of a collection → proposed pairs, by the rules that search among descriptors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scenesort.config import RetrievalOptions
from scenesort.errors import OptionError
from scenesort.plugins import did_you_mean
from scenesort.retrieval import fusion, index, proposals
from scenesort.retrieval.fusion import Fusion, FusionOptions, fuse_collection
from scenesort.retrieval.index import DescriptorIndex, Neighbours
from scenesort.retrieval.index_exact import Float16Array, RowArray, exact_neighbours
from scenesort.retrieval.proposals import Proposals, knn, mst, neighbours_wanted, threshold, union

SEARCHING = ("knn", "threshold", "mst")
"""Rules that need global descriptors."""

RULES = ("exhaustive", *SEARCHING, "sequence", "file", "growth")
"""All rules that propose pairs, each by itself; `auto` stands for those that fit a collection's size."""

PROPOSAL_VERSIONS = (proposals.VERSION, index.VERSION, fusion.VERSION)
"""What proposals from the same descriptors depend on besides options: part of their key."""

FUSED = "fused"
"""Name under which fused descriptors are searched."""

MOST_SEARCHED = 1000
"""Most neighbours of a photo that `threshold` looks at: lists as long as a large collection would fill memory."""


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How pairs are proposed from global descriptors.

    `rules`: some of `SEARCHING`. `neighbours`: fewest that `knn` takes of each photo (`proposals.neighbours_wanted`).
    `max_distance` and `least_partners`: of `threshold`. `fusion`: None searches each descriptor by itself.
    """

    rules: tuple[str, ...]
    neighbours: int
    max_distance: float
    least_partners: int
    fusion: FusionOptions | None = None


def resolve(options: RetrievalOptions, num_photos: float) -> tuple[str, ...]:
    """Return the rules that propose pairs of `num_photos` photos; raises OptionError for an unknown shortlist.

    `auto` is every pair up to `screened_photos` photos, because a look at each is then cheap, and above it the nearest
    neighbours, grown along verified pairs. A `threshold` whose floor is all photos needs no descriptors.
    """
    rules: list[str] = []
    for name in options.shortlists:
        if name == "auto":
            rules += ["exhaustive"] if num_photos <= options.screened_photos else ["knn", "growth"]
        elif name == "threshold" and num_photos <= options.least_partners + 1:
            rules.append("exhaustive")
        elif name in RULES:
            rules.append(name)
        else:
            known = ["auto", *RULES]
            raise OptionError(
                f"no shortlist '{name}'{did_you_mean(name, known)}; retrieval.shortlists takes {', '.join(known)}"
            )
    if set(rules) <= {"growth"}:
        raise OptionError("retrieval.shortlists = growth proposes nothing to grow from: add knn or another shortlist")
    return tuple(dict.fromkeys(rules))


def search(descriptors: Mapping[str, Float16Array], options: SearchOptions, trained: Fusion | None = None) -> Proposals:
    """Propose pairs from global descriptors (n, d) float16 by name, of unit length or zero.

    Photos without a descriptor (all zeros) are in no pair.
    """
    counts = {len(rows) for rows in descriptors.values()}
    if len(counts) != 1:
        raise OptionError(f"descriptors are of {sorted(counts)} photos: describe the same photos with each")
    (count,) = counts
    found: list[Proposals] = []
    for name, (rows, known) in _searched(descriptors, options.fusion, trained).items():
        neighbours = _neighbours(rows, _wanted(options, len(rows)))
        for rule in options.rules:
            proposed = _proposals(rule, rows, neighbours, options, count)
            found.append(_renamed(proposed, f"{name}-{rule}", known))
    return union(found)


def nearest_of(descriptors: Float16Array, row: int, k: int) -> Neighbours:
    """Return the `k` nearest of the photo `row`, (1, ≤ k); none where its descriptor is zero."""
    others = np.flatnonzero(np.any(descriptors, axis=1) & (np.arange(len(descriptors)) != row))
    if not np.any(descriptors[row]):
        return Neighbours(np.zeros((1, 0), dtype=np.int64), np.zeros((1, 0), dtype=np.float32))
    rows, similarity = exact_neighbours(descriptors[row : row + 1], descriptors[others], min(k, len(others)))
    return Neighbours(others[rows], similarity)


def fused(
    descriptors: Mapping[str, Float16Array], options: FusionOptions, trained: Fusion | None = None
) -> Float16Array:
    """Return the fused descriptors (n, d); zeros for photos that one of the descriptors knows nothing of."""
    ((rows, known),) = _searched(descriptors, options, trained).values()
    spread = np.zeros((len(next(iter(descriptors.values()))), rows.shape[1]), dtype=np.float16)
    spread[known] = rows
    return spread


def _searched(
    descriptors: Mapping[str, Float16Array], options: FusionOptions | None, trained: Fusion | None
) -> dict[str, tuple[Float16Array, RowArray]]:
    """What is searched by name: the descriptors that aren't zero, and the photos whose they are."""
    known = {name: np.any(rows, axis=1) for name, rows in descriptors.items()}
    if options is None:
        return {name: (rows[known[name]], np.flatnonzero(known[name])) for name, rows in descriptors.items()}
    all_known = np.flatnonzero(np.logical_and.reduce(list(known.values())))
    if not len(all_known):
        return {FUSED: (np.zeros((0, 1), dtype=np.float16), all_known)}
    rows, _ = fuse_collection({name: rows[all_known] for name, rows in descriptors.items()}, options, trained)
    return {FUSED: (rows, all_known)}


def _wanted(options: SearchOptions, count: int) -> int:
    wanted = neighbours_wanted(count, options.neighbours)
    if "threshold" in options.rules:
        wanted = max(wanted, MOST_SEARCHED, options.least_partners)
    return wanted


def _neighbours(rows: Float16Array, k: int) -> Neighbours:
    held = DescriptorIndex.in_memory(rows.shape[1])
    held.add(rows)
    return held.neighbours(k)


def _proposals(rule: str, rows: Float16Array, neighbours: Neighbours, options: SearchOptions, count: int) -> Proposals:
    if rule == "threshold":
        return threshold(neighbours, options.max_distance, options.least_partners)
    if rule == "mst":
        return mst(rows, neighbours)
    return knn(neighbours, neighbours_wanted(count, options.neighbours))


def _renamed(proposed: Proposals, rule: str, known: RowArray) -> Proposals:
    """Proposals of the photos `known` as proposals of the collection, under the rule's full name."""
    pairs = known[proposed.pairs] if len(proposed) else proposed.pairs
    return dataclasses.replace(proposed, pairs=pairs, rules=(rule,))
