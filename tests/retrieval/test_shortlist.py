"""Shortlists: a floor of pairs a photo, best first, and no pair twice."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scenesort.retrieval import settled_photos, shortlist

sized = st.integers(0, 9).flatmap(
    lambda count: arrays(np.float32, (count, count), elements=st.integers(0, 6).map(float))
)


@given(sized, st.integers(1, 10))
def test_a_shortlist_keeps_its_promises(scores, wanted):
    count = len(scores)
    names = tuple(f"{row:02d}" for row in range(count))
    found = shortlist(names, scores, wanted)
    assert all(first < second for first, second in found.pairs)
    assert len(set(found.pairs)) == len(found.pairs)
    assert list(found.scores) == sorted(found.scores, reverse=True)
    assert all(scores[int(a), int(b)] == score for (a, b), score in zip(found.pairs, found.scores, strict=True))

    full = np.triu(scores, 1) + np.triu(scores, 1).T
    kept = np.zeros((count, count), bool)
    for first, second in found.pairs:
        kept[int(first), int(second)] = kept[int(second), int(first)] = True
    floor = min(wanted, count - 1)
    best = {
        row: sorted((other for other in range(count) if other != row), key=lambda other: (-full[row, other], other))[
            :floor
        ]
        for row in range(count)
    }
    for row in range(count):
        assert kept[row].sum() >= floor
        for other in range(row + 1, count):
            assert kept[row, other] == (other in best[row] or row in best[other])


@given(sized, st.integers(1, 10))
def test_only_the_upper_triangle_counts(scores, wanted):
    names = tuple(f"{row:02d}" for row in range(len(scores)))
    assert shortlist(names, scores, wanted) == shortlist(names, np.triu(scores, 1), wanted)


def test_asking_for_all_gives_all():
    names = ("a", "b", "c", "d")
    assert len(shortlist(names, np.zeros((4, 4), np.float32), 4).pairs) == 6
    assert shortlist((), np.zeros((0, 0), np.float32), 4).pairs == ()
    assert shortlist(("a",), np.zeros((1, 1), np.float32), 4).pairs == ()


def test_equal_scores_keep_the_order_of_names():
    names = ("a", "b", "c")
    assert shortlist(names, np.ones((3, 3), np.float32), 2).pairs == (("a", "b"), ("a", "c"), ("b", "c"))


def test_settled_photos_have_enough_strong_partners():
    inliers = {("a", "b"): 100, ("a", "c"): 250, ("b", "c"): 99}
    assert settled_photos(inliers, strong_inliers=100, partners=2) == {"a"}
    assert settled_photos(inliers, strong_inliers=100, partners=1) == {"a", "b", "c"}
    assert settled_photos(inliers, strong_inliers=100, partners=3) == frozenset()
    assert settled_photos(inliers, strong_inliers=100, partners=0) == frozenset()
