"""How well clusters agree with true scenes, poses aside: the confusion matrix and what follows from it.

Outliers count as a scene like any other (the photos that belong nowhere) and, in the submission, as a cluster like any
other (the photos that were left out). A photo without a pose counts in the cluster that it was put in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesort.evaluation.tables import PoseTable
from scenesort.evaluation.validation import OUTLIERS
from scenesort.types import FloatArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Confusion:
    """Which photos of each true scene went to which cluster.

    `scenes`: s true scenes in the order of the labels; `clusters`: c clusters in the order of the submission; both end
    with the outliers, whether or not there are any. `photos[i][j]` are the photos of scene i in cluster j, in the order
    of the labels.
    """

    scenes: tuple[str, ...]
    clusters: tuple[str, ...]
    photos: tuple[tuple[tuple[str, ...], ...], ...]

    @property
    def counts(self) -> IntArray:
        """The contingency table: (s, c) numbers of photos."""
        return np.array([[len(cell) for cell in row] for row in self.photos], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of clusters with scenes over all photos of a collection, each from 0 (ARI: below 0) to 1.

    `homogeneity`: each cluster holds one scene; `completeness`: each scene is in one cluster; `v_measure`: their
    harmonic mean. `adjusted_rand`: share of photo pairs on which both agree, less what chance gives.
    `outlier_precision`: share of the photos left out that are outliers; `outlier_recall`: share of the outliers that
    are left out; None where there are no such photos.

    Sources: A. Rosenberg and J. Hirschberg, "V-measure: a conditional entropy-based external cluster evaluation
    measure", EMNLP-CoNLL 2007; L. Hubert and P. Arabie, "Comparing partitions", Journal of Classification 2, 1985.
    """

    homogeneity: float
    completeness: float
    v_measure: float
    adjusted_rand: float
    outlier_precision: float | None
    outlier_recall: float | None


def confusion(labels: PoseTable, submission: PoseTable, dataset: str) -> Confusion:
    """Compare the scenes of one collection with its clusters; both tables hold the same photos of it."""
    cluster_of = {
        image: cluster
        for found, cluster, image in zip(submission.dataset, submission.scene, submission.image, strict=True)
        if found == dataset
    }
    rows = [row for row, found in enumerate(labels.dataset) if found == dataset]
    scenes = _outliers_last([labels.scene[row] for row in rows])
    clusters = _outliers_last(list(cluster_of.values()))
    cells: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        photo = labels.image[row]
        cells.setdefault((labels.scene[row], cluster_of[photo]), []).append(photo)
    photos = tuple(tuple(tuple(cells.get((scene, cluster), ())) for cluster in clusters) for scene in scenes)
    return Confusion(scenes, clusters, photos)


def agreement(found: Confusion) -> Agreement:
    """Measure the agreement of the clusters with the scenes of one collection, which has at least one photo."""
    counts = found.counts
    scene_entropy, cluster_entropy = _entropy(counts.sum(axis=1)), _entropy(counts.sum(axis=0))
    joint_entropy = _entropy(counts.ravel())
    # H(scene | cluster) = H(scene, cluster) - H(cluster); a single scene is homogeneous whatever the clusters.
    homogeneity = _one_minus(joint_entropy - cluster_entropy, scene_entropy)
    completeness = _one_minus(joint_entropy - scene_entropy, cluster_entropy)
    total = homogeneity + completeness
    outliers_found = int(counts[-1, -1])
    return Agreement(
        homogeneity=homogeneity,
        completeness=completeness,
        v_measure=2 * homogeneity * completeness / total if total > 0 else 0.0,
        adjusted_rand=_adjusted_rand(counts),
        outlier_precision=_share(outliers_found, int(counts[:, -1].sum())),
        outlier_recall=_share(outliers_found, int(counts[-1].sum())),
    )


def _adjusted_rand(counts: IntArray) -> float:
    together_in_both = _pairs(counts)
    together_in_scenes, together_in_clusters = _pairs(counts.sum(axis=1)), _pairs(counts.sum(axis=0))
    all_pairs = _pairs(counts.sum(keepdims=True))
    if together_in_both == together_in_scenes == together_in_clusters:
        return 1.0
    # Python's whole numbers don't overflow.
    expected = together_in_scenes * together_in_clusters / all_pairs
    most = (together_in_scenes + together_in_clusters) / 2
    return (together_in_both - expected) / (most - expected)


def _pairs(sizes: IntArray) -> int:
    """How many unordered pairs there are within groups of the given sizes."""
    return sum(size * (size - 1) // 2 for size in sizes.ravel().tolist())


def _entropy(sizes: IntArray) -> float:
    """The entropy in nats of groups of the given sizes; empty ones add nothing."""
    shares: FloatArray = sizes[sizes > 0] / sizes.sum()
    return float(-(shares * np.log(shares)).sum())


def _one_minus(conditional: float, whole: float) -> float:
    return min(1.0, max(0.0, 1.0 - conditional / whole)) if whole > 0 else 1.0


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _outliers_last(names: list[str]) -> tuple[str, ...]:
    return (*dict.fromkeys(name for name in names if name != OUTLIERS), OUTLIERS)
