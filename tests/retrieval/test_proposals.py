"""Proposals: floors kept, no pair twice, the same whatever the order of photos; known trees and sequences."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import minimum_spanning_tree

from scenesort.retrieval.index import DescriptorIndex
from scenesort.retrieval.proposals import (
    exhaustive,
    knn,
    mst,
    neighbours_wanted,
    proposals,
    sequence,
    threshold,
    union,
)

drawn = st.tuples(st.integers(0, 40), st.integers(0, 10**6), st.integers(1, 45))


def collection(count, seed):
    """Unit descriptors in scenes, with all similarities far enough apart to know no ties."""
    random = np.random.default_rng(seed)
    photos = np.repeat(random.normal(size=(count // 8 + 1, 8)), 8, axis=0)[:count]
    photos = photos + 0.6 * random.normal(size=(count, 8))
    return (photos / np.linalg.norm(photos, axis=1, keepdims=True)).astype(np.float16)


def neighbours_of(photos, k):
    index = DescriptorIndex.in_memory(photos.shape[1])
    index.add(photos)
    return index.neighbours(k)


def pair_set(found):
    return {tuple(pair) for pair in found.pairs.tolist()}


def check(found, count):
    assert all(0 <= first < second < count for first, second in found.pairs.tolist())
    assert len(pair_set(found)) == len(found)
    keys = [
        (np.isnan(score), -score if score == score else 0, *pair)
        for score, pair in zip(found.scores.tolist(), found.pairs.tolist(), strict=True)
    ]
    assert keys == sorted(keys)
    assert (found.proposed_by > 0).all()


def degrees(found, count):
    return np.bincount(found.pairs.ravel(), minlength=count)


def has_ties(photos):
    similarity = np.rint(photos.astype(float) @ photos.astype(float).T * 2**14)[np.triu_indices(len(photos), 1)]
    return len(np.unique(similarity)) < len(similarity)


@given(drawn)
@settings(max_examples=60, deadline=None)
def test_rules_keep_their_floors(given_values):
    count, seed, k = given_values
    photos = collection(count, seed)
    near = neighbours_of(photos, k)
    floor = min(k, max(count - 1, 0))
    for found in (knn(near, k), threshold(near, 0.5, k)):
        check(found, count)
        assert (degrees(found, count) >= floor).all()
    everything = neighbours_of(photos, count)
    distance = np.sqrt(np.maximum(2 - 2 * photos.astype(float) @ photos.astype(float).T, 0))
    literal = {
        (min(photo, other), max(photo, other))
        for photo in range(count)
        for rank, other in enumerate(everything.rows[photo].tolist())
        if rank < 3 or distance[photo, other] <= 0.7
    }
    differing = literal ^ pair_set(threshold(everything, 0.7, 3))
    assert all(abs(distance[pair] - 0.7) < 1e-4 for pair in differing)


@given(drawn)
@settings(max_examples=40, deadline=None)
def test_rules_know_no_order_of_photos(given_values):
    count, seed, k = given_values
    photos = collection(min(count, 16), seed)
    count = len(photos)
    if has_ties(photos):
        return
    order = np.random.default_rng(seed).permutation(count)
    for rule in (
        lambda rows: knn(neighbours_of(rows, k), k),
        lambda rows: threshold(neighbours_of(rows, k), 0.6, 2),
        lambda rows: mst(rows, neighbours_of(rows, count)),
    ):
        plain = pair_set(rule(photos))
        shuffled = {tuple(sorted(order[list(pair)].tolist())) for pair in pair_set(rule(photos[order]))}
        assert shuffled == plain
        assert pair_set(rule(photos)) == plain


@given(st.integers(0, 40), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_a_tree_of_all_neighbours_is_minimal(count, seed):
    photos = collection(count, seed)
    found = mst(photos, neighbours_of(photos, count))
    check(found, count)
    assert len(found) == max(count - 1, 0)
    if count > 1:
        distance = 3 - photos.astype(float) @ photos.astype(float).T
        least = minimum_spanning_tree(np.triu(distance, 1)).sum()
        assert sum(distance[tuple(pair)] for pair in found.pairs.tolist()) == pytest.approx(least, abs=1e-3)


@given(st.integers(1, 60), st.integers(0, 10**6), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_a_tree_of_few_neighbours_still_spans(count, seed, k):
    photos = collection(count, seed)
    found = mst(photos, neighbours_of(photos, k))
    assert len(found) == count - 1
    group = list(range(count))
    for first, second in found.pairs.tolist():
        group = [group[first] if label == group[second] else label for label in group]
    assert len(set(group)) == 1
    similarity = photos.astype(float) @ photos.astype(float).T
    np.testing.assert_allclose(found.scores, similarity[tuple(found.pairs.T)], atol=1e-4)


def test_bridges_lead_between_the_nearest_photos():
    angles = np.deg2rad([0, 1, 2, 30, 31, 32, 80, 81])
    photos = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float16)
    assert pair_set(mst(photos, neighbours_of(photos, 1))) >= {(2, 3), (5, 6)}


def test_large_trees_are_bridged_by_photos_like_the_other_tree(monkeypatch):
    monkeypatch.setattr("scenesort.retrieval.proposals.BRIDGE_PHOTOS", 2)
    monkeypatch.setattr("scenesort.retrieval.proposals.BLOCK_ROWS", 3)
    angles = np.deg2rad([0, 1, 2, 3, 40, 41, 42, 43])
    photos = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float16)
    assert (3, 4) in pair_set(mst(photos, neighbours_of(photos, 3)))


def test_exhaustive_is_every_pair():
    assert pair_set(exhaustive(5)) == set(itertools.combinations(range(5), 2))
    assert len(exhaustive(1)) == len(exhaustive(0)) == 0
    assert np.isnan(exhaustive(3).scores).all()


def test_neighbours_wanted_grow_with_the_logarithm():
    assert [neighbours_wanted(count) for count in (0, 1, 2, 15, 1000, 10_000, 100_000)] == [0, 0, 1, 14, 20, 27, 34]
    assert neighbours_wanted(1000, floor=30) == 30


def test_sequences_join_powers_of_two_in_time():
    found = sequence(np.array([50.0, 10.0, np.nan, 30.0, 20.0, 40.0]), powers=3)
    # In time: 1, 4, 3, 5, 0.
    assert pair_set(found) == {(1, 4), (3, 4), (3, 5), (0, 5), (1, 3), (4, 5), (0, 3), (0, 1)}
    assert found.rules == ("sequence",)
    assert len(sequence(np.full(4, np.nan))) == len(sequence(np.zeros(0))) == 0


def test_a_gap_in_time_ends_a_sequence():
    found = sequence(np.array([0.0, 1.0, 2.0, 100.0, 101.0]), powers=2, max_gap_s=10)
    assert pair_set(found) == {(0, 1), (1, 2), (0, 2), (3, 4)}


@given(drawn)
@settings(max_examples=40, deadline=None)
def test_a_union_keeps_every_pair_once_with_all_who_proposed_it(given_values):
    count, seed, k = given_values
    photos = collection(count, seed)
    near = neighbours_of(photos, min(k, 4))
    parts = [sequence(np.arange(float(count)), 2), knn(near, 2), mst(photos, near), threshold(near, 0.4, 1)]
    found = union(parts)
    check(found, count)
    assert pair_set(found) == set().union(*map(pair_set, parts))
    scores = [dict(zip(map(tuple, part.pairs.tolist()), part.scores.tolist(), strict=True)) for part in parts]
    for number, pair in enumerate(map(tuple, found.pairs.tolist())):
        assert set(found.rules_of(number)) == {part.rules[0] for part in parts if pair in pair_set(part)}
        known = [score[pair] for score in scores if pair in score and not np.isnan(score[pair])]
        assert found.scores[number] == max(known) if known else np.isnan(found.scores[number])
    again = union([union(parts[:2]), union(parts[2:]), found])
    np.testing.assert_array_equal(again.pairs, found.pairs)
    np.testing.assert_array_equal(again.proposed_by, found.proposed_by)
    assert len(union([])) == 0


def test_proposals_merge_mirrored_pairs_and_drop_a_photo_with_itself():
    found = proposals("own", np.array([[3, 1], [2, 2], [1, 3]]), np.array([0.2, 1.0, 0.6], np.float32))
    assert found.pairs.tolist() == [[1, 3]]
    assert found.scores.tolist() == [np.float32(0.6)]
