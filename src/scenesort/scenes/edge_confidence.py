"""How sure it is that the photos of a verified pair show one place: from the matches they should have and don't have.

Within the area of one photo that the matches of a pair cover, keypoints that match in third photos should match in the
pair's other photo, too. Where two places look alike, those on their common structure do and the others don't. Source:
missing correspondences (Zach, Irschara and Bischof, CVPR 2008), here within one photo, with no third pose.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from scenesort.types import FloatArray, Pair, TwoViewGeometry, ViewGraph

MIN_EXPECTED = 10
"""Fewest keypoints that third photos match in the area: below, nothing is known."""


def edge_confidence(geometries: Iterable[TwoViewGeometry], keypoints_px: Mapping[str, FloatArray]) -> dict[Pair, float]:
    """Return the confidence of each verified pair of which enough is known, 0 … 1: the better of its photos' shares.

    `keypoints_px`: keypoints (n, 2) of each photo, to which the inlier matches are indices. The share is of those
    keypoints in the convex hull of the pair's inliers, and matched in third photos, that match in the other photo.
    """
    matched: dict[str, dict[Pair, NDArray[np.int64]]] = {}
    for geometry in geometries:
        for side, name in enumerate(geometry.pair):
            rows = np.unique(geometry.inlier_matches[:, side]).astype(np.int64)
            matched.setdefault(name, {})[geometry.pair] = rows
    shares: dict[Pair, float] = {}
    for name, by_pair in matched.items():
        uses = np.bincount(np.concatenate(list(by_pair.values())), minlength=len(keypoints_px[name]))
        for pair, rows in by_pair.items():
            share = _share(keypoints_px[name], uses, rows)
            if share is not None:
                shares[pair] = max(share, shares.get(pair, 0.0))
    return dict(sorted(shares.items()))


def _share(keypoints_px: FloatArray, uses: NDArray[np.int64], rows: NDArray[np.int64]) -> float | None:
    """Share of the keypoints that should match which do, or None; `uses`: photos that match each keypoint."""
    in_others = uses.copy()
    in_others[rows] -= 1
    hull = cv2.convexHull(keypoints_px[rows].astype(np.float32))
    candidates = np.flatnonzero(in_others > 0)
    low, high = keypoints_px[rows].min(axis=0), keypoints_px[rows].max(axis=0)
    places = keypoints_px[candidates]
    candidates = candidates[np.all((places >= low) & (places <= high), axis=1)]
    inside = [
        cv2.pointPolygonTest(hull, (float(x), float(y)), False) >= 0 for x, y in keypoints_px[candidates].tolist()
    ]
    expected = candidates[np.array(inside, bool)]
    if len(expected) < MIN_EXPECTED:
        return None
    return float(np.isin(expected, rows).mean())


def with_confidence(graph: ViewGraph, confidence: Mapping[Pair, float]) -> ViewGraph:
    """The graph with the confidence of its edges."""
    return dataclasses.replace(graph, confidence={pair: confidence[pair] for pair in graph.edges if pair in confidence})


def with_doubts(graph: ViewGraph, cuts: Iterable[tuple[Iterable[str], Iterable[str]]]) -> ViewGraph:
    """The graph with confidence 0 in edges between the two sides of cuts, which were found to be two places."""
    confidence = dict(graph.confidence)
    for first, second in cuts:
        one, other = set(first), set(second)
        confidence.update(
            {(a, b): 0.0 for a, b in graph.edges if (a in one and b in other) or (a in other and b in one)}
        )
    return dataclasses.replace(graph, confidence=dict(sorted(confidence.items())))


def trusted(graph: ViewGraph, min_confidence: float = 0.0) -> ViewGraph:
    """The graph without edges of confidence 0, or below `min_confidence`; edges of unknown confidence stay."""
    edges = {
        pair: inliers
        for pair, inliers in graph.edges.items()
        if graph.confidence.get(pair, 1.0) >= max(min_confidence, 1e-9)
    }
    return dataclasses.replace(graph, edges=edges)
