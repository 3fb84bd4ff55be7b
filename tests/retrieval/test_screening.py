"""Screening covers every pair once and ranks pairs that overlap first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictures import textured, warped
from scenesort import features, retrieval
from scenesort.retrieval.screening import screen_pair


@given(st.integers(0, 150))
def test_blocks_cover_every_pair_once(count):
    seen = np.zeros((count, count), int)
    for rows, columns in retrieval.block_pairs(count):
        same = rows == columns
        assert same or rows.stop <= columns.start
        for row in rows:
            seen[row, [column for column in columns if not same or column > row]] += 1
    np.testing.assert_array_equal(seen, np.triu(np.ones((count, count), int), 1))


def random_sets(count, rng, rows=20):
    vectors = rng.normal(size=(count, rows, 8)).astype(np.float32)
    return list(vectors / np.linalg.norm(vectors, axis=2, keepdims=True))


def test_a_block_scores_each_pair_as_the_pair_alone():
    rng = np.random.default_rng(0)
    a, b = random_sets(3, rng), random_sets(4, rng)
    whole = retrieval.screen_block(a, b, same=False)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(whole, [[screen_pair(one, other) for other in b] for one in a])
    same = retrieval.screen_block(a, a, same=True)
    np.testing.assert_allclose(same, np.triu([[screen_pair(one, other) for other in a] for one in a], 1))


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
    scores = retrieval.screen_block(sets, sets, same=True)
    together = [scores[row, row + 1] for row in (0, 2, 4)]
    apart = [scores[row, column] for row in range(6) for column in range(row + 1, 6) if row // 2 != column // 2]
    assert min(together) > 1.5 * max(apart)
