"""Pairs inside groups: none across, none of photos without a group, order kept."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scenesort.retrieval.groups import groups_first, within_groups
from scenesort.retrieval.proposals import exhaustive, proposals


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=12))
def test_pairs_inside_groups_are_told(labels):
    found = exhaustive(len(labels))
    kept = within_groups(found, np.array(labels))
    wanted = [pair for pair in found.pairs.tolist() if labels[pair[0]] == labels[pair[1]] != -1]
    assert kept.pairs.tolist() == wanted
    assert groups_first(found.pairs, np.array(labels)).sum() == len(wanted)


def test_what_is_known_of_a_pair_stays_with_it():
    found = proposals("knn", np.array([[0, 1], [1, 2], [2, 3]]), np.array([0.1, 0.9, 0.5], np.float32))
    labels = np.array([7, 7, 2, 2])
    kept = within_groups(found, labels)
    assert kept.pairs.tolist() == [[2, 3], [0, 1]]
    assert kept.scores.tolist() == [np.float32(0.5), np.float32(0.1)]
    assert kept.rules_of(0) == ("knn",)
    assert len(kept.proposed_by) == 2
    order = np.argsort(~groups_first(found.pairs, labels), kind="stable")
    assert found.pairs[order].tolist() == [[2, 3], [0, 1], [1, 2]]
    assert len(within_groups(found, np.full(4, -1))) == 0
