"""VLAD: local descriptors as one vector of residuals to the words of a codebook (Jégou et al., CVPR 2010).

With signed square roots (power normalisation), every word's part at unit length (intra-normalisation, Arandjelović and
Zisserman, CVPR 2013), local descriptors centred and turned to their principal axes first (Delhumeau et al., ACM MM
2013), and vectors centred and shortened by principal components last. It needs no weights beyond those of the features.

Whitening those components is off by default. Learned on the collection itself it hurts: photos of one place, being
alike, are what the largest components tell apart. On 104 photos of six places (XFeat, the ten nearest of each photo)
the share of right neighbours fell from 0.96 to 0.68.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from scenesort.descriptors import unit_descriptors
from scenesort.errors import OptionError
from scenesort.retrieval.global_descriptors.base import GlobalDescriptorOptions, unit
from scenesort.retrieval.global_descriptors.components import Projection, fit_projection
from scenesort.types import Features, Float32Array


@dataclass(frozen=True, slots=True)
class Codebook:
    """What VLAD learns from a collection.

    `axes`: local descriptors to their principal axes. `words`: (k, d) float32 centres among those. `shortening`: of the
    vectors, None where all photos are alike or there is one alone.
    """

    axes: Projection | None
    words: Float32Array
    shortening: Projection | None

    @property
    def size(self) -> int:
        """Length of the vectors that this codebook makes."""
        return self.words.size if self.shortening is None else len(self.shortening.rows)


class Vlad:
    """Aggregates any local features: `words` words, at most `size` numbers a photo.

    The words come from at most `sample_size` descriptors, an equal share of each photo's best, by `iterations` rounds
    of k-means. The vector doesn't depend on where keypoints are or in which order they come, beyond rounding.
    """

    name: ClassVar[str] = "vlad"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ()
    sees: ClassVar[Literal["features"]] = "features"

    def __init__(self, options: GlobalDescriptorOptions, device: str) -> None:
        self._options = options

    def fit(self, samples: Sequence[Features], seed: int) -> Codebook:
        """Learn axes, words and shortening from the features of many photos; the same for the same samples and seed.

        Raises OptionError when no photo has features, or when they come from different feature members.
        """
        # Samples may come from disk one by one: they are gone through several times and never held together.
        filled = sum(len(features) > 0 for features in samples)
        if not filled:
            raise OptionError("no photo has local features: vlad can't be learned; use another global descriptor")
        share = max(1, self._options.sample_size // filled)
        pieces = [unit_descriptors(features, share) for features in samples if len(features)]
        if len({piece.shape[1] for piece in pieces}) > 1:
            raise OptionError("vlad was given features of different members: use those of one member for all photos")
        raw = np.concatenate(pieces)
        axes = fit_projection(raw, raw.shape[1], 0.0)
        pool = _turned(raw, axes)
        words = k_means(pool, self._options.words, self._options.iterations, np.random.default_rng(seed))
        vectors = np.stack(
            [aggregate(_turned(unit_descriptors(features), axes), words) for features in samples if len(features)]
        )
        return Codebook(axes, words, fit_projection(vectors, self._options.size, self._options.whitening))

    def describe(self, features: Features, codebook: Codebook) -> Float32Array:
        """Return the (d,) float32 unit vector of one photo; see FeatureDescriptorMember.

        Zeros without features, and where each of its descriptors is a word, as with very few keypoints.
        """
        if not len(features):
            return np.zeros(codebook.size, dtype=np.float32)
        known = codebook.words.shape[1] if codebook.axes is None else codebook.axes.rows.shape[1]
        if features.descriptors.shape[1] != known:
            raise OptionError(
                f"the photo's descriptors have {features.descriptors.shape[1]} numbers, those of the codebook "
                f"{known}: learn the codebook from the same features"
            )
        vector = aggregate(_turned(unit_descriptors(features), codebook.axes), codebook.words)
        return vector if codebook.shortening is None else unit(codebook.shortening.apply(vector[None])[0])

    @staticmethod
    def pack_codebook(codebook: Codebook) -> dict[str, NDArray[Any]]:
        """Return a codebook as named arrays; see FeatureDescriptorMember."""
        arrays: dict[str, NDArray[Any]] = {"words": codebook.words}
        for name, projection in (("axes", codebook.axes), ("shortening", codebook.shortening)):
            if projection is not None:
                arrays[f"{name}_mean"], arrays[f"{name}_rows"] = projection.mean, projection.rows
        return arrays

    @staticmethod
    def unpack_codebook(arrays: Mapping[str, NDArray[Any]]) -> Codebook:
        """Undo `pack_codebook`; raises KeyError for arrays that are no codebook."""
        axes, shortening = (
            Projection(arrays[f"{name}_mean"], arrays[f"{name}_rows"]) if f"{name}_mean" in arrays else None
            for name in ("axes", "shortening")
        )
        return Codebook(axes, arrays["words"], shortening)


def aggregate(descriptors: Float32Array, words: Float32Array) -> Float32Array:
    """Return the VLAD of descriptors (n, d) in terms of words (k, d): (k * d,) float32 of unit length.

    For every word, the sum of the differences to the descriptors nearest to it; then signed square roots; then each
    word's part, and the whole, at unit length. Words without descriptors stay zero.
    """
    nearest = _nearest(descriptors, words)
    sums = _sums_by_word(descriptors, nearest, len(words))
    counts = np.bincount(nearest, minlength=len(words))
    residuals = sums - counts[:, None] * words.astype(np.float64)
    rooted = np.sign(residuals) * np.sqrt(np.abs(residuals))
    lengths = np.linalg.norm(rooted, axis=1, keepdims=True)
    return unit((rooted / np.where(lengths > 0, lengths, 1.0)).ravel())


def k_means(points: Float32Array, count: int, iterations: int, generator: np.random.Generator) -> Float32Array:
    """Return at most `count` centres (k, d) of points (n, d): k-means++ seeding, then Lloyd's rounds.

    A centre that loses all its points moves to the point farthest from its own centre. Fewer distinct points than
    `count` give as many centres as there are points.
    """
    centres = _seeds(points, count, generator)
    labels = np.full(len(points), -1)
    for _ in range(iterations):
        nearest = _nearest(points, centres)
        if (nearest == labels).all():
            break
        labels = nearest
        counts = np.bincount(labels, minlength=len(centres))
        means = _sums_by_word(points, labels, len(centres)) / np.maximum(counts, 1)[:, None]
        empty = np.flatnonzero(counts == 0)
        if len(empty):
            distances = np.square(points - centres[labels]).sum(axis=1)
            means[empty] = points[np.argsort(-distances, kind="stable")[: len(empty)]]
        centres = means.astype(np.float32)
    return centres


def _seeds(points: Float32Array, count: int, generator: np.random.Generator) -> Float32Array:
    """k-means++ (Arthur and Vassilvitskii, SODA 2007): each next seed with a chance as its squared distance."""
    chosen = [int(generator.integers(len(points)))]
    left = np.square(points - points[chosen[0]]).sum(axis=1, dtype=np.float64)
    while len(chosen) < count and left.max() > 1e-12:
        sums = np.cumsum(left)
        chosen.append(int(np.searchsorted(sums, generator.random() * sums[-1], side="right")))
        left = np.minimum(left, np.square(points - points[chosen[-1]]).sum(axis=1, dtype=np.float64))
    return points[chosen].copy()


def _turned(descriptors: Float32Array, axes: Projection | None) -> Float32Array:
    """Descriptors (n, d) centred and turned to principal axes (n, k), at unit length again."""
    if axes is None:
        return descriptors
    moved = axes.apply(descriptors)
    scaled: Float32Array = moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), np.float32(1e-12))
    return scaled


def _nearest(points: Float32Array, centres: Float32Array) -> NDArray[np.intp]:
    """Index of each point's nearest centre; of equally near ones the first."""
    nearest: NDArray[np.intp] = (points @ centres.T - 0.5 * np.square(centres).sum(axis=1)).argmax(axis=1)
    return nearest


def _sums_by_word(points: Float32Array, labels: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    sums = np.zeros((count, points.shape[1]))
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(count))
    present = np.flatnonzero(np.bincount(labels, minlength=count))
    sums[present] = np.add.reduceat(points[order].astype(np.float64), starts[present], axis=0)
    return sums
