"""Turns of photos: which pairs are looked at, which photos are tried, and what the votes come to."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesort.retrieval import turns


def pairs_of(*pairs):
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


@given(st.integers(0, 2 * turns.PARTNERS))
def test_every_photo_is_compared_with_so_many_partners_or_with_all(count):
    pairs = turns.close_pairs(count)
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert len({tuple(pair) for pair in pairs.tolist()}) == len(pairs)
    partners = np.bincount(pairs.ravel(), minlength=count)
    assert (partners == min(turns.PARTNERS, count - 1)).all()


def test_partners_of_many_photos_are_the_nearest():
    count = 3 * turns.PARTNERS
    first, second = turns.close_pairs(count).T
    assert np.minimum(second - first, count - second + first).max() == turns.PARTNERS // 2


@given(st.integers(1, 12).flatmap(lambda count: st.tuples(st.just(count), st.data())))
def test_groups_are_what_strong_scores_connect(drawn):
    count, data = drawn
    pairs = turns.close_pairs(count)
    strong = turns.STRONG_SHARE * turns.KEYPOINTS
    scores = np.array(data.draw(st.lists(st.sampled_from([np.nan, 0, strong - 1, strong]), min_size=len(pairs))))
    scores = scores[: len(pairs)]
    reach = np.eye(count, dtype=bool)
    for (a, b), score in zip(pairs, scores, strict=True):
        reach[a, b] = reach[b, a] = score == strong
    for _ in range(count):
        reach = reach @ reach
    groups = turns.agreeing_groups(count, pairs, scores)
    assert {tuple(group) for group in groups} == {tuple(np.flatnonzero(row).tolist()) for row in reach}
    assert [len(group) for group in groups] == sorted(map(len, groups), reverse=True)


def test_the_largest_group_is_not_tried_and_of_others_some_are():
    many = list(range(10, 50))
    tried = turns.photos_to_try([list(range(50, 100)), many, [3, 5], [1]])
    assert tried[:3] == [1, 3, 5]
    assert len(tried) == 3 + turns.REPRESENTATIVES
    assert set(tried[3:]) <= set(many)
    assert max(np.diff([*tried[3:], 50])) <= 5
    assert turns.photos_to_try([]) == []


def test_a_margin_is_in_standard_deviations():
    counts = np.array([[9, 100, 44, 3], [0, 0, 0, 0], [7, 7, 7, 7], [50, 3, np.nan, 2]])
    found = turns.margins(counts)
    np.testing.assert_allclose(found[:3], [56 / 12, 0, 0])
    assert np.isnan(found[3])


def test_by_chance_nothing_votes():
    counts = np.random.default_rng(0).poisson(15, (2000, 4)).astype(float)
    leads = turns.margins(counts)
    assert (leads >= turns.MIN_VOTE).mean() < 2e-3
    assert leads.max() < turns.MIN_LEAD


def test_a_vote_says_how_many_more_turns_the_first_photo_needs():
    clear = [2.0, 40.0, 3.0, 1.0]
    group_of = [0, 1, 1]
    pairs = pairs_of((0, 1), (1, 0), (2, 0), (1, 2))
    counts = np.array([clear, clear, [10, 14, 9, 8], clear])
    ((pair, weights),) = turns.tally_votes(group_of, pairs, counts).items()
    assert pair == (0, 1)
    margin = 37 / np.sqrt(43)
    np.testing.assert_allclose(weights, [0, margin**2, 0, margin**2])


@st.composite
def worlds(draw):
    """True turns of some nodes, and votes along a spanning tree and more pairs, true but for weak false ones."""
    count = draw(st.integers(2, 12))
    true = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    tree = {(draw(st.integers(0, node - 1)), node) for node in range(1, count)}
    more = draw(st.sets(st.sampled_from(list(combinations(range(count), 2))), max_size=2 * count))
    tallies = {}
    for a, b in draw(st.permutations(sorted(tree | more))):
        weights = np.zeros(4)
        weights[(true[b] - true[a]) % 4] = draw(st.floats(120, 900))
        weights[draw(st.integers(0, 3))] += draw(st.floats(0, 12))
        tallies[a, b] = weights
    return true, tallies


@given(worlds(), st.data())
def test_turns_that_the_votes_agree_on_are_found(world, data):
    true, tallies = world
    sizes = data.draw(st.lists(st.integers(1, 9), min_size=len(true), max_size=len(true)))
    # Large groups have many votes.
    tallies = {pair: weights * sum(sizes) / len(sizes) for pair, weights in tallies.items()}
    found = turns.needed_turns(sizes, [0] * len(true), tallies)
    assert len({(got - wanted) % 4 for got, wanted in zip(found, true, strict=True)}) == 1
    staying = np.bincount(found, weights=sizes, minlength=4)
    assert staying[0] == staying.max()


def one_vote(turn, weight=100.0):
    weights = np.zeros(4)
    weights[turn] = weight
    return weights


def test_parts_that_no_vote_joins_are_apart():
    tallies = {(0, 1): one_vote(1), (2, 3): one_vote(2)}
    assert turns.needed_turns([1, 2, 5, 1], [0] * 4, tallies) == [3, 0, 0, 2]
    assert turns.needed_turns([1, 2], [0, 0], {}) == [0, 0]


def test_photos_that_know_their_upright_stay_even_if_few():
    assert turns.needed_turns([9, 1], [0, 1], {(0, 1): one_vote(1)}) == [3, 0]
    assert turns.needed_turns([9, 1], [2, 1], {(0, 1): one_vote(1)}) == [0, 1]


@pytest.mark.parametrize("weights", [one_vote(1, 24.0), np.array([60.0, 100.0, 0, 0])])
def test_weak_and_contradictory_votes_turn_nothing(weights):
    assert turns.needed_turns([1, 1], [0, 0], {(0, 1): weights}) == [0, 0]


def test_weak_votes_of_photos_that_have_joined_add_up():
    # Neither photo 0 nor 1 is sure about photo 2, which lies turned by one against both.
    tallies = {(0, 1): one_vote(2), (0, 2): one_vote(1, 15.0), (1, 2): one_vote(3, 15.0)}
    assert turns.needed_turns([5, 1, 1], [0] * 3, tallies) == [0, 2, 1]


@pytest.mark.parametrize(("weight", "turned"), [(234.0, 0), (467.0, 0), (468.0, 1)])
def test_the_more_photos_the_more_votes_it_takes_to_turn_them(weight, turned):
    # 40 photos weigh 234 for staying; votes must weigh twice as much.
    assert turns.needed_turns([50, 40], [0, 0], {(0, 1): one_vote(1, weight)}) == [0, turned]


def test_votes_for_staying_join_what_weak_votes_then_cannot_turn():
    # Places 0 and 1 have nothing in common; 2 and 3 are of place 1. A vote turns 2 against 0.
    tallies = {(1, 2): one_vote(0, 100), (1, 3): one_vote(0, 100), (0, 2): one_vote(1, 70)}
    assert turns.needed_turns([9, 9, 2, 2], [0] * 4, tallies) == [0, 0, 0, 0]


def test_the_surer_votes_join_first():
    tallies = {(0, 1): one_vote(1, 400), (1, 2): one_vote(1, 300), (0, 2): one_vote(3, 100)}
    assert turns.needed_turns([5, 1, 1], [0] * 3, tallies) == [0, 1, 2]
