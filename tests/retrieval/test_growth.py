"""Growth: rounds find what verified pairs promise, join components, and end by themselves."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scenesort.retrieval.growth import GrowthOptions, is_worthwhile, next_pairs, shared_strength

NONE = np.zeros((0, 2), dtype=np.int64)
NO_CANDIDATES = (NONE, np.zeros(0, dtype=np.float32))


def candidates(*scored):
    """Candidates of (first, second, score)."""
    pairs = np.array([(first, second) for first, second, _ in scored], dtype=np.int64).reshape(-1, 2)
    return pairs, np.array([score for _, _, score in scored], dtype=np.float32)


def array(*pairs):
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def grown(count, verified, tried, scored, budget, options=None):
    return next_pairs(count, verified, tried, *scored, budget, options)


def test_neighbours_of_neighbours_come_by_shared_partners():
    verified = array((0, 1), (1, 2), (0, 3), (2, 3), (3, 4))
    # 0 and 2 share 1 and 3, 1 and 3 share 0 and 2; 0 and 4, 2 and 4 share 3.
    assert grown(5, verified, verified, NO_CANDIDATES, 10).tolist() == [[0, 2], [1, 3], [0, 4], [2, 4]]
    assert grown(5, verified, array((2, 0)), NO_CANDIDATES, 2).tolist() == [[1, 3], [0, 4]]
    # Of as many shared partners the more similar pair comes first.
    near = candidates((2, 4, 0.9), (0, 4, 0.1))
    assert grown(5, verified, verified, near, 10).tolist() == [[0, 2], [1, 3], [2, 4], [0, 4]]


def test_components_are_bridged_by_their_best_pairs():
    near = candidates((0, 3, 0.5), (1, 3, 0.8), (2, 5, 0.7), (1, 4, 0.6), (0, 1, 0.9))
    verified = array((0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5))
    assert grown(6, verified, NONE, near, 10).tolist() == [[1, 3], [2, 5], [1, 4]]
    assert grown(6, verified, array((1, 3)), near, 1).tolist() == [[2, 5]]
    few = GrowthOptions(bridges=1)
    assert grown(6, verified, NONE, near, 10, few).tolist() == [[1, 3]]
    # Two failures of two allowed: the components are let be.
    tired = GrowthOptions(failed_bridges=2)
    assert grown(6, verified, array((1, 3)), near, 10, tired).tolist() == [[2, 5]]
    assert len(grown(6, verified, array((1, 3), (2, 5)), near, 10, tired)) == 0
    # More failures than are allowed now, from before the option changed.
    assert len(grown(6, verified, array((1, 3), (2, 5)), near, 10, GrowthOptions(failed_bridges=1))) == 0


def test_the_budget_is_shared_and_what_is_left_goes_to_the_other():
    near = candidates((0, 4, 0.9), (4, 5, 0.8), (5, 6, 0.7), (6, 7, 0.6))
    verified = array((0, 1), (1, 2), (2, 3))
    assert grown(9, verified, NONE, near, 4).tolist() == [[0, 4], [4, 5], [0, 2], [1, 3]]
    assert grown(9, verified, NONE, near, 5).tolist() == [[0, 4], [4, 5], [5, 6], [0, 2], [1, 3]]
    assert grown(9, verified, NONE, NO_CANDIDATES, 5).tolist() == [[0, 2], [1, 3]]
    assert grown(9, verified, NONE, near, 0).shape == (0, 2)


@given(st.integers(2, 24), st.integers(0, 10**6), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_rounds_end_keep_their_budget_and_find_whole_scenes(count, seed, budget):
    random = np.random.default_rng(seed)
    scene = random.integers(0, 3, count)
    close = [(i, j, float(random.random())) for i in range(count) for j in range(i) if random.random() < 0.3]
    near = candidates(*close)
    verified, tried = NONE, NONE
    for _ in range(1000):
        pairs = grown(count, verified, tried, near, budget)
        if not len(pairs):
            break
        assert len(pairs) <= budget
        known = {tuple(pair) for pair in tried.tolist()}
        new = {tuple(pair) for pair in pairs.tolist()}
        assert len(new) == len(pairs)
        assert not new & known
        assert all(first < second for first, second in new)
        mixed = random.permutation(len(tried))
        again = grown(count, verified[::-1, ::-1], tried[mixed], (near[0][::-1, ::-1], near[1][::-1]), budget)
        np.testing.assert_array_equal(again, pairs)
        tried = np.concatenate([tried, pairs])
        verified = np.concatenate([verified, pairs[scene[pairs[:, 0]] == scene[pairs[:, 1]]]])
    else:
        raise AssertionError("rounds don't end")
    joined = {tuple(pair) for pair in verified.tolist()}
    # Verified pairs of true scenes are closed under sharing a partner: every component ends as a clique.
    for a, b in joined:
        for third in range(count):
            if third not in (a, b) and (min(a, third), max(a, third)) in joined:
                assert (min(b, third), max(b, third)) in joined


@given(st.integers(3, 16), st.integers(0, 10**6), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_shared_partners_are_counted_right(count, seed, per_photo):
    random = np.random.default_rng(seed)
    every = [(i, j) for i in range(count) for j in range(i + 1, count)]
    verified = {pair for pair in every if random.random() < 0.4}
    partners = {photo: {a + b - photo for a, b in verified if photo in (a, b)} for photo in range(count)}
    expected = {}
    for photo in range(count):
        shared = {
            (min(photo, other), max(photo, other)): len(partners[photo] & partners[other])
            for other in range(count)
            if other != photo and partners[photo] & partners[other]
        }
        fresh = [pair for pair in shared if pair not in verified]
        best = sorted(fresh, key=lambda pair: (-shared[pair], pair))[:per_photo]
        expected |= {pair: shared[pair] for pair in best}
    found = grown(count, array(*verified), NONE, NO_CANDIDATES, 1000, GrowthOptions(pairs_per_photo=per_photo))
    assert [tuple(pair) for pair in found.tolist()] == sorted(expected, key=lambda pair: (-expected[pair], pair))


@given(st.integers(3, 14), st.integers(0, 10**6), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_strength_is_what_third_photos_may_share(count, seed, per_photo):
    random = np.random.default_rng(seed)
    every = [(i, j) for i in range(count) for j in range(i + 1, count)]
    inliers = {pair: int(random.integers(15, 400)) for pair in every if random.random() < 0.4}
    tried = [pair for pair in every if random.random() < 0.3]

    def seen(a, b):
        return inliers.get((min(a, b), max(a, b)), 0)

    strength = {(a, b): sum(min(seen(a, third), seen(b, third)) for third in range(count)) for a, b in every}
    expected = set()
    for photo in range(count):
        fresh = [pair for pair in every if photo in pair and strength[pair] and pair not in tried]
        fresh.sort(key=lambda pair: (-strength[pair], sum(pair) - photo))
        expected |= set(fresh[:per_photo])
    verified = array(*inliers)
    pairs, found = shared_strength(
        count, verified, np.array(list(inliers.values()), dtype=int), array(*tried), per_photo
    )
    assert [tuple(pair) for pair in pairs.tolist()] == sorted(expected)
    assert found.tolist() == [strength[tuple(pair)] for pair in pairs.tolist()]


def test_rounds_are_worth_it_while_enough_verify():
    assert is_worthwhile(100, 5)
    assert not is_worthwhile(100, 4)
    assert is_worthwhile(3, 1)
    assert not is_worthwhile(3, 0)
    assert not is_worthwhile(0, 0)
