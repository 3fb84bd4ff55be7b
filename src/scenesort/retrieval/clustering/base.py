"""What a member of the clustering family is, its options and its answer, and how one is found by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from scenesort.errors import OptionError
from scenesort.plugins import load_member
from scenesort.retrieval.index import Neighbours
from scenesort.retrieval.index_exact import Float16Array, RowArray
from scenesort.types import Float32Array

GROUP = "scenesort.clustering"


@dataclass(frozen=True, slots=True)
class ClusteringOptions:
    """Options of one member; each member reads those that concern it. Raises OptionError for a value out of range.

    `least_photos`: photos of the smallest cluster, 2 or more; photos of smaller ones are in no cluster.
    `cut_deviations`, of `mst`: how many robust standard deviations above the median an edge of the tree may be long,
    0 … 100; more give fewer, larger clusters. `resolution`, of `leiden`: how much more alike than by chance photos of a
    cluster must be, above 0, at most 100; less gives fewer, larger clusters, and many scenes may want more.
    """

    least_photos: int = 3
    cut_deviations: float = 2.5
    # At 1, as modularity is defined, an object photographed from all sides falls into four or five clusters.
    resolution: float = 0.2

    def __post_init__(self) -> None:
        if self.least_photos < 2:
            raise OptionError(f"least_photos is {self.least_photos}: use 2 or more, a cluster holds at least a pair")
        if not 0 <= self.cut_deviations <= 100:
            raise OptionError(
                f"cut_deviations is {self.cut_deviations:g}: use 0 (cut above the median) to 100 (hardly cut)"
            )
        if not 0 < self.resolution <= 100:
            raise OptionError(f"resolution is {self.resolution:g}: use more than 0 (one cluster) to 100 (many)")


@dataclass(frozen=True, slots=True)
class Clusters:
    """Hard clusters of n photos.

    `labels`: (n,) int64, 0, 1, … with the largest cluster first, of equal ones that of the earlier photo; -1 for
    photos in no cluster. `confidence`: (n,) float32, 0 … 1, how firmly a photo belongs to its cluster, in the member's
    own terms; 0 for photos in no cluster.
    """

    labels: RowArray
    confidence: Float32Array

    def __len__(self) -> int:
        """Return the number of clusters."""
        return int(self.labels.max(initial=-1)) + 1


@runtime_checkable
class ClusteringMember(Protocol):
    """Sorts photos into clusters by their global descriptors.

    `version` changes whenever the member's output for the same input and options changes.
    """

    name: ClassVar[str]
    version: ClassVar[str]

    def __init__(self, options: ClusteringOptions) -> None:
        """Keep the options; raises MissingDependencyError when a package can't be imported."""

    def cluster(self, descriptors: Float16Array, neighbours: Neighbours, seed: int) -> Clusters:
        """Sort n photos into clusters, the same for the same input and seed, whatever the order of photos.

        `descriptors`: (n, d) float16 of unit length; leave photos without a descriptor out. `neighbours`: of every
        photo, itself left out, as `DescriptorIndex.neighbours` gives them.
        """
        ...


def load(name: str) -> type[ClusteringMember]:
    """Return the member class registered as `name`.

    Raises OptionError for an unknown name, MissingDependencyError when its package can't be imported.
    """
    member: Any = load_member(GROUP, name)
    return member  # type: ignore[no-any-return]


def no_clusters(num_photos: int) -> Clusters:
    """Return the answer that no photo is in a cluster."""
    return Clusters(np.full(num_photos, -1, dtype=np.int64), np.zeros(num_photos, dtype=np.float32))


def numbered(labels: RowArray, confidence: Float32Array, least_photos: int) -> Clusters:
    """Number clusters as `Clusters` wants them, given any labels (n,) of which those below 0 are no cluster.

    Clusters of fewer than `least_photos` photos are dissolved; `confidence` (n,) of photos in none becomes 0.
    """
    found, first_row, member_of, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    kept = np.flatnonzero((found >= 0) & (sizes >= least_photos))
    kept = kept[np.lexsort((first_row[kept], -sizes[kept]))]
    number = np.full(len(found), -1, dtype=np.int64)
    number[kept] = np.arange(len(kept))
    new_labels: RowArray = number[member_of]
    return Clusters(new_labels, np.where(new_labels >= 0, confidence.clip(0, 1), 0).astype(np.float32))


def canonical_order(descriptors: Float16Array) -> RowArray:
    """Return rows (n,) in an order that depends on the descriptors alone, not on the order in which they stand.

    For methods that settle ties by row: photos are handed over in this order.
    """
    if not descriptors.size:
        return np.arange(len(descriptors))
    rows = np.ascontiguousarray(descriptors)
    whole_rows = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0]
    order: RowArray = np.argsort(whole_rows, kind="stable").astype(np.int64)
    return order
