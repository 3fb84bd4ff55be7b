"""Wrong conventions are recognised; right, noisy and random poses are left alone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from builders import FloatArray, random_rotation
from wrong_poses import WRONG, corrupt, make_world

from scenesort.evaluation import PoseTable, score
from scenesort.evaluation.conventions import READINGS, find_reading, read_as
from scenesort.evaluation.diagnosis import Diagnosis, Reason, diagnose


def scramble(table: PoseTable, seed: int, *, rotations: bool = True, centers: bool = True) -> PoseTable:
    """The table with random rotations, random centres, or both."""
    random = np.random.default_rng(seed)
    R = np.array([random_rotation(random) for _ in range(len(table))]) if rotations else table.rotation
    c = random.normal(size=(len(table), 3)) if centers else table.center_in_world
    return replace(table, rotation=R, translation=-np.einsum("nij,nj->ni", R, c))


def reading_of(found: Diagnosis, collection: str = "park") -> str:
    return found.collections[collection].reading.name


@pytest.mark.parametrize(
    ("name", "noise"), [*((name, 0.4) for name in WRONG), ("camera-to-world", 0.0), ("opengl", 0.0), ("mirrored", 0.0)]
)
def test_each_wrong_convention_is_recognised(name: str, noise: float) -> None:
    labels, right, thresholds = make_world(5, num_photos=8 if noise else 5, noise=noise)
    of_right = score(labels, right, thresholds).score
    assert of_right == 100 if noise == 0 else 50 < of_right < 70
    found = diagnose(labels, corrupt(right, WRONG[name]), thresholds)
    assert reading_of(found) == name
    assert found.collections["park"].reason is Reason.POSES
    assert found.score_as_read == pytest.approx(of_right)
    (sentence,) = found.sentences()
    assert sentence.startswith(f"These look like {find_reading(name).phrase}: ")
    np.testing.assert_allclose(read_as(corrupt(right, WRONG[name]), found.chosen).rotation, right.rotation, atol=1e-9)


def test_the_sentence_of_the_issue() -> None:
    labels, right, thresholds = make_world(2, noise=0.4)
    found = diagnose(labels, corrupt(right, WRONG["camera-to-world"]), thresholds)
    assert found.sentences() == [
        "These look like camera-to-world poses: read so, the score would be"
        f" {found.score_as_read:.1f} instead of {found.score:.1f}."
    ]
    assert found.score_as_read > found.score + 30


@pytest.mark.parametrize("noise", [0.0, 0.4])
@pytest.mark.parametrize("seed", range(3))
def test_right_poses_are_left_alone(seed: int, noise: float) -> None:
    labels, right, thresholds = make_world(seed, num_photos=8, noise=noise)
    found = diagnose(labels, right, thresholds)
    assert reading_of(found) == "as-given"
    assert found.chosen == {}
    assert found.score_as_read == found.score == score(labels, right, thresholds).score
    assert found.sentences() == [f"The poses fit as given: the score is {found.score:.1f}."]


@pytest.mark.parametrize("seed", range(20))
def test_random_poses_are_not_recognised(seed: int) -> None:
    labels, right, thresholds = make_world(seed, num_photos=5)
    found = diagnose(labels, scramble(right, seed), thresholds)
    assert found.chosen == {}
    assert found.collections["park"].reason is Reason.NOTHING_FITS
    assert found.sentences()[0].startswith("The poses fit no reading")


def test_flipped_axes_that_the_score_does_not_see_are_told() -> None:
    labels, right, thresholds = make_world(0)
    found = diagnose(labels, corrupt(right, WRONG["opengl"]), thresholds)
    assert found.score == pytest.approx(100.0)
    assert "hardly tells (100.0 either way), but programs that use rotations will fail" in found.sentences()[0]


def test_centres_alone_are_enough_where_no_rotation_is_right() -> None:
    labels, right, thresholds = make_world(0, num_photos=14)
    odd = scramble(right, 1, centers=False)
    left_alone = diagnose(labels, odd, thresholds)
    assert left_alone.chosen == {}
    assert left_alone.sentences()[0].endswith("The rotations agree with the labels in no reading.")
    found = diagnose(labels, replace(odd, translation=right.center_in_world), thresholds)
    assert found.collections["park"].reason is Reason.CENTRES
    assert found.score < 30
    assert found.score_as_read == pytest.approx(100.0)
    assert found.sentences()[0].endswith("The rotations agree with the labels in no reading.")


def test_collections_are_told_apart_and_the_undecided_follow_the_others() -> None:
    datasets = ("park", "town", "lake")
    labels, right, thresholds = make_world(4, datasets=datasets)
    wrong = corrupt(right, WRONG["camera-to-world"], ("park",))
    mixed = diagnose(labels, wrong, thresholds)
    assert [reading_of(mixed, name) for name in datasets] == ["camera-to-world", "as-given", "as-given"]
    assert len(mixed.sentences()) == 4
    assert mixed.sentences()[0].startswith("Collection 'park': these look like camera-to-world poses: read so, its")
    assert mixed.sentences()[1] == "Collection 'town': the poses fit as given: its score is 100.0."
    assert mixed.sentences()[3].startswith("All together, the score would be 100.0 instead of ")
    all_wrong = corrupt(right, WRONG["camera-to-world"])
    in_lake = np.array(labels.dataset) == "lake"
    scrambled = scramble(all_wrong, 0)
    undecided = replace(
        all_wrong,
        rotation=np.where(in_lake[:, None, None], scrambled.rotation, all_wrong.rotation),
        translation=np.where(in_lake[:, None], scrambled.translation, all_wrong.translation),
    )
    found = diagnose(labels, undecided, thresholds)
    assert [reading_of(found, name) for name in datasets] == ["camera-to-world"] * 3
    assert found.collections["lake"].reason is Reason.OTHERS


def test_large_scenes_are_sampled_but_scored_in_full() -> None:
    labels, right, thresholds = make_world(0, num_photos=33)
    found = diagnose(labels, corrupt(right, WRONG["transposed"]), thresholds)
    assert found.is_sampled
    assert reading_of(found) == "transposed"
    assert found.score == score(labels, corrupt(right, WRONG["transposed"]), thresholds).score
    assert not diagnose(*make_world(0, num_photos=5)).is_sampled


def level(R: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The camera upright on level ground."""
    eye = -R.T @ t * np.array([1.0, 0.0, 1.0])
    forward = -eye / np.linalg.norm(eye)
    upright = np.stack([np.cross([0.0, 1.0, 0.0], forward), [0.0, 1.0, 0.0], forward])
    return upright, -upright @ eye


def test_reflections_are_no_rotations_even_where_centres_fit() -> None:
    """Cameras in a plane have the same centres in the mirror, and the same relative poses: yet no pose is one."""
    labels, _, thresholds = make_world(0)
    flat = corrupt(labels, level)
    found = diagnose(flat, corrupt(flat, lambda R, t: (R @ np.diag([1.0, -1.0, 1.0]), t)), thresholds)
    assert found.score == pytest.approx(100.0)
    assert reading_of(found) == "mirrored"
    assert found.readings[0].agreement == 0.0


def test_cameras_in_a_plane_have_no_mirror_image() -> None:
    """Upright cameras on level ground: the mirrored reading gives the same poses, and the plainest is taken."""
    labels, _, thresholds = make_world(0)
    flat = corrupt(labels, level)
    as_given, mirrored = (diagnose(flat, table, thresholds) for table in (flat, corrupt(flat, WRONG["left-handed"])))
    assert as_given.chosen == mirrored.chosen == {}
    assert as_given.score == mirrored.score == 100.0


def test_poses_that_are_missing_or_extreme_are_no_trouble() -> None:
    labels, right, thresholds = make_world(0, num_photos=5)
    empty = replace(right, rotation=np.full_like(right.rotation, np.nan))
    found = diagnose(labels, empty, thresholds)
    assert found.collections["park"].reason is Reason.NOTHING_FITS
    assert json.loads(json.dumps(found.to_json()))["readings"][0]["error_deg"] is None
    extreme = replace(right, translation=right.translation * 1e200)
    extreme.rotation[3] = 1e180
    extreme.rotation[4] = 0.0
    assert len(diagnose(labels, extreme, thresholds).readings) == len(READINGS)
