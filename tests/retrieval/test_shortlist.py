"""Shortlists: a floor of pairs a photo, best first, and no pair twice."""

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scenesort.retrieval import ScoredPairs, settled_photos, shortlist


def scored_pairs(count, scores):
    """Pairs of `count` photos from {(first, second): score}."""
    pairs = np.array(sorted(scores), dtype=np.int64).reshape(-1, 2)
    values = np.array([scores[pair] for pair in sorted(scores)], dtype=np.float32)
    names = tuple(f"{row:02d}" for row in range(count))
    return ScoredPairs(names, pairs, values, np.zeros(len(pairs), dtype=bool))


@st.composite
def collections(draw):
    count = draw(st.integers(0, 9))
    every = [(first, second) for first in range(count) for second in range(first + 1, count)]
    proposed = draw(st.lists(st.sampled_from(every), unique=True)) if every else []
    return scored_pairs(count, {pair: float(draw(st.integers(0, 6))) for pair in proposed})


@given(collections(), st.integers(1, 10), st.randoms(use_true_random=False))
def test_a_shortlist_keeps_its_promises(scored, wanted, random):
    count = len(scored.names)
    found = [(int(first), int(second)) for first, second in shortlist(scored, wanted)]
    known = {tuple(pair): score for pair, score in zip(scored.pairs.tolist(), scored.scores.tolist(), strict=True)}
    assert len(set(found)) == len(found)
    assert [known[pair] for pair in found] == sorted((known[pair] for pair in found), reverse=True)

    best = {}
    for row in range(count):
        partners = {
            second if first == row else first: known[first, second] for first, second in known if row in (first, second)
        }
        best[row] = sorted(partners, key=lambda other: (-partners[other], other))[:wanted]
    assert set(found) == {(a, b) for a, b in known if b in best[a] or a in best[b]}

    order = list(range(len(scored)))
    random.shuffle(order)
    mixed = dataclasses.replace(scored, pairs=scored.pairs[order], scores=scored.scores[order])
    assert shortlist(mixed, wanted) == shortlist(scored, wanted)


def test_asking_for_all_gives_all():
    every = {(first, second): 0.0 for first in range(4) for second in range(first + 1, 4)}
    assert len(shortlist(scored_pairs(4, every), 4)) == 6
    assert shortlist(scored_pairs(0, {}), 4) == shortlist(scored_pairs(1, {}), 4) == []


def test_equal_scores_keep_the_order_of_names():
    every = {(0, 1): 1.0, (1, 2): 1.0, (0, 2): 1.0}
    assert shortlist(scored_pairs(3, every), 2) == [("00", "01"), ("00", "02"), ("01", "02")]


def test_what_is_always_matched_stays_whatever_its_rank():
    scored = scored_pairs(4, {(0, 1): 9.0, (0, 2): 8.0, (1, 2): 8.5, (0, 3): 1.0, (2, 3): 2.0})
    assert ("00", "03") not in shortlist(scored, 1)
    kept = dataclasses.replace(scored, always=(scored.pairs == (0, 3)).all(axis=1))
    assert set(shortlist(kept, 1)) == {*shortlist(scored, 1), ("00", "03")}


def test_pairs_of_a_first_group_come_before_all_others():
    scored = scored_pairs(4, {(0, 1): 9.0, (0, 2): 1.0, (1, 3): 8.0, (2, 3): 0.0})
    grouped = dataclasses.replace(scored, first_group=np.array([5, -1, 5, -1]))
    assert shortlist(scored, 1) == [("00", "01"), ("01", "03"), ("00", "02")]
    # Photos 1 and 3 are in no group, which is no group of their own.
    assert shortlist(grouped, 1) == [("00", "02"), ("00", "01"), ("01", "03")]
    more = grouped.with_more(np.array([[1, 2]]), np.array([99.0], dtype=np.float32))
    assert shortlist(more, 1)[0] == ("00", "02")


def test_further_pairs_join_the_ranking():
    scored = scored_pairs(3, {(0, 1): 5.0})
    more = scored.with_more(np.array([[1, 2]]), np.array([7.0], dtype=np.float32))
    assert shortlist(more, 2) == [("01", "02"), ("00", "01")]
    assert len(more) == 2
    assert not more.always.any()


def test_settled_photos_have_enough_strong_partners():
    inliers = {("a", "b"): 100, ("a", "c"): 250, ("b", "c"): 99}
    assert settled_photos(inliers, strong_inliers=100, partners=2) == {"a"}
    assert settled_photos(inliers, strong_inliers=100, partners=1) == {"a", "b", "c"}
    assert settled_photos(inliers, strong_inliers=100, partners=3) == frozenset()
    assert settled_photos(inliers, strong_inliers=100, partners=0) == frozenset()
