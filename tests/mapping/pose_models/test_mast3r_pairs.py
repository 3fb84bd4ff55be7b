"""Which photos MASt3R compares."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from scenesort.mapping.pose_models.mast3r_pairs import NEIGHBOURS, Encoded, choose_pairs, likeness


def test_few_photos_are_compared_each_with_each():
    assert choose_pairs(np.zeros((4, 4))) == list(itertools.combinations(range(4), 2))


def test_many_photos_with_the_most_alike_and_all_hang_together():
    places = np.concatenate([np.arange(30), 1000 + np.arange(30)])
    likenesses = -np.abs(places[:, None] - places[None, :]).astype(float)
    pairs = choose_pairs(likenesses)
    assert pairs == sorted(set(pairs))
    assert all(first < second for first, second in pairs)
    # Two groups that nothing joins but the tree, by the nearest two.
    across = [(first, second) for first, second in pairs if first < 30 <= second]
    assert across == [(29, 30)]
    for index in (0, 15, 45):
        nearest = [other for other in np.argsort(-likenesses[index], kind="stable") if other != index][:NEIGHBOURS]
        assert all((min(index, other), max(index, other)) in pairs for other in nearest)
    assert len(pairs) < 60 * NEIGHBOURS


def test_likeness_is_by_what_photos_do_not_share():
    shared = torch.full((1, 3, 4), 10.0)
    tokens = [torch.tensor([1.0, 0, 0, 0]), torch.tensor([1.0, 0.1, 0, 0]), torch.tensor([-1.0, 0, 0, 0])]
    features = [Encoded(shared + one, None, torch.tensor([[16, 16]])) for one in tokens]
    found = likeness(features)
    np.testing.assert_allclose(np.diag(found), 1)
    assert found[0, 1] > 0.9
    assert found[0, 2] < -0.9
