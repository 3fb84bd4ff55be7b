"""Windows of one model moved so that all their overlaps agree best: what a loop is off by is spread along it.

A pose graph of similarities (Strasdat, Montiel and Davison, "Scale drift-aware large scale monocular SLAM", RSS 2010),
solved in three linear steps that each have one global minimum nearby: rotations, then scales, then translations. Edges
that the others contradict lose their weight (Cauchy).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from scenesort import geometry
from scenesort.geometry import Similarity
from scenesort.types import FloatArray

ITERATIONS = 15
_TURN, _STRETCH = np.radians(2.0), 0.05
_SHIFT = 0.05
"""Residuals at which an edge has lost half its weight: radians, logarithm of the scale, share of the depth."""


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """What the photos that windows i and j share say: `i_from_j`, in the windows' own frames.

    `middle_i`, `middle_j`: (3,) the middle of the shared cameras in both. `size_i`: depth of what they show, in units
    of i. `weight`: the number of shared photos.
    """

    i: int
    j: int
    i_from_j: Similarity
    middle_i: FloatArray
    middle_j: FloatArray
    size_i: float
    weight: float


def spread_loops(world_from_window: Sequence[Similarity], edges: Sequence[Edge]) -> list[Similarity]:
    """Return the windows' places for which their edges agree best; the first stays where it is.

    Without a loop, fewer edges than windows, there is nothing to spread and they come back as they are.
    """
    count = len(world_from_window)
    if len(edges) < count or count < 3:
        return list(world_from_window)
    incidence = np.zeros((len(edges), count))
    for row, edge in enumerate(edges):
        incidence[row, edge.i], incidence[row, edge.j] = 1.0, -1.0
    weights = np.array([edge.weight for edge in edges])
    rotations = np.array([one.rotation for one in world_from_window])
    for _ in range(ITERATIONS):
        # A left turn w of window i changes its edge's residual log(R_i R_ij R_j^T) by w_i - w_j.
        off = [rotations[e.i] @ e.i_from_j.rotation @ rotations[e.j].T for e in edges]
        residual = np.array([cv2.Rodrigues(turn)[0][:, 0] for turn in off])
        step = _solve(incidence, -residual, weights * _robust(residual, _TURN))
        rotations = np.array([cv2.Rodrigues(turn)[0] @ own for turn, own in zip(step, rotations, strict=True)])
        if np.abs(step).max() < 1e-9:
            break
    stretch = np.array([[np.log(edge.i_from_j.scale)] for edge in edges])
    start = np.log([[one.scale] for one in world_from_window])
    scales = np.exp(start + _reweighted(incidence, -stretch - incidence @ start, weights, _STRETCH))[:, 0]
    arms = np.array(
        [scales[e.j] * rotations[e.j] @ e.middle_j - scales[e.i] * rotations[e.i] @ e.middle_i for e in edges]
    )
    places = np.array([one.translation for one in world_from_window])
    unit = float(np.median([edge.size_i * scales[edge.i] for edge in edges]))
    places = places + _reweighted(incidence, arms - incidence @ places, weights, _SHIFT * unit)
    return [
        Similarity(float(scale), geometry.nearest_rotation(rotation), place)
        for scale, rotation, place in zip(scales, rotations, places, strict=True)
    ]


def _reweighted(incidence: FloatArray, wanted: FloatArray, weights: FloatArray, scale: float) -> FloatArray:
    """Solve `incidence @ x = wanted` (e, d) with the first row of x (n, d) at 0, outliers losing their weight."""
    found = _solve(incidence, wanted, weights)
    for _ in range(ITERATIONS):
        found = _solve(incidence, wanted, weights * _robust(wanted - incidence @ found, scale))
    return found


def _solve(incidence: FloatArray, wanted: FloatArray, weights: FloatArray) -> FloatArray:
    root = np.sqrt(weights)[:, None]
    found = np.linalg.lstsq(root * incidence[:, 1:], root * wanted, rcond=None)[0]
    return np.vstack([np.zeros((1, wanted.shape[1])), found])


def _robust(residual: FloatArray, scale: float) -> FloatArray:
    weight: FloatArray = 1.0 / (1.0 + (np.linalg.norm(residual, axis=1) / scale) ** 2)
    return weight
