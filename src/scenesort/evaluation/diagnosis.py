"""Finds out whether a submission's poses follow another convention than cam_from_world.

Every reading of the poses is scored, and the relative poses between photos are held against the true ones. The score
sees camera centres alone, which several readings share; relative poses tell these apart, and they are hard to get right
by chance: two random rotations agree within 10 degrees once in 3,500 times.

A reading is recommended for a collection in one of three cases.

1. By poses: at least 10 % of the photo pairs agree with the truth in this reading, twice as many as in the poses as
   given or 20 points more, and the score is not lower by more than 5 points (cameras in a plane lose nothing when
   they are mirrored, and may even gain by chance).
2. By centres: no reading makes 10 % of the pairs agree, but this one scores at least 20 points more than the poses as
   given, with at least 6 more photos in place.
3. By the other collections: this one alone shows nothing, as given it has less than 20 points, and all collections that
   do show something agree on one reading.

Of readings that fit alike (95 % of the most pairs, a point below the best score), the plainest is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from scenesort.evaluation.conventions import AS_GIVEN, READINGS, Reading, read_as
from scenesort.evaluation.metric import score
from scenesort.evaluation.reading_scores import ReadingScore, Sample, pool
from scenesort.evaluation.tables import PoseTable, Thresholds, read_poses, read_thresholds
from scenesort.types import FloatArray

_LEAST_AGREEMENT = 0.1
_LEAST_AGREEMENT_RATIO = 2.0
_LEAST_AGREEMENT_GAIN = 0.2
_SCORE_LEFT_TO_CHANCE = 5.0
_LEAST_GAIN = 20.0
_LEAST_PHOTOS_GAINED = 6
_ALIKE_AGREEMENT = 0.95
_ALIKE_SCORE = 1.0


class Reason(Enum):
    """Why a collection is read as it is; see the module."""

    POSES = "poses"
    CENTRES = "centres"
    OTHERS = "other collections"
    FITS_AS_GIVEN = "fits as given"
    NOTHING_FITS = "nothing fits"


@dataclass(frozen=True, slots=True)
class CollectionDiagnosis:
    """The reading of one collection and why; `score` as given and `score_as_read` in percent, on all photos."""

    reading: Reading
    reason: Reason
    score: float
    score_as_read: float
    readings: tuple[ReadingScore, ...]

    @property
    def rotations_agree(self) -> bool:
        """Whether the relative poses agree with the truth in the reading that was chosen."""
        return any(found.reading is self.reading and found.agreement >= _LEAST_AGREEMENT for found in self.readings)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found, over all collections.

    `readings` are in the order of `READINGS`, as given first, measured on at most `MAX_PHOTOS` photos a scene
    (`is_sampled`: some scene has more). `score` (as given) and `score_as_read` (each collection by its reading) are in
    percent, on all photos. `warnings` are those of the score as given.
    """

    score: float
    score_as_read: float
    is_sampled: bool
    readings: tuple[ReadingScore, ...]
    collections: dict[str, CollectionDiagnosis]
    warnings: tuple[str, ...] = field(default=(), repr=False)

    @property
    def chosen(self) -> dict[str, Reading]:
        """The reading of each collection that isn't to be read as given."""
        return {name: found.reading for name, found in self.collections.items() if found.reading is not AS_GIVEN}

    def sentences(self) -> list[str]:
        """What was found, in sentences: one for all collections where they are alike, else one for each."""
        kinds = {(found.reading.name, found.reason, found.rotations_agree) for found in self.collections.values()}
        if len(kinds) == 1:
            found = replace(next(iter(self.collections.values())), score=self.score, score_as_read=self.score_as_read)
            text = _sentence("the", found)
            return [text[0].upper() + text[1:]]
        found_ones = [f"Collection '{name}': {_sentence('its', found)}" for name, found in self.collections.items()]
        if self.chosen:
            found_ones.append(f"All together, the score would be {self.score_as_read:.1f} instead of {self.score:.1f}.")
        return found_ones

    def to_json(self) -> dict[str, object]:
        """The scores in percent and errors in degrees, ready for `json.dump`."""
        return {
            "score": self.score,
            "score_as_read": self.score_as_read,
            "sentences": self.sentences(),
            "is_sampled": self.is_sampled,
            "readings": [found.to_json() for found in self.readings],
            "collections": {
                name: {
                    "reading": found.reading.name,
                    "reason": found.reason.value,
                    "score": found.score,
                    "score_as_read": found.score_as_read,
                    "readings": [each.to_json() for each in found.readings],
                }
                for name, found in self.collections.items()
            },
        }


def diagnose(
    labels: Path | PoseTable, submission: Path | PoseTable, thresholds: Path | Mapping[tuple[str, str], FloatArray]
) -> Diagnosis:
    """Find the reading of each collection of a submission; raises `EvaluationError` as `score` does."""
    labels = read_poses(labels) if isinstance(labels, Path) else labels
    submission = read_poses(submission) if isinstance(submission, Path) else submission
    limits: Thresholds = read_thresholds(thresholds) if isinstance(thresholds, Path) else dict(thresholds)
    as_given = score(labels, submission, limits)
    sample = Sample(labels, submission, limits)
    by_collection = {name: tuple(sample.measure(name, reading) for reading in READINGS) for name in sample.names}
    verdicts = {name: _decide([measured.score for measured in found]) for name, found in by_collection.items()}
    verdicts = _follow_others(verdicts)
    chosen = {name: reading for name, (reading, _) in verdicts.items() if reading is not AS_GIVEN}
    as_read = score(labels, read_as(submission, chosen), limits) if chosen else as_given
    collections = {
        name: CollectionDiagnosis(
            reading=reading,
            reason=reason,
            score=as_given.collections[name].score,
            score_as_read=as_read.collections[name].score,
            readings=tuple(measured.score for measured in by_collection[name]),
        )
        for name, (reading, reason) in verdicts.items()
    }
    return Diagnosis(
        score=as_given.score,
        score_as_read=as_read.score,
        is_sampled=len(sample.labels) < len(labels),
        readings=tuple(pool(of_one) for of_one in zip(*by_collection.values(), strict=True)),
        collections=collections,
        warnings=as_given.warnings,
    )


def _sentence(whose: str, found: CollectionDiagnosis) -> str:
    """What was found of one collection, or of all, which `whose` score tells."""
    before, after = f"{found.score:.1f}", f"{found.score_as_read:.1f}"
    blind = "" if found.rotations_agree else " The rotations agree with the labels in no reading."
    if found.reason is Reason.NOTHING_FITS:
        return (
            f"the poses fit no reading ({whose} score is {before} as given): either too few photos have a pose, or the"
            " poses are wrong otherwise than by their convention."
        )
    if found.reason is Reason.FITS_AS_GIVEN:
        return f"the poses fit as given: {whose} score is {before}.{blind}"
    if found.reason is Reason.OTHERS:
        blind = " They show nothing by themselves, and are read as the other collections are."
    looks = f"these look like {found.reading.phrase}: "
    if abs(found.score_as_read - found.score) < _SCORE_LEFT_TO_CHANCE:
        same = f"{before} either way" if before == after else f"{before} as given, {after} so read"
        return (
            f"{looks}{whose} score sees camera centres alone and hardly tells ({same}), but programs that use rotations"
            f" will fail.{blind}"
        )
    return f"{looks}read so, {whose} score would be {after} instead of {before}.{blind}"


def _decide(found: list[ReadingScore]) -> tuple[Reading, Reason]:
    """The reading of one collection, seen alone; `found` are its readings, as given first."""
    given = found[0]
    most = max(each.agreement for each in found)
    if most >= _LEAST_AGREEMENT:
        best = _plainest([each for each in found if each.agreement >= _ALIKE_AGREEMENT * most])
        is_clear = best.agreement >= min(
            _LEAST_AGREEMENT_RATIO * given.agreement, given.agreement + _LEAST_AGREEMENT_GAIN
        )
        if is_clear and best.repaired >= given.repaired - _SCORE_LEFT_TO_CHANCE:
            return best.reading, Reason.POSES
        fits = given.agreement >= _LEAST_AGREEMENT or given.repaired >= _LEAST_GAIN
        return AS_GIVEN, Reason.FITS_AS_GIVEN if fits else Reason.NOTHING_FITS
    best = _plainest(found)
    if (
        best.repaired >= given.repaired + _LEAST_GAIN
        and best.photos_in_place >= given.photos_in_place + _LEAST_PHOTOS_GAINED
    ):
        return best.reading, Reason.CENTRES
    return AS_GIVEN, Reason.FITS_AS_GIVEN if given.repaired >= _LEAST_GAIN else Reason.NOTHING_FITS


def _plainest(found: list[ReadingScore]) -> ReadingScore:
    """The first that is within a point of the best score."""
    most = max(each.repaired for each in found)
    return next(each for each in found if each.repaired >= most - _ALIKE_SCORE)


def _follow_others(verdicts: dict[str, tuple[Reading, Reason]]) -> dict[str, tuple[Reading, Reason]]:
    """The verdicts, where collections in which nothing fits follow the others, if those agree on one reading."""
    decided = {reading.name: reading for reading, reason in verdicts.values() if reason is not Reason.NOTHING_FITS}
    if len(decided) != 1 or AS_GIVEN.name in decided:
        return verdicts
    (common,) = decided.values()
    return {
        name: (common, Reason.OTHERS) if reason is Reason.NOTHING_FITS else (reading, reason)
        for name, (reading, reason) in verdicts.items()
    }
