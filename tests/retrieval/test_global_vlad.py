"""VLAD against plain loops, k-means and principal components against what must hold of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesort.errors import OptionError
from scenesort.retrieval.global_descriptors import FeatureDescriptorMember, GlobalDescriptorOptions
from scenesort.retrieval.global_descriptors.components import fit_projection
from scenesort.retrieval.global_descriptors.vlad import Vlad, aggregate, k_means
from scenesort.types import Features


def at_unit_length(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def features(descriptors):
    count = len(descriptors)
    return Features(
        np.zeros((count, 2), np.float32), descriptors, np.linspace(1, 0, count, dtype=np.float32), (640, 480)
    )


def places(num_places=4, photos_each=6, keypoints=80, size=16, seed=0):
    """Photos whose descriptors scatter about their place's own centres, as features and place numbers."""
    rng = np.random.default_rng(seed)
    photos, numbers = [], []
    for place in range(num_places):
        centres = rng.normal(size=(10, size))
        for _ in range(photos_each):
            drawn = centres[rng.integers(0, 10, keypoints)] + rng.normal(0, 0.6, (keypoints, size))
            photos.append(features(at_unit_length(drawn).astype(np.float16)))
            numbers.append(place)
    return photos, np.array(numbers)


def vlad_by_loops(descriptors, words):
    parts = [[0.0] * words.shape[1] for _ in words]
    for descriptor in descriptors.tolist():
        distances = [sum((a - b) ** 2 for a, b in zip(descriptor, word, strict=True)) for word in words.tolist()]
        nearest = distances.index(min(distances))
        for k, value in enumerate(descriptor):
            parts[nearest][k] += value - float(words[nearest, k])
    for part in parts:
        part[:] = [(1 if value > 0 else -1) * abs(value) ** 0.5 for value in part]
        length = sum(value**2 for value in part) ** 0.5
        if length > 0:
            part[:] = [value / length for value in part]
    whole = [value for part in parts for value in part]
    length = sum(value**2 for value in whole) ** 0.5
    return [value / length for value in whole]


@given(seed=st.integers(0, 10_000), count=st.integers(1, 30), num_words=st.integers(1, 9))
def test_aggregate_is_the_plain_loops_sum(seed, count, num_words):
    rng = np.random.default_rng(seed)
    descriptors = at_unit_length(rng.normal(size=(count, 5))).astype(np.float32)
    words = rng.normal(size=(num_words, 5)).astype(np.float32)
    np.testing.assert_allclose(aggregate(descriptors, words), vlad_by_loops(descriptors, words), atol=1e-5)


def test_vectors_have_unit_length_and_do_not_depend_on_order():
    photos, _ = places()
    member = Vlad(GlobalDescriptorOptions(words=8), "cpu")
    assert isinstance(member, FeatureDescriptorMember)
    codebook = member.fit(photos, seed=3)
    for photo in photos:
        vector = member.describe(photo, codebook)
        assert vector.shape == (codebook.size,)
        assert vector.dtype == np.float32
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
        shuffled = features(photo.descriptors[np.random.default_rng(0).permutation(len(photo))])
        np.testing.assert_allclose(member.describe(shuffled, codebook), vector, atol=1e-5)
        assert member.describe(photo, codebook).tobytes() == vector.tobytes()


def test_the_codebook_is_the_same_for_the_same_seed():
    photos, _ = places()
    member = Vlad(GlobalDescriptorOptions(words=8), "cpu")
    first, again, other = (member.fit(photos, seed) for seed in (1, 1, 2))
    assert first.words.tobytes() == again.words.tobytes()
    assert first.shortening.rows.tobytes() == again.shortening.rows.tobytes()
    assert first.words.tobytes() != other.words.tobytes()


@pytest.mark.parametrize("whitening", [0.0, 0.5])
def test_photos_of_one_place_are_nearest(whitening):
    photos, numbers = places()
    member = Vlad(GlobalDescriptorOptions(words=8, whitening=whitening, size=64), "cpu")
    codebook = member.fit(photos, seed=0)
    vectors = np.stack([member.describe(photo, codebook) for photo in photos])
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -2)
    nearest = np.argsort(-likeness, axis=1)[:, :5]
    assert (numbers[nearest] == numbers[:, None]).mean() > 0.95


def test_sifts_bytes_are_taken_too():
    rng = np.random.default_rng(0)
    photos = [features(rng.integers(0, 256, (40, 128), dtype=np.uint8)) for _ in range(9)]
    member = Vlad(GlobalDescriptorOptions(words=4), "cpu")
    assert np.linalg.norm(member.describe(photos[0], member.fit(photos, 0))) == pytest.approx(1, abs=1e-6)


def test_few_photos_and_empty_ones():
    photos, _ = places(1, 1, keypoints=5)
    empty = features(np.zeros((0, 16), np.float16))
    member = Vlad(GlobalDescriptorOptions(words=8), "cpu")
    codebook = member.fit([empty, *photos, empty], seed=0)
    assert codebook.shortening is None
    assert len(codebook.words) <= 5
    assert not member.describe(photos[0], codebook).any()  # each of its descriptors is a word
    assert not member.describe(empty, codebook).any()
    assert member.describe(empty, codebook).shape == (codebook.size,)
    single = features(np.ones((1, 16), np.float16))
    assert np.isfinite(member.describe(single, member.fit([single], 0))).all()


def test_features_that_do_not_go_together_are_refused():
    photos, _ = places()
    narrow = features(np.ones((4, 7), np.float16))
    member = Vlad(GlobalDescriptorOptions(words=4), "cpu")
    with pytest.raises(OptionError, match="no photo has local features"):
        member.fit([features(np.zeros((0, 16), np.float16))], 0)
    with pytest.raises(OptionError, match="features of different members"):
        member.fit([*photos, narrow], 0)
    with pytest.raises(OptionError, match="have 7 numbers, those of the codebook 16"):
        member.describe(narrow, member.fit(photos, 0))


def test_k_means_finds_separate_heaps():
    rng = np.random.default_rng(5)
    heaps = np.array([[0, 0], [9, 0], [0, 9], [9, 9]], np.float32)
    points = np.concatenate([heap + rng.normal(0, 0.2, (50, 2)) for heap in heaps]).astype(np.float32)
    centres = k_means(points, 4, 20, np.random.default_rng(0))
    means = points.reshape(4, 50, 2).mean(axis=1)
    order = [int(np.square(centres - mean).sum(axis=1).argmin()) for mean in means]
    assert sorted(order) == [0, 1, 2, 3]
    np.testing.assert_allclose(centres[order], means, atol=1e-4)


def test_k_means_of_equal_points_has_one_centre():
    assert len(k_means(np.ones((20, 3), np.float32), 5, 10, np.random.default_rng(0))) == 1


@pytest.mark.parametrize("shape", [(60, 8), (12, 30)])
def test_components_are_uncorrelated_and_largest_first(shape):
    rng = np.random.default_rng(1)
    vectors = (rng.normal(size=shape) * np.linspace(3, 0.5, shape[1]) + 5).astype(np.float32)
    projection = fit_projection(vectors, 6, 0.0)
    moved = projection.apply(vectors).astype(np.float64)
    covariance = moved.T @ moved / len(moved)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=2e-4)
    assert (np.diff(np.diag(covariance)) <= 1e-6).all()
    np.testing.assert_allclose(moved.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(projection.rows @ projection.rows.T, np.eye(6), atol=1e-5)


@given(seed=st.integers(0, 1000), count=st.integers(12, 40), length=st.integers(3, 50))
def test_all_components_keep_every_distance(seed, count, length):
    vectors = np.random.default_rng(seed).normal(size=(count, length)).astype(np.float32)
    projection = fit_projection(vectors, 1000, 0.0)
    moved = projection.apply(vectors)
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    variances = np.square(np.linalg.svd(centred, compute_uv=False))
    assert len(projection.rows) == np.count_nonzero(variances > 1e-9 * variances[0])
    for a, b in ((0, 1), (2, 7)):
        expected = np.linalg.norm(vectors[a] - vectors[b])
        assert np.linalg.norm(moved[a] - moved[b]) == pytest.approx(expected, rel=1e-4)


def test_full_whitening_gives_variance_one_and_keeps_few_components():
    vectors = (np.random.default_rng(2).normal(size=(41, 100)) * np.linspace(5, 0.1, 100)).astype(np.float32)
    projection = fit_projection(vectors, 64, 1.0)
    moved = projection.apply(vectors).astype(np.float64)
    assert moved.shape == (41, 10)
    np.testing.assert_allclose(moved.T @ moved / 41, np.eye(10), atol=1e-4)


def test_equal_vectors_have_no_components():
    assert fit_projection(np.ones((9, 4), np.float32), 3, 0.0) is None
    assert fit_projection(np.ones((1, 4), np.float32), 3, 0.0) is None
