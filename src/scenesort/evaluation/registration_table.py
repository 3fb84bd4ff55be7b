"""The registration table: which photo meets which threshold, and what the score makes of it.

A photo meets a threshold when its error under that threshold's own transform is smaller (strictly). At each threshold
the three photos of smallest error are removed, because any similarity brings three cameras near their places. What is
left at the scored thresholds adds up to the collection's mAA: `registration_tables` checks that it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from scenesort.evaluation.metric import CollectionScore, Evaluation, SceneScore
from scenesort.evaluation.registration import MIN_CAMERAS
from scenesort.evaluation.tables import NUM_UNSCORED_THRESHOLDS, PoseTable
from scenesort.evaluation.validation import OUTLIERS
from scenesort.types import FloatArray

BoolArray = NDArray[np.bool_]

_TOLERANCE = 1e-9
"""What rounding explains between two percentages."""


class PhotoState(StrEnum):
    """What became of a photo of a true scene."""

    POSED = "posed"
    """In the scene's cluster, with a pose."""
    UNPOSED = "unposed"
    """In the scene's cluster, without a pose."""
    NO_TRUTH = "no true pose"
    """In the scene's cluster with a pose, but the labels give none to compare with."""
    ELSEWHERE = "in another cluster"
    OUTLIER = "among the outliers"


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """One photo of a true scene.

    `cluster` is the cluster it was put in, `outliers` for none. `errors` holds its distance from its true place under
    each threshold's own transform, in the unit of the true cameras, infinite where there is none; `error` is the one of
    the largest threshold. `is_met` and `is_removed` tell for each threshold whether the error is smaller, and whether
    the photo is one of the three that the score takes off there. `accuracy` is the share of the scored thresholds that
    it meets, 0 to 1.
    """

    photo: str
    state: PhotoState
    cluster: str
    errors: tuple[float, ...]
    error: float
    is_met: tuple[bool, ...]
    is_removed: tuple[bool, ...]
    accuracy: float

    @property
    def removed_at(self) -> str:
        """The thresholds at which the photo is taken off, numbered from 1: `3-6`, `1,4-5`, or nothing."""
        numbers = [number for number, is_removed in enumerate(self.is_removed, start=1) if is_removed]
        runs: list[list[int]] = []
        for number in numbers:
            if runs and number == runs[-1][-1] + 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


@dataclass(frozen=True, slots=True)
class ForeignPhoto:
    """A photo in a scene's cluster that belongs elsewhere: `scene` is its true scene, `outliers` for none."""

    photo: str
    scene: str
    has_pose: bool


@dataclass(frozen=True, slots=True)
class SceneTable:
    """One true scene: a row a photo, in the order of the labels, and the other photos of its cluster.

    `cluster` is None where the scene shares no photo with any cluster. `thresholds` are t distances in the unit of the
    true cameras, of which the first two are not scored; `largest` is the index of the largest, the first of equals.
    """

    scene: str
    cluster: str | None
    cluster_size: int
    thresholds: tuple[float, ...]
    largest: int
    rows: tuple[PhotoRow, ...]
    foreign: tuple[ForeignPhoto, ...]

    @property
    def threshold_texts(self) -> tuple[str, ...]:
        """The thresholds as text, with three digits, or as many as it takes to tell them apart."""
        for digits in range(3, 18):
            texts = tuple(f"{threshold:.{digits}g}" for threshold in self.thresholds)
            if len(set(texts)) == len(set(self.thresholds)):
                break
        return texts

    @property
    def num_met(self) -> int:
        """Marks at the scored thresholds."""
        return sum(sum(row.is_met[NUM_UNSCORED_THRESHOLDS:]) for row in self.rows)

    @property
    def num_removed(self) -> int:
        """Marks that the score takes off: up to three at each scored threshold."""
        return sum(sum(row.is_removed[NUM_UNSCORED_THRESHOLDS:]) for row in self.rows)

    @property
    def num_accurate(self) -> int:
        """Marks that count."""
        return self.num_met - self.num_removed

    @property
    def num_possible(self) -> int:
        """Marks that would count if every photo met every threshold; not positive for three photos or fewer."""
        return self.num_scored * (len(self.rows) - MIN_CAMERAS)

    @property
    def num_unscored(self) -> int:
        """How many thresholds are searched but not scored: the first of them."""
        return NUM_UNSCORED_THRESHOLDS

    @property
    def num_scored(self) -> int:
        """How many thresholds are scored."""
        return len(self.thresholds) - NUM_UNSCORED_THRESHOLDS

    @property
    def state_counts(self) -> dict[PhotoState, int]:
        """How many photos there are of each state that occurs."""
        return {state: count for state in PhotoState if (count := sum(row.state is state for row in self.rows))}

    @property
    def foreign_by_scene(self) -> dict[str, list[ForeignPhoto]]:
        """The other photos of the cluster by their true scene."""
        by_scene: dict[str, list[ForeignPhoto]] = {}
        for photo in self.foreign:
            by_scene.setdefault(photo.scene, []).append(photo)
        return by_scene

    @property
    def mAA(self) -> float:
        """The scene's mean average accuracy in percent, 0 where no mark can count."""
        return 100 * self.num_accurate / self.num_possible if self.num_possible > 0 else 0.0


@dataclass(frozen=True, slots=True)
class CollectionTable:
    """One collection: its scenes in the order of the labels, and its scores.

    `num_possible` is the official denominator of mAA. It is the sum of the scenes' own, except where a scene shares no
    photo with any cluster and the submission begins with outliers: the official score then leaves the scene's photos
    out, yet not the three that each scene has removed.
    """

    name: str
    scenes: tuple[SceneTable, ...]
    num_possible: int
    score: CollectionScore

    @property
    def num_accurate(self) -> int:
        """Marks that count, over all scenes."""
        return sum(scene.num_accurate for scene in self.scenes)

    def describe(self) -> str:
        """Return the collection's official figures in one line."""
        score = self.score
        return f"{self.name}: score={score.score:.2f}% (mAA={score.mAA:.2f}%, clusterness={score.clusterness:.2f}%)"


def registration_tables(labels: PoseTable, submission: PoseTable, evaluation: Evaluation) -> dict[str, CollectionTable]:
    """Make the table of each collection from what was scored and its `evaluation`, in the order of the labels.

    Raises RuntimeError where a table doesn't add up to the score: a mistake of ours, never of the user.
    """
    scored = set(labels.dataset)
    truth, submitted = _Photos(labels, scored), _Photos(submission, scored)
    tables = {}
    for name, score in evaluation.collections.items():
        scenes = tuple(_scene_table(name, scene, truth, submitted) for scene in score.scenes)
        tables[name] = CollectionTable(name, scenes, _official_denominator(name, scenes, submission), score)
        _check(tables[name])
    return tables


class _Photos:
    """Where the photos of a table are, and which have a centre."""

    def __init__(self, table: PoseTable, datasets: set[str]) -> None:
        has_center = np.asarray(np.isfinite(table.center_in_world).all(axis=1))
        self.scene: dict[tuple[str, str], str] = {}
        self.has_pose: dict[tuple[str, str], bool] = {}
        self.members: dict[tuple[str, str], list[str]] = {}
        for row, (dataset, scene, image) in enumerate(zip(table.dataset, table.scene, table.image, strict=True)):
            if dataset in datasets:
                self.scene[dataset, image] = scene
                self.has_pose[dataset, image] = bool(has_center[row])
                self.members.setdefault((dataset, scene), []).append(image)


def _scene_table(dataset: str, score: SceneScore, truth: _Photos, submitted: _Photos) -> SceneTable:
    thresholds = np.array(score.thresholds)
    largest = score.thresholds.index(max(score.thresholds))
    photos = truth.members[dataset, score.scene]
    index_of = {photo: index for index, photo in enumerate(score.photos)}
    errors = np.full((len(photos), len(thresholds)), np.inf)
    for row, photo in enumerate(photos):
        if photo in index_of:
            errors[row] = score.registration.errors[index_of[photo]]
    is_met: BoolArray = errors < thresholds
    is_removed = find_removed(errors, is_met)
    rows = []
    for row, photo in enumerate(photos):
        rows.append(
            PhotoRow(
                photo=photo,
                state=_state((dataset, photo), score.cluster, truth, submitted),
                cluster=submitted.scene[dataset, photo],
                errors=tuple(errors[row].tolist()),
                error=float(errors[row, largest]),
                is_met=tuple(is_met[row].tolist()),
                is_removed=tuple(is_removed[row].tolist()),
                accuracy=float(np.mean(is_met[row, NUM_UNSCORED_THRESHOLDS:])),
            )
        )
    members = submitted.members[dataset, score.cluster] if score.cluster is not None else []
    foreign = tuple(
        ForeignPhoto(photo, truth.scene[dataset, photo], submitted.has_pose[dataset, photo])
        for photo in members
        if truth.scene[dataset, photo] != score.scene
    )
    return SceneTable(score.scene, score.cluster, score.cluster_size, score.thresholds, largest, tuple(rows), foreign)


def find_removed(errors: FloatArray, is_met: BoolArray) -> BoolArray:
    """Tell which of n photos the score takes off at each of t thresholds, (n, t).

    At each threshold these are the three inliers of smallest error, or all where there are fewer; the first row wins
    a tie. `errors` (n, t) are distances, `is_met` (n, t) tells the inliers.
    """
    # A stable sort keeps equals in the order of the rows; inliers come before all others.
    order = np.argsort(errors, axis=0, kind="stable")[:MIN_CAMERAS]
    is_removed = np.zeros_like(is_met)
    np.put_along_axis(is_removed, order, True, axis=0)
    removed: BoolArray = is_removed & is_met
    return removed


def _state(photo: tuple[str, str], cluster: str | None, truth: _Photos, submitted: _Photos) -> PhotoState:
    own = submitted.scene[photo]
    if own == OUTLIERS:
        return PhotoState.OUTLIER
    if own != cluster:
        return PhotoState.ELSEWHERE
    if not submitted.has_pose[photo]:
        return PhotoState.UNPOSED
    return PhotoState.POSED if truth.has_pose[photo] else PhotoState.NO_TRUTH


def _official_denominator(dataset: str, scenes: Sequence[SceneTable], submission: PoseTable) -> int:
    first_cluster = submission.scene[submission.dataset.index(dataset)]
    possible = sum(scene.num_possible for scene in scenes)
    if first_cluster == OUTLIERS:
        possible -= sum(scene.num_scored * len(scene.rows) for scene in scenes if scene.cluster is None)
    return possible


def _check(table: CollectionTable) -> None:
    """Raise RuntimeError unless the marks of each scene and of the collection add up to the score."""
    for scene, score in zip(table.scenes, table.score.scenes, strict=True):
        if scene.num_accurate != score.accurate:
            raise RuntimeError(
                f"The registration table of scene '{scene.scene}' of collection '{table.name}' counts"
                f" {scene.num_accurate} marks, and the score counts {score.accurate}."
            )
    mAA = 100 * table.num_accurate / table.num_possible if table.num_possible > 0 else 0.0
    if abs(mAA - table.score.mAA) > _TOLERANCE * max(1.0, mAA):
        raise RuntimeError(
            f"The registration table of collection '{table.name}' gives mAA {mAA!r}, and the score gives"
            f" {table.score.mAA!r}."
        )
