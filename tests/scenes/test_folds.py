"""Looks made by hand: which photo shows what at which point is known."""

import numpy as np
import pytest

from made_looks import NUM_POINTS, looks_of
from scenesort.scenes import Fold, Looks, deepest_fold, weigh, without_photos


@pytest.fixture
def chance():
    return np.random.default_rng(5)


@pytest.mark.parametrize("common", [0.2, 0.7, 0.9])
def test_two_places_are_cut_between_them(chance, common):
    place_of = np.array([0, 1] * 6)
    fold = deepest_fold(looks_of(place_of, chance, common), 3, 2.5)
    assert fold is not None
    assert {fold.side, fold.other} == {tuple(range(0, 12, 2)), tuple(range(1, 12, 2))}
    assert fold.excess > 5


def test_sides_of_unequal_size_are_found(chance):
    fold = deepest_fold(looks_of([0] * 12 + [1] * 4, chance), 3, 2.5)
    assert fold is not None
    assert {fold.side, fold.other} == {tuple(range(12)), tuple(range(12, 16))}


@pytest.mark.parametrize("wrong", [0.02, 0.2, 0.5])
def test_one_place_is_never_cut_however_much_differs(chance, wrong):
    assert deepest_fold(looks_of([0] * 12, chance, wrong=wrong), 3, 2.5) is None


def test_one_place_of_which_one_side_hides_the_other_is_not_cut(chance):
    # A wall hides the points of the second half from the first half of the photos, not the other way round.
    looks = looks_of([0] * 12, chance)
    hidden = (looks.photo < 6) & (looks.reference >= 6) & (looks.point > NUM_POINTS // 2)
    looks = Looks(looks.photo, looks.reference, looks.point, looks.angle_deg, looks.differs | hidden, looks.sees)
    assert deepest_fold(looks, 3, 2.5) is None


def test_two_wrong_poses_are_no_second_place(chance):
    place_of = np.array([0] * 10 + [1] * 2)
    assert deepest_fold(looks_of(place_of, chance), 3, 2.5) is None


def test_views_from_aside_tell_nothing(chance):
    # At large angles much is hidden in one place, too.
    assert deepest_fold(looks_of([0, 1] * 6, chance, angles=(8.0, 14.0)), 3, 2.5) is None


def test_a_cut_through_one_place_weighs_little_and_the_true_one_much(chance):
    looks = looks_of([0, 1] * 6, chance)
    assert weigh(looks, range(0, 12, 2)).excess > 5 > 2 > weigh(looks, range(6)).excess
    assert weigh(looks, range(0, 12, 2)).num_looks > 100


def test_too_few_photos_are_never_cut(chance):
    assert deepest_fold(looks_of([0, 1, 0, 1, 0], chance), 3, 0.0) is None


def test_photos_that_show_nothing_right_are_strays(chance):
    # Of photos 10 to 15 two show something else at nearly everything; the others are of the same place as the first.
    looks = looks_of([0] * 10 + [1, 1] + [0] * 4, chance, common=0.0)
    fold = weigh(looks, range(10, 16))
    assert fold.strays == (10, 11)
    assert fold.is_of_strays


def test_the_photos_of_a_look_alike_place_are_no_strays(chance):
    # More than half of what is near by is the same.
    looks = looks_of([0, 1] * 6, chance, common=0.7)
    chosen = chance.random(len(looks.photo)) < 0.5
    mixed = Looks(looks.photo, looks.reference, looks.point, looks.angle_deg, looks.differs & chosen, looks.sees)
    fold = deepest_fold(mixed, 3, 2.5)
    assert fold is not None
    assert fold.strays == ()
    assert not fold.is_of_strays


def test_when_most_of_a_side_differs_everywhere_it_is_a_place_of_its_own(chance):
    fold = deepest_fold(looks_of([0] * 8 + [1] * 5, chance, common=0.0), 3, 2.5)
    assert fold is not None
    assert len(fold.strays) == 5
    assert not fold.is_of_strays


def looks_where_few_tell(chance, tellers):
    """Photos 10 to 17 show another part of a place than 0 to 9, and something stands before what those alone see.

    Points that only the `tellers` of them see differ in the first photos.
    """
    first, last = range(10), range(10, 18)
    shown_by = {(0, 300): range(18), (300, 450): first, (450, 700): last, (700, 800): tellers}
    sees = np.zeros((18, 800), bool)
    for (begin, end), photos in shown_by.items():
        sees[photos[0] : photos[-1] + 1, begin:end] = chance.random((len(photos), end - begin)) < 0.4
    rows = []
    for point in np.flatnonzero(sees.any(axis=0)):
        within = last if 450 <= point < 700 else range(18)
        for photo in (row for row in within if not sees[row, point]):
            is_own = (photo in first) == (300 <= point < 450)
            differs = chance.random() < (0.01 if point < 300 or 450 <= point < 700 or is_own else 0.5)
            if point < 700 or photo in first:
                rows.append((photo, chance.choice(np.flatnonzero(sees[:, point])), point, differs))
    photo, reference, point, differs = (np.array(column) for column in zip(*rows, strict=True))
    return Looks(photo, reference, point, chance.uniform(0.5, 5.5, len(photo)), differs.astype(bool), sees)


@pytest.mark.parametrize("tellers", [range(17, 18), range(16, 18)])
def test_few_photos_that_make_a_fold_by_themselves_are_strays(chance, tellers):
    looks = looks_where_few_tell(chance, tellers)
    fold = deepest_fold(looks, 3, 2.5)
    assert fold is not None
    assert fold.strays == tuple(tellers)
    assert fold.is_of_strays
    assert deepest_fold(without_photos(looks, fold.strays), 3, 2.5) is None


def test_a_fold_that_more_photos_make_stands(chance):
    fold = deepest_fold(looks_where_few_tell(chance, range(14, 18)), 3, 2.5)
    assert fold is not None
    assert fold.strays == ()


@pytest.mark.parametrize("common", [0.9, 0.93])
def test_a_weak_fold_that_all_its_photos_make_stands(common):
    # So little differs that a fold is just proved, and less than that without its most telling photos.
    folds = []
    for seed in range(12):
        looks = looks_of([0] * 10 + [1] * 8, np.random.default_rng(seed), common, seen=0.15, num_points=300)
        folds.append(deepest_fold(looks, 3, 2.5))
    found = [fold for fold in folds if fold is not None]
    assert len(found) >= 3
    assert sum(fold.is_of_strays for fold in found) <= len(found) // 10


@pytest.mark.parametrize(
    ("size", "witnesses", "is_proved"), [(6, 3, True), (9, 3, True), (12, 3, False), (5, 2, False)]
)
def test_a_third_of_the_smaller_side_must_tell(size, witnesses, is_proved):
    fold = Fold(tuple(range(size)), tuple(range(size, 40)), 9.0, 50, witnesses, 99, 1.0, ())
    assert fold.is_proved == is_proved


def test_looks_without_some_photos_are_those_among_the_others(chance):
    place_of = np.array([0, 1] * 6)
    looks = looks_of(place_of, chance)
    fewer = without_photos(looks, (0, 5))
    kept = np.delete(np.arange(12), [0, 5])
    np.testing.assert_array_equal(fewer.sees, looks.sees[kept])
    expected = {
        (photo, reference, point)
        for photo, reference, point in zip(looks.photo, looks.reference, looks.point, strict=True)
        if not {0, 5} & {photo, reference}
    }
    found = zip(kept[fewer.photo], kept[fewer.reference], fewer.point, strict=True)
    assert set(found) == expected
    fold = deepest_fold(fewer, 3, 2.5)
    assert fold is not None
    assert {len(fold.side), len(fold.other)} == {5}
