"""Descriptors of planted clusters on the unit sphere, with stray photos between them."""

from __future__ import annotations

import numpy as np

from scenesort.retrieval.index import DescriptorIndex

DIMENSION = 32


def at_unit_length(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def planted(sizes, num_strays=0, spread=0.4, seed=0):
    """Descriptors (n, 32) float16 and their truth (n,), -1 for strays; `spread`: length of what is added to centres."""
    random = np.random.default_rng(seed)
    truth = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), np.full(num_strays, -1)]).astype(np.int64)
    centres = np.linalg.qr(random.normal(size=(DIMENSION, DIMENSION)))[0][: len(sizes)]
    rows = random.normal(size=(len(truth), DIMENSION))
    rows[truth >= 0] *= spread / np.sqrt(DIMENSION)
    rows[truth >= 0] += centres[truth[truth >= 0]]
    order = random.permutation(len(truth))
    return at_unit_length(rows)[order], truth[order]


def neighbours_of(descriptors, k):
    index = DescriptorIndex.in_memory(descriptors.shape[1])
    index.add(descriptors)
    return index.neighbours(k)


def partition(labels):
    """The clusters as sets of rows, whatever their numbers."""
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels[labels >= 0])}
