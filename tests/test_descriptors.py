"""Nearest neighbours equal a plain reference, ties and edges included."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scenesort import descriptors
from scenesort.descriptors import mutual_nearest, ratio_matches, unit_descriptors
from scenesort.types import Features


@st.composite
def two_sets(draw):
    """Two sets of signed unit axes and diagonals: products are exact, so ties are ties."""
    width = draw(st.integers(2, 4))
    rows = [draw(st.integers(0, 9)), draw(st.integers(0, 9))]
    found = []
    for count in rows:
        axes = draw(arrays(np.int64, count, elements=st.integers(0, width - 1)))
        signs = draw(arrays(np.int64, count, elements=st.sampled_from([-1, 1])))
        vectors = np.zeros((count, width), np.float32)
        vectors[np.arange(count), axes] = signs
        halves = draw(arrays(np.bool_, count))
        vectors[halves] = 0.5 if width == 4 else vectors[halves]
        found.append(vectors)
    return found


def plain_mutual_nearest(a, b):
    """Two loops: (row, partner, best, second) of each mutual pair; of equal partners and rows the first wins."""
    found = []
    if not len(a) or not len(b):
        return found
    products = a @ b.T
    taken = set()
    for row in range(len(a)):
        partner = min(range(len(b)), key=lambda column: (-products[row, column], column))
        best = products[row, partner]
        if partner in taken or any(products[other, partner] > best for other in range(len(a))):
            continue
        taken.add(partner)
        rest = [products[row, column] for column in range(len(b)) if column != partner]
        found.append((row, partner, best, max(rest, default=-np.inf)))
    return found


@given(two_sets())
def test_mutual_nearest_equals_two_loops(sets):
    assert list(zip(*(part.tolist() for part in mutual_nearest(*sets)), strict=True)) == plain_mutual_nearest(*sets)


def test_blocks_do_not_show(monkeypatch):
    rng = np.random.default_rng(0)
    a, b = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in rng.normal(size=(2, 300, 16)))
    a, b = a.astype(np.float32), b.astype(np.float32)
    whole = mutual_nearest(a, b)
    monkeypatch.setattr(descriptors, "BLOCK_ROWS", 7)
    for part, same in zip(mutual_nearest(a, b), whole, strict=True):
        np.testing.assert_allclose(part, same, rtol=1e-6)
    assert len(whole[0]) > 30


@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 12), st.floats(0.3, 1.0), st.floats(0.2, 1.5))
def test_ratio_matches_equal_two_loops(seed, rows, columns, max_ratio, max_angle):
    rng = np.random.default_rng(seed)
    b = rng.normal(size=(columns, 4))
    # Half of the rows are near copies, so that some pass.
    near = b[rng.integers(0, columns, rows // 2)] if columns else np.zeros((0, 4))
    a = np.concatenate([near + rng.normal(size=near.shape) * 0.1, rng.normal(size=(rows - len(near), 4))])
    a, b = (set_ / np.maximum(np.linalg.norm(set_, axis=1, keepdims=True), 1e-9) for set_ in (a, b))
    angles = np.arccos(np.clip(a @ b.T, -1, 1))
    expected = []
    for row in range(rows):
        for column in range(columns):
            near = angles[row, column]
            others = [*np.delete(angles[row], column), *np.delete(angles[:, column], row)]
            if len(a) > 1 and near <= max_angle and all(near <= max_ratio * other for other in others):
                expected.append((row, column))
    found = ratio_matches(a.astype(np.float32), b.astype(np.float32), max_ratio, max_angle)
    assert found.dtype == np.uint32
    assert found.shape == (len(found), 2)
    assert [tuple(pair) for pair in found.tolist()] == expected


def test_ambiguous_partners_are_refused_from_either_side():
    axis, other = np.eye(2, dtype=np.float32)
    twice = np.stack([axis, axis])
    assert len(ratio_matches(np.stack([axis, other]), twice, 0.8, 1.0)) == 0
    assert len(ratio_matches(twice, np.stack([axis, other]), 0.8, 1.0)) == 0
    assert ratio_matches(np.stack([axis, other]), np.stack([other, axis]), 0.8, 1.0).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (0, 3), (3, 0), (1, 1), (1, 3), (3, 1)])
def test_few_rows(rows, columns):
    a, b = np.eye(3, dtype=np.float32)[:rows], np.eye(3, dtype=np.float32)[:columns]
    found = mutual_nearest(a, b)
    assert [part.dtype for part in found] == [np.int64, np.int64, np.float32, np.float32]
    assert len(found[0]) == min(rows, columns)
    assert ratio_matches(a, b, 0.8, math.pi).shape[1] == 2


def test_unit_descriptors_take_the_best_and_scale_them():
    raw = np.array([[3, 4], [0, 0], [255, 0]], dtype=np.uint8)
    features = Features(np.zeros((3, 2), np.float32), raw, np.zeros(3, np.float32), (10, 10))
    np.testing.assert_allclose(unit_descriptors(features), [[0.6, 0.8], [0, 0], [1, 0]], rtol=1e-6)
    assert unit_descriptors(features, 1).shape == (1, 2)
    assert unit_descriptors(features).dtype == np.float32
