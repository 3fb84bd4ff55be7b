"""Clusters as communities of the graph of nearest neighbours: Leiden (Traag et al., Scientific Reports 2019).

An edge weighs by how much its photos are more alike than two photos at random: descriptors of one network are alike
to begin with, and what they have in common would outweigh what tells them apart.
"""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

import numpy as np

from scenesort.errors import MissingDependencyError
from scenesort.retrieval.clustering.base import (
    ClusteringOptions,
    Clusters,
    canonical_order,
    no_clusters,
    numbered,
)
from scenesort.retrieval.index import Neighbours
from scenesort.retrieval.index_exact import Float16Array, RowArray
from scenesort.retrieval.proposals import knn
from scenesort.types import Float32Array, FloatArray

ITERATIONS, TRIALS = 10, 5
"""Rounds of a trial, each from the last one's clusters, and trials, of which the best counts."""

BLOCK_ROWS = 16384
"""Descriptors that stand in memory as float64 at once."""


class Leiden:
    """graspologic-native's Leiden by modularity; confidence is the share of a photo's edge weight inside its cluster.

    It is lower for photos with little edge weight. Photos that are no more like their neighbours than photos at random
    are in no cluster.
    """

    name: ClassVar[str] = "leiden"
    version: ClassVar[str] = "1"

    def __init__(self, options: ClusteringOptions) -> None:
        self._options = options
        self._package = _graspologic_native()

    def cluster(self, descriptors: Float16Array, neighbours: Neighbours, seed: int) -> Clusters:
        """Sort photos into clusters by the edges that `neighbours` has; see ClusteringMember."""
        count, least = len(descriptors), self._options.least_photos
        if count < least:
            return no_clusters(count)
        # Leiden visits photos by their row.
        order = canonical_order(descriptors)
        place = np.empty(count, dtype=np.int64)
        place[order] = np.arange(count)
        edges = knn(neighbours, neighbours.rows.shape[1])
        weights = edge_weights(edges.scores, mean_similarity(np.asarray(descriptors)[order]))
        labels = self._communities(count, place[edges.pairs], weights, seed)[place]
        return numbered(labels, _shares_inside(labels, edges.pairs, weights), least)

    def _communities(self, count: int, pairs: RowArray, weights: FloatArray, seed: int) -> RowArray:
        """Label each of the photos by its community, -1 where no edge of weight above 0 leads to it."""
        ends = np.sort(pairs, axis=1)
        joined = np.lexsort((ends[:, 1], ends[:, 0]))
        joined = joined[weights[joined] > 0]
        labels = np.full(count, -1, dtype=np.int64)
        if not len(joined):
            return labels
        edges = zip(ends[joined].tolist(), weights[joined].tolist(), strict=True)
        _, community_of = self._package.leiden(
            [(str(first), str(second), weight) for (first, second), weight in edges],
            resolution=self._options.resolution,
            iterations=ITERATIONS,
            trials=TRIALS,
            seed=seed,
        )
        for photo, community in community_of.items():
            labels[int(photo)] = community
        return labels


def mean_similarity(descriptors: Float16Array) -> float:
    """Return the mean cosine similarity of all pairs of two or more photos (n, d), without forming the pairs."""
    count = len(descriptors)
    total, own = np.zeros(descriptors.shape[1]), 0.0
    for first in range(0, count, BLOCK_ROWS):
        rows = descriptors[first : first + BLOCK_ROWS].astype(np.float64)
        total += rows.sum(axis=0)
        own += float((rows**2).sum())
    return (float(total @ total) - own) / (count * (count - 1))


def edge_weights(similarity: Float32Array, at_random: float) -> FloatArray:
    """Return how much more than `at_random` pairs (m,) are alike, 0 for those that are less.

    Where no pair is more alike, photos are all alike and all edges weigh 1.
    """
    weights: FloatArray = np.maximum(similarity.astype(np.float64) - at_random, 0)
    return weights if weights.any() else np.ones(len(weights))


def _shares_inside(labels: RowArray, pairs: RowArray, weights: FloatArray) -> Float32Array:
    """Share of each photo's edge weight (n,) that leads to photos with its own label.

    A photo with less weight than the median of those with its label counts as if it had that much: else a stray whose
    only edge is a faint one would be as sure as any.
    """
    count = len(labels)
    is_inside = labels[pairs[:, 0]] == labels[pairs[:, 1]]
    ends = pairs.ravel()
    whole = np.bincount(ends, np.repeat(weights, 2), count)
    inside = np.bincount(ends, np.repeat(weights * is_inside, 2), count)
    usual = np.zeros(count)
    order = np.argsort(labels, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        usual[rows] = np.median(whole[rows])
    whole = np.maximum(whole, usual)
    shares: Float32Array = (inside / np.where(whole > 0, whole, 1)).astype(np.float32)
    return shares


def _graspologic_native() -> Any:
    try:
        return importlib.import_module("graspologic_native")
    except ImportError as error:
        raise MissingDependencyError(
            f"clustering by leiden needs graspologic-native, which can't be imported ({error}): "
            "pip install 'scenesort[clusters]', or use mst, which needs no further package"
        ) from error
