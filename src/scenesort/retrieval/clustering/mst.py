"""Clusters as what is left of a minimum spanning tree of descriptor distances when its long edges are cut.

Cutting edges that are inconsistent with the others is Zahn's method (IEEE Transactions on Computers, 1971); the parts
are the clusters of single linkage at that distance. An edge is long when it exceeds the median edge by 2.5 robust
standard deviations, the bound that Leys et al. (Journal of Experimental Social Psychology, 2013) recommend for
outliers: so a collection of one scene stays whole, which a cut at the largest gap would part.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from scenesort.retrieval.clustering.base import ClusteringOptions, Clusters, no_clusters, numbered
from scenesort.retrieval.index import Neighbours
from scenesort.retrieval.index_exact import SIMILARITY_STEPS, Float16Array, RowArray
from scenesort.retrieval.proposals import mst
from scenesort.types import Float32Array, FloatArray

DEVIATION_PER_MAD = 1.4826
"""Standard deviation of a normal distribution in terms of its median absolute deviation."""

DEVIATION_PER_MEAN = 1.2533
"""The same in terms of its mean absolute deviation."""


class Mst:
    """Needs no further package. Confidence is the margin to the cut: 0 where an edge as long as it ties a photo."""

    name: ClassVar[str] = "mst"
    version: ClassVar[str] = "1"

    def __init__(self, options: ClusteringOptions) -> None:
        self._options = options

    def cluster(self, descriptors: Float16Array, neighbours: Neighbours, seed: int) -> Clusters:
        """Sort photos into clusters; nothing is random. See ClusteringMember."""
        count, least = len(descriptors), self._options.least_photos
        if count < least:
            return no_clusters(count)
        tree = mst(descriptors, neighbours)
        length = edge_lengths(tree.scores)
        longest = longest_kept(length, self._options.cut_deviations)
        kept = length <= longest
        pairs = tree.pairs[kept]
        return numbered(_parts(count, pairs), _margins(count, pairs, length[kept], longest), least)


def edge_lengths(similarity: Float32Array) -> FloatArray:
    """Return the distances (m,) of unit descriptors with cosine similarities (m,), alike ones exactly alike."""
    steps = np.rint(similarity.astype(np.float64) * SIMILARITY_STEPS) / SIMILARITY_STEPS
    lengths: FloatArray = np.sqrt(np.maximum(2 - 2 * steps, 0))
    return lengths


def longest_kept(lengths: FloatArray, deviations: float) -> float:
    """Return the length up to which edges (m,), one or more, are kept.

    Where more than half of the edges are equally long, the median absolute deviation is 0 and the mean one stands in
    for it (Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993).
    """
    middle = float(np.median(lengths))
    off = np.abs(lengths - middle)
    deviation = DEVIATION_PER_MAD * float(np.median(off)) or DEVIATION_PER_MEAN * float(off.mean())
    return middle + deviations * deviation


def _parts(count: int, pairs: RowArray) -> RowArray:
    """Number the connected parts of a forest by their smallest row, (n,)."""
    part = np.arange(count, dtype=np.int64)
    while True:
        ends = part[pairs]
        joined = part.copy()
        np.minimum.at(joined, ends.max(axis=1), ends.min(axis=1))
        joined = joined[joined]
        if np.array_equal(joined, part):
            return part
        part = joined


def _margins(count: int, pairs: RowArray, lengths: FloatArray, longest: float) -> Float32Array:
    """Share of the cut's length (n,) by which the shortest edge of each photo is shorter."""
    shortest = np.full(count, longest)
    np.minimum.at(shortest, pairs.ravel(), np.repeat(lengths, 2))
    margins = 1 - shortest / longest if longest > 0 else np.ones(count)
    return margins.astype(np.float32)
