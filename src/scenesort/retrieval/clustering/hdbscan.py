"""Clusters as regions where photos stand denser than around them: HDBSCAN (Campello et al., PAKDD 2013)."""

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
from scenesort.retrieval.index_exact import SIMILARITY_STEPS, Float16Array
from scenesort.types import FloatArray

MOST_PAIRWISE = 4000
"""Photos up to which all distances stand in memory, 16 bytes a pair; with more, a tree takes their place."""


class Hdbscan:
    """scikit-learn's HDBSCAN, whose membership probabilities are the confidence.

    It prefers several clusters: photos of one scene may come apart into several, and are one cluster only where no two
    are found. Time grows with the square of the number of photos.
    """

    name: ClassVar[str] = "hdbscan"
    version: ClassVar[str] = "1"

    def __init__(self, options: ClusteringOptions) -> None:
        self._options = options
        self._package = _sklearn_cluster()

    def cluster(self, descriptors: Float16Array, neighbours: Neighbours, seed: int) -> Clusters:
        """Sort photos into clusters by all distances, not only those to `neighbours`; nothing is random."""
        count, least = len(descriptors), self._options.least_photos
        if count < least:
            return no_clusters(count)
        # Edges of equal length are usual here: a photo between two clusters would go by its row.
        order = canonical_order(descriptors)
        rows = np.asarray(descriptors[order]).astype(np.float64)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        metric, given = ("precomputed", distances(rows)) if count <= MOST_PAIRWISE else ("euclidean", rows)
        for allow_one in (False, True):
            model = self._package.HDBSCAN(
                min_cluster_size=least, allow_single_cluster=allow_one, metric=metric, copy=True
            ).fit(given)
            if (model.labels_ >= 0).any():
                break
        labels, confidence = np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.float32)
        labels[order], confidence[order] = model.labels_, model.probabilities_
        return numbered(labels, confidence, least)


def distances(rows: FloatArray) -> FloatArray:
    """Return the distances (n, n) of rows (n, d) of unit length; those of equal rows are exactly 0."""
    steps = np.rint(rows @ rows.T * SIMILARITY_STEPS) / SIMILARITY_STEPS
    lengths: FloatArray = np.sqrt(np.maximum(2 - 2 * steps, 0))
    return lengths


def _sklearn_cluster() -> Any:
    try:
        return importlib.import_module("sklearn.cluster")
    except ImportError as error:
        raise MissingDependencyError(
            f"clustering by hdbscan needs scikit-learn, which can't be imported ({error}): "
            "pip install 'scenesort[clusters]', or use mst, which needs no further package"
        ) from error
