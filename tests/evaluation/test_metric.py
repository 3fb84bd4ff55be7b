"""The challenge score: the official cases, plain loops, invariances, the official faults, refusals and warnings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import NO_POSE, THRESHOLDS, FloatArray, Row, blur, make_scene, make_table, move, random_centers
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference_collection

from scenesort.errors import EvaluationError
from scenesort.evaluation import Evaluation, PoseTable, score

CASES = Path(__file__).parents[3] / "shared" / "data" / "metric_cases"
SEEDS = st.integers(0, 2**32 - 1)


def thresholds_for(table: PoseTable) -> dict[tuple[str, str], FloatArray]:
    return {key: THRESHOLDS for key in zip(table.dataset, table.scene, strict=True)}


def score_rows(true: list[Row], submitted: list[Row]) -> Evaluation:
    labels = make_table(true, "labels")
    return score(labels, make_table(submitted, "submission", seed=1), thresholds_for(labels))


def random_collection(random: np.random.Generator) -> tuple[list[Row], list[Row]]:
    """Labels of two scenes and outliers, and a submission that splits, mixes, drops and blurs some of it."""
    true, submitted = [], []
    for scene in ("gate", "pond"):
        centers = random_centers(random, random.integers(6, 10))
        true += make_scene(scene, centers)
        found = move(blur(centers, random), random)
        found[random.random(len(found)) < 0.1] = np.nan
        submitted += make_scene(scene, found)
    outliers = make_scene("outliers", np.tile(NO_POSE, (3, 1)))
    true, submitted = outliers + true, outliers + submitted
    names = ["A", "B", "outliers", "gate"]
    astray = random.random(len(submitted)) < random.choice([0.1, 0.5])
    submitted = [
        (dataset, str(random.choice(names)) if is_astray else scene, image, center)
        for (dataset, scene, image, center), is_astray in zip(submitted, astray, strict=True)
    ]
    return true, [submitted[index] for index in random.permutation(len(submitted))]


def by_scene(rows: list[Row]) -> dict[str, dict[str, FloatArray]]:
    groups: dict[str, dict[str, FloatArray]] = {}
    for _, scene, image, center in rows:
        groups.setdefault(scene, {})[image] = center
    return groups


# The official cases


@pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared/data/metric_cases beside the checkout")
def test_official_cases_to_the_digit() -> None:
    folders = [folder for folder in sorted(CASES.iterdir()) if folder.is_dir()]
    assert len(folders) >= 27
    for folder in folders:
        expected = json.loads((folder / "expected.json").read_text())
        tables = folder / "labels.csv", folder / "submission.csv", CASES / "thresholds.csv"
        if "error" in expected:
            with pytest.raises(EvaluationError):
                score(*tables)
            continue
        found = score(*tables)
        assert found.score == pytest.approx(expected["score"], abs=1e-9), folder.name
        assert set(found.collections) == set(expected["datasets"]), folder.name
        for name, values in expected["datasets"].items():
            for quantity, value in values.items():
                assert getattr(found.collections[name], quantity) == pytest.approx(value, abs=1e-9), folder.name


# Against plain loops


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_equals_plain_loops(seed: int) -> None:
    true, submitted = random_collection(np.random.default_rng(seed))
    found = score_rows(true, submitted)
    scenes = by_scene(true)
    expected = reference_collection(scenes, by_scene(submitted), dict.fromkeys(scenes, THRESHOLDS))
    park = found.collections["park"]
    assert (park.score, park.repaired, park.mAA, park.clusterness) == pytest.approx(expected, abs=1e-9)
    assert (found.score, found.repaired) == (park.score, park.repaired)


# Invariances


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_a_similarity_of_each_cluster_changes_nothing(seed: int) -> None:
    random = np.random.default_rng(seed)
    true, submitted = random_collection(random)
    moved = []
    for cluster, photos in by_scene(submitted).items():
        centers = move(np.array(list(photos.values())), random)
        moved += [("park", cluster, photo, center) for photo, center in zip(photos, centers, strict=True)]
    assert score_rows(true, moved).score == pytest.approx(score_rows(true, submitted).score, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_the_order_of_rows_changes_nothing(seed: int) -> None:
    """But for the order of the clusters, which decides between equals: the first photo of each stays in front."""
    random = np.random.default_rng(seed)
    true, submitted = random_collection(random)
    first = {row[1]: row for row in reversed(submitted)}
    in_front = [row for row in submitted if first[row[1]] is row]
    others = [row for row in submitted if first[row[1]] is not row]
    shuffled = in_front + [others[index] for index in random.permutation(len(others))]
    before = score_rows(true, submitted)
    after = score_rows([true[index] for index in random.permutation(len(true))], shuffled)
    assert after.score == pytest.approx(before.score, abs=1e-9)
    assert after.repaired == pytest.approx(before.repaired, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_a_perfect_submission_scores_100(seed: int) -> None:
    random = np.random.default_rng(seed)
    true, submitted = [], []
    for scene in ("gate", "pond"):
        centers = random_centers(random, random.integers(4, 12))
        true += make_scene(scene, centers)
        submitted += make_scene(f"cluster {scene}", move(centers, random), photos=scene)
    found = score_rows(true, submitted)
    assert found.score == found.repaired == 100
    assert found.warnings == ()


# By hand

RANDOM = np.random.default_rng(0)
GATE = make_scene("gate", random_centers(RANDOM, 9))
POND = make_scene("pond", random_centers(RANDOM, 10))
OUTLIERS = make_scene("outliers", np.tile(NO_POSE, (3, 1)))
TRUE = OUTLIERS + GATE + POND


def put(rows: list[Row], cluster: str) -> list[Row]:
    return [(dataset, cluster, image, center) for dataset, _, image, center in rows]


def without_pose(rows: list[Row]) -> list[Row]:
    return [(dataset, scene, image, NO_POSE) for dataset, scene, image, _ in rows]


def test_scenes_tell_what_was_matched() -> None:
    submitted = put(GATE[:7], "A") + put(GATE[7:] + OUTLIERS, "B") + put(POND[:9], "C") + without_pose(POND[9:])
    found = score_rows(TRUE, submitted)
    gate, pond = found.collections["park"].scenes
    assert (gate.scene, gate.cluster, gate.num_photos, gate.num_common, gate.cluster_size) == ("gate", "A", 9, 7, 7)
    assert (pond.scene, pond.cluster, pond.num_photos, pond.num_common, pond.cluster_size) == ("pond", "C", 10, 9, 9)
    assert gate.thresholds == tuple(THRESHOLDS)
    assert gate.inliers == (7,) * 6
    assert gate.accurate == 4 * 4
    assert gate.photos == tuple(image for _, _, image, _ in GATE[:7])
    assert gate.registration.errors.shape == (7, 6)
    # Gate 7 - 3 and pond 9 - 3, of 9 - 3 and 10 - 3.
    assert found.collections["park"].mAA == pytest.approx(100 * (4 + 6) / (6 + 7))
    assert found.collections["park"].clusterness == 100


def test_the_first_two_thresholds_are_not_scored() -> None:
    labels = make_table(TRUE)
    submission = make_table(TRUE, seed=1)
    tight_first = dict.fromkeys(thresholds_for(labels), np.array([0, 0, 0.1, 0.1]))
    tight_last = dict.fromkeys(thresholds_for(labels), np.array([0.1, 0.1, 0, 0]))
    assert score(labels, submission, tight_first).score == 100
    assert score(labels, submission, tight_last).score < 50


def test_photos_without_a_pose_choose_the_cluster_but_are_never_inliers() -> None:
    submitted = TRUE[:3] + without_pose(put(GATE[:5], "many")) + put(GATE[5:], "accurate") + POND
    gate = score_rows(TRUE, submitted).collections["park"].scenes[0]
    assert (gate.cluster, gate.num_common, gate.inliers) == ("many", 5, (0,) * 6)


@pytest.mark.parametrize("good_first", [True, False])
def test_equal_overlaps_are_decided_by_registration(good_first: bool) -> None:
    bad = put([(d, s, i, center * [1, 5, -2]) for d, s, i, center in POND[:5]], "bad")
    good = put(POND[5:], "good")
    submitted = OUTLIERS + GATE + (good + bad if good_first else bad + good)
    pond = score_rows(TRUE, submitted).collections["park"].scenes[1]
    assert (pond.cluster, pond.inliers) == ("good", (5,) * 6)


def test_equal_registrations_are_decided_by_order() -> None:
    submitted = OUTLIERS + GATE + put(POND[5:], "B") + put(POND[:5], "A")
    assert score_rows(TRUE, submitted).collections["park"].scenes[1].cluster == "B"


def test_outliers_are_never_matched_on_merit() -> None:
    submitted = put(OUTLIERS + POND[:8], "outliers") + put(POND[8:], "B") + GATE
    pond = score_rows(TRUE, submitted).collections["park"].scenes[1]
    assert (pond.cluster, pond.num_common) == ("B", 2)


def test_a_scene_that_overlaps_no_cluster() -> None:
    lost = put(OUTLIERS + GATE, "outliers")
    pond_again = put(POND, "A")
    # The official score leaves the lost scene's 9 photos out, yet takes off its 3: 4 · 7 of 4 · (10 - 6).
    first = score_rows(TRUE, lost + pond_again)
    assert first.collections["park"].mAA == pytest.approx(175)
    assert first.collections["park"].clusterness == 100
    assert first.score > 100
    # Or it adds the first cluster's 10 photos to clusterness.
    last = score_rows(TRUE, pond_again + lost)
    assert last.collections["park"].mAA == pytest.approx(100 * 7 / 13)
    assert last.collections["park"].clusterness == pytest.approx(50)
    # 7/13 and 1.
    assert first.repaired == pytest.approx(70)
    assert last.repaired == pytest.approx(70)
    for found in (first, last):
        gate = found.collections["park"].scenes[0]
        assert (gate.cluster, gate.num_common, gate.cluster_size, gate.inliers) == (None, 0, 0, (0,) * 6)
        assert len(found.warnings) == 1
        assert "'park'" in found.warnings[0]
        assert "'gate' shares no photo with any cluster" in found.warnings[0]


def test_lost_scenes_never_make_accuracy_negative() -> None:
    """Three of 6 lost after 10 accurate photos: the official size is 10 - 4 · 3."""
    others = [row for name in ("a", "b", "c") for row in make_scene(name, random_centers(RANDOM, 6))]
    park = score_rows(POND + others, put(others, "outliers") + POND).collections["park"]
    assert (park.score, park.mAA, park.clusterness) == (0, 0, 100)
    assert park.repaired == pytest.approx(100 * 2 * (7 / 16) / (1 + 7 / 16))


def test_nothing_but_outliers_scores_0() -> None:
    found = score_rows(TRUE, put(TRUE, "outliers"))
    assert (found.score, found.repaired) == (0, 0)


def test_one_cluster_may_serve_two_scenes() -> None:
    found = score_rows(TRUE, put(TRUE, "all"))
    assert found.collections["park"].clusterness == pytest.approx(100 * 19 / 44)
    assert any("cluster 'all' serves the scenes 'gate', 'pond'" in warning for warning in found.warnings)


def test_a_collection_of_outliers_alone_scores_0() -> None:
    assert score_rows(OUTLIERS, OUTLIERS).score == 0


def test_the_final_score_is_the_plain_mean_of_collections() -> None:
    garden = make_scene("rose", random_centers(RANDOM, 5), dataset="garden")
    found = score_rows(TRUE + garden, TRUE + without_pose(garden))
    assert [collection.score for collection in found.collections.values()] == [100, 0]
    assert (found.score, found.repaired) == (50, 50)


def test_json_holds_the_scores_alone() -> None:
    found = score_rows(TRUE, put(OUTLIERS + GATE, "outliers") + put(POND, "A"))
    expected = {
        "score": found.score,
        "repaired": found.repaired,
        "collections": {
            "park": {
                "score": found.score,
                "repaired": found.repaired,
                "mAA": pytest.approx(175),
                "clusterness": 100.0,
            }
        },
    }
    assert found.to_json() == expected
    assert json.loads(json.dumps(found.to_json())) == expected


def test_files_and_tables_score_alike(tmp_path: Path) -> None:
    paths = []
    labels, submission = make_table(TRUE), make_table(TRUE[::-1], seed=1)
    for name, table in (("labels", labels), ("submission", submission)):
        paths.append(tmp_path / f"{name}.csv")
        lines = ["dataset,scene,image,rotation_matrix,translation_vector"]
        for row in range(len(table)):
            numbers = [";".join(map(str, values.ravel())) for values in (table.rotation[row], table.translation[row])]
            lines.append(",".join([table.dataset[row], table.scene[row], table.image[row], *numbers]))
        paths[-1].write_text("\n".join(lines))
    paths.append(tmp_path / "thresholds.csv")
    rows = [f"park,{scene},{';'.join(map(str, THRESHOLDS))}" for scene in ("gate", "pond")]
    paths[-1].write_text("\n".join(["dataset,scene,thresholds", *rows]))
    assert score(*paths) == score(labels, submission, thresholds_for(labels))


# Refusals


@pytest.mark.parametrize(
    ("submitted", "parts"),
    [
        (TRUE[:-2], ["submission", "is missing", "labels, line 22", "'park'", "'pond_8.png'", "(and 1 more)", "nan"]),
        ([*TRUE[3:], ("park", "x", "new.png", NO_POSE)], ["'outliers_0.png'", "(and 2 more)"]),
        ([*TRUE, ("park", "x", "new.png", NO_POSE)], ["submission, line 24", "'park'", "'new.png'", "no such photo"]),
        ([*TRUE, *put(TRUE[4:5], "x")], ["submission, line 24", "'gate_1.png'", "already in line 6"]),
        ([("yard", *row[1:]) for row in TRUE], ["submission", "collection 'park'", "is missing"]),
    ],
)
def test_submissions_that_do_not_fit_are_refused(submitted: list[Row], parts: list[str]) -> None:
    with pytest.raises(EvaluationError) as caught:
        score_rows(TRUE, submitted)
    for part in parts:
        assert part in str(caught.value)


def test_labels_that_name_a_photo_twice_are_refused() -> None:
    with pytest.raises(EvaluationError, match=r"labels, line 24, .*'gate_0\.png': the photo is already in line 5"):
        score_rows([*TRUE, *put(GATE[:1], "pond")], TRUE)


def test_a_scene_without_thresholds_is_refused() -> None:
    table = make_table(TRUE)
    with pytest.raises(EvaluationError, match="scene 'pond' of collection 'park' has no thresholds"):
        score(table, table, {("park", "gate"): THRESHOLDS})


def test_bad_thresholds_are_refused() -> None:
    table = make_table(TRUE)
    with pytest.raises(EvaluationError, match="scene 'pond': 5 thresholds"):
        score(table, table, {("park", "gate"): THRESHOLDS, ("park", "pond"): THRESHOLDS[:5]})


# Warnings


def test_collections_that_the_labels_lack_are_ignored_with_a_warning() -> None:
    found = score_rows(TRUE, TRUE + make_scene("x", np.full((2, 3), np.inf), dataset="yard") * 2)
    assert found.score == 100
    assert found.warnings == ("submission: collections that the labels lack are ignored: yard.",)


def test_a_partly_infinite_pose_is_not_reconstructed_with_a_warning() -> None:
    submission = make_table(TRUE, "submission")
    submission.translation[[5, 7], 0] = np.inf
    labels = make_table(TRUE)
    found = score(labels, submission, thresholds_for(labels))
    assert found.collections["park"].scenes[0].inliers == (7,) * 6
    assert len(found.warnings) == 1
    for part in ("submission, line 7", "'gate_2.png' (and 1 more)", "not reconstructed"):
        assert part in found.warnings[0]


@pytest.mark.parametrize("factor", [1.01, -1, 1e200])
def test_a_matrix_that_is_no_rotation_is_scored_with_a_warning(factor: float) -> None:
    labels = make_table(TRUE, "labels")
    rotation = labels.rotation.copy()
    rotation[5] *= factor
    translation = labels.translation.copy()
    translation[5] /= factor
    submission = replace(labels, rotation=rotation, translation=translation, source="submission")
    found = score(labels, submission, thresholds_for(labels))
    assert found.score == pytest.approx(100)
    assert len(found.warnings) == 1
    for part in ("submission, line 7", "'gate_2.png'", "not quite a rotation"):
        assert part in found.warnings[0]


def unsound_pose(table: PoseTable, fault: str) -> PoseTable:
    """The table with a fault in the pose of its sixth row."""
    rotation, translation = table.rotation.copy(), table.translation.copy()
    if fault == "infinite":
        translation[5, 1] = -np.inf
    elif fault == "partly nan":
        rotation[5, 2, 2] = np.nan
    elif fault == "overflow":
        translation[5] = 1.7e308 * np.sign(rotation[5, :, 0])
    elif fault == "no rotation":
        rotation[5] *= 1.01
    else:
        rotation[5], translation[5] = np.nan, np.nan
    return replace(table, rotation=rotation, translation=translation)


@pytest.mark.parametrize("fault", ["infinite", "partly nan", "overflow", "no rotation"])
@pytest.mark.parametrize("source", ["labels", "submission"])
def test_strict_refuses_unsound_poses(source: str, fault: str) -> None:
    tables = {name: make_table(TRUE, name) for name in ("labels", "submission")}
    tables[source] = unsound_pose(tables[source], fault)
    thresholds = thresholds_for(tables["labels"])
    warnings = score(tables["labels"], tables["submission"], thresholds).warnings
    assert any(f"{source}, line 7, collection 'park', photo 'gate_2.png'" in warning for warning in warnings)
    with pytest.raises(EvaluationError) as caught:
        score(tables["labels"], tables["submission"], thresholds, strict=True)
    for part in (f"{source}, line 7", "'park'", "'gate_2.png'", "Correct these poses"):
        assert part in str(caught.value)


def test_strict_refuses_labels_without_a_pose_but_not_submissions() -> None:
    table = make_table(TRUE, "table")
    unposed = unsound_pose(table, "no pose")
    assert score(table, unposed, thresholds_for(table), strict=True).score < 100
    with pytest.raises(EvaluationError, match=r"'gate_2\.png': the labels give no pose"):
        score(unposed, table, thresholds_for(table), strict=True)


def test_strict_lets_sound_poses_pass() -> None:
    submitted = put(OUTLIERS + GATE[:5], "Outliers") + GATE[5:] + POND
    labels, submission = make_table(TRUE), make_table(submitted)
    strict = score(labels, submission, thresholds_for(labels), strict=True)
    assert strict == score(labels, submission, thresholds_for(labels))
    assert len(strict.warnings) == 1


def test_labels_without_rows_are_refused() -> None:
    with pytest.raises(EvaluationError, match="labels: the labels have no rows"):
        score(make_table([], "labels"), make_table(TRUE), {})


def test_rounded_rotations_are_no_reason_to_warn() -> None:
    labels = make_table(TRUE)
    submission = replace(labels, rotation=np.round(labels.rotation, 4))
    assert score(labels, submission, thresholds_for(labels)).warnings == ()


def test_outliers_spelled_otherwise_are_a_cluster_with_a_warning() -> None:
    found = score_rows(TRUE, put(TRUE[:3] + GATE[:5], "Outliers") + GATE[5:] + POND)
    assert found.collections["park"].scenes[0].cluster == "Outliers"
    assert any("cluster 'Outliers' of collection 'park'" in warning for warning in found.warnings)


def test_labels_without_a_pose_count_in_the_size_with_a_warning() -> None:
    true = OUTLIERS + GATE[:8] + without_pose(GATE[8:]) + POND
    found = score_rows(true, TRUE)
    assert found.collections["park"].mAA == pytest.approx(100 * 12 / 13)
    assert len(found.warnings) == 1
    assert "'gate_8.png': the labels give no pose" in found.warnings[0]


def test_a_scene_too_small_to_score_is_warned_of() -> None:
    small = make_scene("bench", random_centers(RANDOM, 3))
    found = score_rows(TRUE + small, TRUE + small)
    assert found.score == 100
    assert found.warnings == ("Collection 'park': scene 'bench' has 3 photos; 3 or fewer can't raise the score.",)
