"""The bootstrap of scores: how far they would move with other photos of the same scenes, or with other seeds.

Source: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall, 1993: the percentile interval
(chapter 13).

What is drawn anew are the photos of each true scene (and the outliers), with replacement, as many as there are. Held
fixed are the poses' registrations and which cluster belongs to which scene: a photo keeps its marks (the thresholds
that it is within) and its cluster, and counts as often as it was drawn. All else is reckoned anew from the marks for
each resample, exactly as the repaired score is: the three cameras removed from each scene at each threshold, mAA,
clusterness, and their harmonic mean. Every run gets the same resamples, so differences are paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesort.evaluation.metric import CollectionScore, SceneScore
from scenesort.evaluation.registration import MIN_CAMERAS
from scenesort.evaluation.tables import NUM_UNSCORED_THRESHOLDS, PoseTable
from scenesort.types import FloatArray

BoolArray = NDArray[np.bool_]

_DRAWS_AT_ONCE = 1 << 21
"""Photos × resamples drawn at once; 16 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class SceneMarks:
    """What m submissions achieved on one true scene of n photos.

    `within`: (n, m, t) for the t scored thresholds, whether the photo's camera is nearer to its true place; False for
    photos outside the scene's cluster. `in_cluster` maps each true scene of the collection (outliers and this one, too)
    to (photos, m): whether its photos are in the cluster that this scene was matched with.
    """

    within: BoolArray
    in_cluster: Mapping[str, BoolArray]


@dataclass(frozen=True, slots=True, eq=False)
class CollectionMarks:
    """What m submissions (`num_submissions`) achieved on one collection.

    `sizes` are the photos of each true scene, outliers among them; `scenes` the marks of those that are scored.
    """

    num_submissions: int
    sizes: Mapping[str, int]
    scenes: Mapping[str, SceneMarks]


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """Repaired scores in percent of m submissions in b resamples: (b, m) of a collection, and of each scene alone."""

    collection: FloatArray
    scenes: dict[str, FloatArray]


def collect_marks(
    name: str, scenes: Mapping[str, tuple[str, ...]], found: Sequence[CollectionScore], tables: Sequence[PoseTable]
) -> CollectionMarks:
    """Collect the marks of m submissions in the collection of that name, from their scores and their m `tables`.

    `scenes` maps each true scene, outliers among them, to its photos in the order of the labels.
    """
    clusters = [
        {
            image: scene
            for dataset, scene, image in zip(table.dataset, table.scene, table.image, strict=True)
            if dataset == name
        }
        for table in tables
    ]
    marks = {}
    for index, scored in enumerate(found[0].scenes):
        photos = scenes[scored.scene]
        of_scene = [collection.scenes[index] for collection in found]
        marks[scored.scene] = SceneMarks(
            within=np.stack([_within(photos, each) for each in of_scene], axis=1),
            in_cluster={
                scene: np.array(
                    [
                        [cluster[photo] == each.cluster for each, cluster in zip(of_scene, clusters, strict=True)]
                        for photo in others
                    ],
                    dtype=bool,
                )
                for scene, others in scenes.items()
            },
        )
    return CollectionMarks(len(found), {scene: len(photos) for scene, photos in scenes.items()}, marks)


def _within(photos: tuple[str, ...], scored: SceneScore) -> BoolArray:
    """Which of the photos (n, t) are within each of the t scored thresholds."""
    rows = {photo: row for row, photo in enumerate(photos)}
    within = np.zeros((len(photos), len(scored.thresholds)), dtype=bool)
    within[[rows[photo] for photo in scored.photos]] = scored.registration.errors < np.array(scored.thresholds)
    return within[:, NUM_UNSCORED_THRESHOLDS:]


def as_they_are(marks: CollectionMarks) -> Resampled:
    """The scores with every photo once: b is 1."""
    return _score(marks, {scene: np.ones((1, size)) for scene, size in marks.sizes.items()})


def resample_photos(marks: CollectionMarks, num_resamples: int, random: np.random.Generator) -> Resampled:
    """The scores in `num_resamples` resamples of the photos."""
    blocks = [_score(marks, weights) for weights in _draw_photos(marks.sizes, num_resamples, random)]
    return Resampled(
        collection=np.concatenate([block.collection for block in blocks]),
        scenes={scene: np.concatenate([block.scenes[scene] for block in blocks]) for scene in marks.scenes},
    )


def draw_seeds(seeds_of_runs: Sequence[int], num_resamples: int, random: np.random.Generator) -> list[FloatArray]:
    """How often (b, s) each of the s seeds of each run is drawn, as shares that sum to 1."""
    shares = []
    for num_seeds in seeds_of_runs:
        drawn = random.integers(num_seeds, size=(num_resamples, num_seeds))
        shares.append(_count(drawn, num_seeds) / num_seeds)
    return shares


def _draw_photos(
    sizes: Mapping[str, int], num_resamples: int, random: np.random.Generator
) -> Iterator[dict[str, FloatArray]]:
    """Yield blocks of resamples: how often (b, n) each of the n photos of each scene is drawn."""
    # The blocks' size hangs on the photos alone: a run more or less leaves the resamples as they are.
    block = max(1, _DRAWS_AT_ONCE // sum(sizes.values()))
    for start in range(0, num_resamples, block):
        rows = min(block, num_resamples - start)
        yield {scene: _count(random.integers(size, size=(rows, size)), size) for scene, size in sizes.items()}


def _count(drawn: NDArray[np.int64], size: int) -> FloatArray:
    """How often (b, size) each number below `size` occurs in each row of `drawn`."""
    rows = len(drawn)
    flat = (drawn + size * np.arange(rows)[:, None]).ravel()
    return np.bincount(flat, minlength=rows * size).reshape(rows, size).astype(np.float64)


def _score(marks: CollectionMarks, weights: Mapping[str, FloatArray]) -> Resampled:
    """The scores where each photo of each scene counts as often as its weights (b, n) say."""
    parts = {scene: _score_scene(scene, found, weights) for scene, found in marks.scenes.items()}
    if not parts:
        return Resampled(np.zeros((len(next(iter(weights.values()))), marks.num_submissions)), {})
    num_scored = next(iter(marks.scenes.values())).within.shape[2]

    def percent(of: Sequence[str]) -> FloatArray:
        accurate, common, cluster_sizes = (sum(parts[scene][part] for scene in of) for part in range(3))
        num_counted = num_scored * sum(marks.sizes[scene] - MIN_CAMERAS for scene in of)
        accuracy = accurate / num_counted if num_counted > 0 else np.zeros_like(accurate)
        clusterness = np.divide(common, cluster_sizes, out=np.zeros_like(common), where=cluster_sizes > 0)
        total = accuracy + clusterness
        mean: FloatArray = 100 * np.divide(2 * accuracy * clusterness, total, out=np.zeros_like(total), where=total > 0)
        return mean

    return Resampled(percent(list(parts)), {scene: percent([scene]) for scene in parts})


def _score_scene(
    scene: str, marks: SceneMarks, weights: Mapping[str, FloatArray]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of one scene, each (b, m): accurate cameras summed over thresholds, photos in its cluster, the cluster's size."""
    num_photos, num_submissions, num_scored = marks.within.shape
    inliers = weights[scene] @ marks.within.reshape(num_photos, -1).astype(np.float64)
    accurate = np.maximum(inliers.reshape(-1, num_submissions, num_scored) - MIN_CAMERAS, 0).sum(axis=2)
    members = {other: weights[other] @ found.astype(np.float64) for other, found in marks.in_cluster.items()}
    return accurate, members[scene], np.sum(list(members.values()), axis=0)
