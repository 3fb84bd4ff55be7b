"""Screening covers every pair once and ranks pairs that overlap first."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pictures import textured, warped
from scenesort import features, retrieval
from scenesort.retrieval.screening import BLOCK_PHOTOS, screen_pair


@given(st.integers(0, 400), st.integers(0, 2000), st.integers(0, 10**6))
@settings(deadline=None, max_examples=50)
def test_blocks_hold_every_pair_once_and_few_photos(count, wanted, seed):
    rng = np.random.default_rng(seed)
    pairs = rng.integers(0, max(count, 1), (wanted if count else 0, 2))
    blocks = list(retrieval.screening_blocks(pairs))
    assert sorted(number for block in blocks for number in block.tolist()) == list(range(len(pairs)))
    assert all(len(np.unique(pairs[block])) <= BLOCK_PHOTOS for block in blocks)


def test_all_pairs_come_in_few_blocks():
    pairs = np.stack(np.triu_indices(320, 1), axis=1)
    # Ten tiles a side: 55 tiles, of which those on the diagonal have half as many photos.
    assert len(list(retrieval.screening_blocks(pairs))) <= 55


def random_sets(count, rng, rows=20):
    vectors = rng.normal(size=(count, rows, 8)).astype(np.float32)
    return list(vectors / np.linalg.norm(vectors, axis=2, keepdims=True))


def test_a_block_scores_each_pair_as_the_pair_alone():
    rng = np.random.default_rng(0)
    a, b = random_sets(3, rng), random_sets(4, rng)
    pairs = np.array([(0, 3), (0, 4), (2, 6), (1, 2)])
    scores = retrieval.screen([*a, *b], pairs)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, [screen_pair(([*a, *b])[one], ([*a, *b])[other]) for one, other in pairs])
    assert retrieval.screen(a, pairs[:0]).shape == (0,)


@pytest.mark.parametrize("count", [0, 1])
def test_photos_without_features_score_nothing_or_little(count):
    rng = np.random.default_rng(1)
    (many,) = random_sets(1, rng)
    few = many[:count]
    assert 0 <= screen_pair(few, many) <= count
    assert screen_pair(few, many) == pytest.approx(screen_pair(many, few), abs=1)


@pytest.mark.parametrize("name", ["sift", "xfeat"])
def test_overlapping_pairs_rank_above_others(needs_weights, name):
    needs_weights(*features.load(name).weights)
    member = features.load(name)(300, "cpu")
    moved = np.array([[0.97, -0.05, 20.0], [0.04, 0.98, 5.0], [1e-4, 0, 1.0]])
    photos = []
    for seed in range(3):
        image = textured(192, 224, seed)
        photos += [image, warped(image, moved, (224, 192))]
    sets = [retrieval.screen_descriptors(member.extract(image), 200) for image in photos]
    assert max(map(len, sets)) <= 200
    every = np.stack(np.triu_indices(6, 1), axis=1)
    scores = np.zeros((6, 6))
    scores[tuple(every.T)] = retrieval.screen(sets, every)
    together = [scores[row, row + 1] for row in (0, 2, 4)]
    apart = [scores[row, column] for row in range(6) for column in range(row + 1, 6) if row // 2 != column // 2]
    assert min(together) > 1.5 * max(apart)
