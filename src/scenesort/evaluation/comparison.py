"""Compares runs on the same labels: scores, differences, which photos won and lost, and how much of it is chance.

A run may have several submissions, one a seed; its scores are means over them. Differences and their intervals are of
the repaired score, because the official one can gain from losing a whole scene (see `metric`).

The intervals hold the middle 95 % of bootstrap resamples (see `resampling`) of the photos, of the seeds, or of both.
Seeds of different runs are drawn independently. Intervals over few seeds are too narrow: with s seeds by about
√((s - 1) / s), so with three seeds by a fifth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from scenesort.errors import EvaluationError
from scenesort.evaluation.metric import CollectionScore, Evaluation, SceneScore, score
from scenesort.evaluation.registration import MIN_CAMERAS
from scenesort.evaluation.resampling import (
    as_they_are,
    collect_marks,
    draw_seeds,
    resample_photos,
)
from scenesort.evaluation.tables import NUM_UNSCORED_THRESHOLDS, PoseTable, Thresholds, read_poses, read_thresholds
from scenesort.evaluation.validation import OUTLIERS
from scenesort.types import FloatArray

NUM_RESAMPLES = 10_000
PERCENTILES = (2.5, 97.5)
_LEAST_SHARE = 1e-9
"""What rounding in a mean over seeds explains."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run to be compared: its name and its submissions, one a seed."""

    name: str
    submissions: tuple[PoseTable, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """The middle 95 % of the resamples."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Intervals:
    """How far a number moves with other photos, other seeds, or both; the latter are None where there is one seed."""

    photos: Interval
    seeds: Interval | None
    both: Interval | None

    @property
    def widest(self) -> Interval:
        """That of all that can be resampled."""
        return self.both or self.photos


@dataclass(frozen=True, slots=True)
class RunScore:
    """One run at one place, in percent, as means over its seeds.

    `score` and `repaired` are those of `Evaluation`; of a scene, both are the harmonic mean of its own `mAA` and
    `clusterness`. `spread` is the standard deviation of `repaired` over the seeds, None for a single one. `inliers`
    are numbers of cameras within each threshold, the unscored two first, summed over scenes. `intervals` are of
    `repaired`; `delta` is the run's `repaired` less the reference's, so 0 for the reference itself.
    """

    run: str
    score: float
    repaired: float
    mAA: float
    clusterness: float
    spread: float | None
    inliers: tuple[float, ...]
    intervals: Intervals
    delta: float
    delta_intervals: Intervals


@dataclass(frozen=True, slots=True)
class Place:
    """All runs in one collection, or in one of its scenes, or (both None) in the mean over collections."""

    collection: str | None
    scene: str | None
    num_photos: int
    runs: tuple[RunScore, ...]


@dataclass(frozen=True, slots=True)
class PhotoShares:
    """One photo of a true scene: the share of scored thresholds that it is within, 0 to 1, by run, mean over seeds."""

    collection: str
    scene: str
    image: str
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs on the same labels; the first is the reference of the differences.

    `places`: each collection before its scenes, in the order of the labels, and the mean over collections at the end.
    `photos`: all photos of true scenes. `warnings` are sentences on what is doubtful, with the run's name.
    """

    runs: tuple[str, ...]
    num_seeds: tuple[int, ...]
    places: tuple[Place, ...]
    photos: tuple[PhotoShares, ...]
    num_resamples: int
    seed: int
    warnings: tuple[str, ...] = ()

    def changed(self, run: int) -> list[tuple[PhotoShares, float]]:
        """The photos that a run won or lost against the reference, and by how much; the largest gain first."""
        deltas = [(photo, photo.shares[run] - photo.shares[0]) for photo in self.photos]
        found = [(photo, delta) for photo, delta in deltas if abs(delta) > _LEAST_SHARE]
        return sorted(found, key=lambda item: -item[1])

    def to_json(self) -> dict[str, object]:
        """All numbers, ready for `json.dump`."""
        return asdict(self)


def compare(
    labels: Path | PoseTable,
    runs: Sequence[Run],
    thresholds: Path | Mapping[tuple[str, str], FloatArray],
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare runs on the same labels; the first is the reference.

    The same labels and `seed` give the same resamples. Raises `EvaluationError`, with the run's name, where a
    submission doesn't fit the labels, as `score` does.
    """
    labels = read_poses(labels) if isinstance(labels, Path) else labels
    limits: Thresholds = read_thresholds(thresholds) if isinstance(thresholds, Path) else dict(thresholds)
    tables = [table for run in runs for table in run.submissions]
    evaluations, warnings = _score_all(runs, labels, limits)
    num_seeds = tuple(len(run.submissions) for run in runs)
    photos_random, seeds_random = (np.random.default_rng(part) for part in np.random.SeedSequence(seed).spawn(2))
    summary = _Summary(tuple(run.name for run in runs), num_seeds, draw_seeds(num_seeds, num_resamples, seeds_random))
    places: list[Place] = []
    shares: list[PhotoShares] = []
    whole: list[tuple[FloatArray, FloatArray]] = []
    for name, scenes in _scenes_of(labels).items():
        found = [evaluation.collections[name] for evaluation in evaluations]
        marks = collect_marks(name, scenes, found, tables)
        base, resampled = as_they_are(marks), resample_photos(marks, num_resamples, photos_random)
        whole.append((base.collection, resampled.collection))
        num_photos = sum(len(photos) for scene, photos in scenes.items() if scene != OUTLIERS)
        runs_here = summary.of([_of_collection(each) for each in found], base.collection, resampled.collection)
        places.append(Place(name, None, num_photos, runs_here))
        for index, scene in enumerate(marks.scenes):
            alone = [_of_scene(each.scenes[index]) for each in found]
            runs_here = summary.of(alone, base.scenes[scene], resampled.scenes[scene])
            places.append(Place(name, scene, len(scenes[scene]), runs_here))
            by_submission = marks.scenes[scene].within.mean(axis=2)
            shares += [
                PhotoShares(name, scene, photo, tuple(summary.means(by_submission[row]).tolist()))
                for row, photo in enumerate(scenes[scene])
            ]
    num_photos = sum(place.num_photos for place in places if place.scene is None)
    base_mean, resampled_mean = (np.mean(part, axis=0) for part in zip(*whole, strict=True))
    runs_here = summary.of([_of_all(evaluation) for evaluation in evaluations], base_mean, resampled_mean)
    places.append(Place(None, None, num_photos, runs_here))
    return Comparison(
        runs=summary.names,
        num_seeds=num_seeds,
        places=tuple(places),
        photos=tuple(shares),
        num_resamples=num_resamples,
        seed=seed,
        warnings=warnings,
    )


@dataclass(frozen=True, slots=True)
class _Official:
    """What the challenge's metric says of one submission at one place, in percent, and inliers by threshold."""

    score: float
    mAA: float
    clusterness: float
    inliers: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Summary:
    """Sums up m submissions as runs; `shares` are the (b, seeds) shares of the seeds of each run in each resample."""

    names: tuple[str, ...]
    num_seeds: tuple[int, ...]
    shares: list[FloatArray]

    def means(self, values: FloatArray) -> FloatArray:
        """Means (..., runs) over the seeds of each run of `values` (..., m)."""
        return np.stack([each.mean(axis=-1) for each in self._split(values)], axis=-1)

    def of(self, official: list[_Official], base: FloatArray, resampled: FloatArray) -> tuple[RunScore, ...]:
        """The runs with `official` scores by submission, and repaired ones as they are (1, m) and resampled (b, m)."""
        base = base[0]
        photos = self.means(resampled)
        both = zip(self._split(base), self.shares, strict=True)
        seeds = np.stack([share @ scores for scores, share in both], axis=1)
        pairs = zip(self._split(resampled), self.shares, strict=True)
        joint = np.stack([(share * scores).sum(axis=1) for scores, share in pairs], axis=1)
        repaired = self.means(base)
        columns = np.array([[each.score, each.mAA, each.clusterness] for each in official]).T
        score, accuracy, clusterness = self.means(columns)
        inliers = self.means(np.array([each.inliers for each in official], dtype=np.float64).T)
        found = []
        for run, name in enumerate(self.names):
            own = _intervals(photos[:, run], seeds[:, run], joint[:, run], self.num_seeds[run] > 1)
            gains = [values[:, run] - values[:, 0] for values in (photos, seeds, joint)]
            has_seeds = max(self.num_seeds[run], self.num_seeds[0]) > 1
            spread = float(np.std(self._split(base)[run], ddof=1)) if self.num_seeds[run] > 1 else None
            found.append(
                RunScore(
                    run=name,
                    score=float(score[run]),
                    repaired=float(repaired[run]),
                    mAA=float(accuracy[run]),
                    clusterness=float(clusterness[run]),
                    spread=spread,
                    inliers=tuple(inliers[:, run].tolist()),
                    intervals=own,
                    delta=float(repaired[run] - repaired[0]),
                    delta_intervals=_intervals(gains[0], gains[1], gains[2], has_seeds),
                )
            )
        return tuple(found)

    def _split(self, values: FloatArray) -> list[FloatArray]:
        return np.split(values, np.cumsum(self.num_seeds)[:-1], axis=-1)


def _intervals(photos: FloatArray, seeds: FloatArray, both: FloatArray, has_seeds: bool) -> Intervals:
    def middle(values: FloatArray) -> Interval:
        low, high = np.percentile(values, PERCENTILES)
        return Interval(float(low), float(high))

    return Intervals(middle(photos), middle(seeds) if has_seeds else None, middle(both) if has_seeds else None)


def _score_all(
    runs: Sequence[Run], labels: PoseTable, thresholds: Thresholds
) -> tuple[list[Evaluation], tuple[str, ...]]:
    """The evaluations of all submissions, run by run, and their warnings, each once for a run."""
    evaluations, warnings = [], []
    for run in runs:
        for table in run.submissions:
            try:
                evaluations.append(score(labels, table, thresholds))
            except EvaluationError as error:
                raise EvaluationError(f"run '{run.name}': {error}") from error
            warnings += [f"run '{run.name}': {sentence}" for sentence in evaluations[-1].warnings]
    return evaluations, tuple(dict.fromkeys(warnings))


def _scenes_of(labels: PoseTable) -> dict[str, dict[str, tuple[str, ...]]]:
    """collection → true scene (outliers, too) → photos, in the order of the labels."""
    found: dict[str, dict[str, list[str]]] = {}
    for dataset, scene, image in zip(labels.dataset, labels.scene, labels.image, strict=True):
        found.setdefault(dataset, {}).setdefault(scene, []).append(image)
    return {name: {scene: tuple(photos) for scene, photos in scenes.items()} for name, scenes in found.items()}


def _of_scene(found: SceneScore) -> _Official:
    num_scored = len(found.thresholds) - NUM_UNSCORED_THRESHOLDS
    num_counted = num_scored * (found.num_photos - MIN_CAMERAS)
    accuracy = 100 * found.accurate / num_counted if num_counted > 0 else 0.0
    clusterness = 100 * found.num_common / found.cluster_size if found.cluster_size else 0.0
    total = accuracy + clusterness
    return _Official(2 * accuracy * clusterness / total if total else 0.0, accuracy, clusterness, found.inliers)


def _of_collection(found: CollectionScore) -> _Official:
    return _Official(found.score, found.mAA, found.clusterness, _sum_inliers([found]))


def _of_all(found: Evaluation) -> _Official:
    collections = list(found.collections.values())
    return _Official(
        score=found.score,
        mAA=float(np.mean([each.mAA for each in collections])),
        clusterness=float(np.mean([each.clusterness for each in collections])),
        inliers=_sum_inliers(collections),
    )


def _sum_inliers(collections: Sequence[CollectionScore]) -> tuple[int, ...]:
    """Inliers by threshold, summed over all scenes."""
    columns = zip(*(scene.inliers for found in collections for scene in found.scenes), strict=True)
    return tuple(sum(column) for column in columns)
