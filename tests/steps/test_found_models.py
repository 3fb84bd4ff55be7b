"""Which of several attempts at a part count."""

import dataclasses

import numpy as np

from mapped_worlds import poses_on_an_arc, random_points
from scenesort.steps.found_models import Attempt, FoundModels
from wall_world import model_of

POSES = poses_on_an_arc(4)
POINTS = random_points(40)
SEES = np.ones((4, 40), dtype=bool)


def model(name, error_px=1.0):
    """A model of four photos that its name tells."""
    made = model_of(POINTS, POSES, SEES, [f"{name}-{row}" for row in range(4)])
    return dataclasses.replace(made, points_error_px=np.full(len(made.points_xyz), error_px))


def found(*attempts):
    """Return the first photo of each model kept of attempts (part, is_shared, trial, health)."""
    models = FoundModels(2)
    for part, is_shared, trial, health in attempts:
        name = f"{part}{'shared' if is_shared else 'own'}{trial}"
        models.add(Attempt(part, is_shared, trial > 0, trial), [model(name)], health)
    return [kept.photos[0].name.removesuffix("-0") for kept in models.chosen()]


def test_the_healthiest_trial_of_a_part_is_kept():
    assert found((0, False, 0, 0.4), (0, False, 1, 0.7), (0, False, 2, 0.6), (1, False, 0, 0.1)) == ["0own1", "1own0"]


def test_of_equal_trials_the_first_is_kept_whoever_is_ready_first():
    assert found((0, False, 2, 0.5), (0, False, 0, 0.5), (0, False, 1, 0.5)) == ["0own0"]


def test_a_healthier_later_try_never_brings_back_the_other_cameras():
    models = FoundModels(1)
    models.add(Attempt(0, False, True), [model("own", 1.0)], 0.6)
    models.add(Attempt(0, True, False), [model("shared", 1.0)], 0.62)
    assert [attempt.is_shared for attempt in models.further([2])] == [True]
    # Healthier, though its error alone would speak for own cameras.
    models.add(Attempt(0, True, True, trial=1), [model("again", 1.2)], 0.65)
    assert models.chosen()[0].photos[0].name == "again-0"


def test_own_cameras_are_kept_where_shared_ones_fit_clearly_worse():
    models = FoundModels(1)
    models.add(Attempt(0, False, False), [model("own", 0.5)], 0.9)
    models.add(Attempt(0, True, True), [model("shared", 1.0)], 0.9)
    assert models.chosen()[0].photos[0].name == "own-0"


def test_a_part_without_models_has_none():
    assert FoundModels(3).chosen() == []


def test_further_tries_go_the_way_of_the_better_cameras():
    models = FoundModels(4)
    models.add(Attempt(0, False, False), [model("own", 0.5)], 0.9)
    models.add(Attempt(0, True, True), [model("shared", 1.0)], 0.9)
    models.add(Attempt(1, False, True), [model("own", 1.0)], 0.9)
    models.add(Attempt(1, True, False), [model("shared", 1.0)], 0.9)
    models.add(Attempt(2, True, False), [model("shared")], 0.9)
    further = models.further([3, 2, 1, 2])
    assert [(attempt.part, attempt.is_shared, attempt.trial) for attempt in further] == [
        (0, False, 1),
        (0, False, 2),
        (1, True, 1),
    ]
    assert all(attempt.is_second for attempt in further)


def test_a_part_that_made_the_mapper_fail_is_not_tried_again():
    models = FoundModels(2)
    models.add(Attempt(0, False, False, number=1), [model("own")], 0.9)
    models.add(Attempt(1, False, False), [model("own")], 0.9)
    assert [attempt.part for attempt in models.further([3, 3])] == [1, 1]
    models.fail(Attempt(1, True, True))
    assert models.further([3, 3]) == []
    assert Attempt(0, False, False).most == 2
    assert Attempt(0, False, True, trial=1).most == 1
