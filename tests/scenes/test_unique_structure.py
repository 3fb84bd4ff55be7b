"""Looks made by hand: which photo shows what at which point is known."""

import dataclasses

import numpy as np
import pytest

from made_looks import looks_of
from scenesort.scenes import divide, weigh

ALTERNATING = np.array([0, 1] * 6)


@pytest.fixture
def chance():
    return np.random.default_rng(5)


def with_looks(looks, photo, reference, point, angle_deg, differs):
    """Add looks; `angle_deg` and `differs` are the same for all or one each."""
    count = len(photo)
    more = {
        "photo": photo,
        "reference": reference,
        "point": point,
        "angle_deg": np.broadcast_to(angle_deg, count),
        "differs": np.broadcast_to(differs, count),
    }
    return dataclasses.replace(
        looks, **{name: np.concatenate([getattr(looks, name), values]) for name, values in more.items()}
    )


def hidden_from_afar(looks, hiding, chance):
    """Photos of `hiding` show something else, from 9 degrees, at much of what the others see."""
    rows = np.arange(len(looks.sees))
    hidden, point = np.nonzero(np.isin(rows, hiding)[:, None] & looks.sees[~np.isin(rows, hiding)].any(axis=0))
    reference = np.array([chance.choice(np.flatnonzero(looks.sees[:, column])) for column in point])
    return with_looks(looks, hidden, reference, point, 9.0, chance.random(len(point)) < 0.4)


@pytest.mark.parametrize("common", [0.7, 0.95])
def test_two_places_are_told_apart_by_little(chance, common):
    division = divide(looks_of(ALTERNATING, chance, common), 3, 2.5)
    assert division is not None
    assert {division.fold.side, division.fold.other} == {tuple(range(0, 12, 2)), tuple(range(1, 12, 2))}
    assert division.fold.excess > 5


def test_what_is_hidden_from_afar_does_not_drown_what_differs_from_near_by(chance):
    # Half of the photos, of both places, stand behind something.
    looks = hidden_from_afar(looks_of(ALTERNATING, chance, 0.95), range(6), chance)
    division = divide(looks, 3, 2.5)
    assert division is not None
    sides = [set(side) - set(division.unsure) for side in (division.fold.side, division.fold.other)]
    assert set(range(6, 12)) <= set.union(*sides)
    assert sorted(sorted({row % 2 for row in side}) for side in sides) == [[0], [1]]


@pytest.mark.parametrize("wrong", [0.02, 0.2, 0.5])
def test_one_place_is_never_divided_however_much_differs(chance, wrong):
    assert divide(looks_of([0] * 12, chance, wrong=wrong), 3, 2.5) is None


def test_one_place_that_is_hidden_from_afar_is_not_divided(chance):
    assert divide(hidden_from_afar(looks_of([0] * 12, chance), range(6), chance), 3, 2.5) is None


def test_a_photo_that_shows_nothing_of_its_own_is_unsure(chance):
    looks = looks_of(ALTERNATING, chance)
    told = (looks.photo != 4) & (looks.reference != 4)
    sees = looks.sees.copy()
    sees[4] = False
    names = ("photo", "reference", "point", "angle_deg", "differs")
    looks = dataclasses.replace(looks, sees=sees, **{name: getattr(looks, name)[told] for name in names})
    division = divide(looks, 3, 2.5)
    assert division is not None
    assert division.unsure == (4,)
    sides = [set(side) - {4} for side in (division.fold.side, division.fold.other)]
    assert sorted(sides, key=min) == [{0, 2, 6, 8, 10}, {1, 3, 5, 7, 9, 11}]


def test_a_few_photos_are_no_place(chance):
    assert divide(looks_of([0] * 10 + [1] * 2, chance), 3, 2.5) is None
    assert divide(looks_of([0, 0, 1, 1], chance), 3, 2.5) is None


def test_what_is_hidden_at_the_two_ends_of_one_place_is_no_second_place(chance):
    # Photos 0 to 2 alone see one wall, and 6 to 8 another; 3 to 5 and 9 to 11 look at something else there.
    looks = looks_of([0] * 12, chance)
    num_before = looks.sees.shape[1]
    sees = np.zeros((12, 40), bool)
    sees[:3, :20] = sees[6:9, 20:] = True
    looks = dataclasses.replace(looks, sees=np.concatenate([looks.sees, sees], axis=1))
    for first, points in ((0, np.arange(20)), (6, np.arange(20, 40))):
        for row in range(first, first + 3):
            photo, reference = np.full(20, row + 3), np.full(20, row)
            looks = with_looks(looks, photo, reference, num_before + points, 2.0, True)
    assert weigh(looks, [0, 1, 2, 9, 10, 11]).is_proved
    assert divide(looks, 3, 2.5) is None
