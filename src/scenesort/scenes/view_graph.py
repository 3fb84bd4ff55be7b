"""The verified view graph and its connected parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scenesort.types import Pair, ViewGraph


def build_view_graph(photos: Iterable[str], inliers: Mapping[Pair, int]) -> ViewGraph:
    """Join photos by their verified pairs (`inliers`: pair → number of inlier matches)."""
    return ViewGraph(tuple(sorted(photos)), dict(sorted(inliers.items())))


def with_inliers(graph: ViewGraph, inliers: Mapping[Pair, int]) -> ViewGraph:
    """Return the graph of the same photos with other verified pairs; what is known of a pair's confidence stays."""
    confidence = {pair: value for pair, value in graph.confidence.items() if pair in inliers}
    return ViewGraph(graph.photos, dict(sorted(inliers.items())), confidence)


def connected_parts(graph: ViewGraph, min_photos: int, min_inliers: int = 0) -> list[tuple[str, ...]]:
    """Return the connected parts with at least `min_photos` photos, largest first, each sorted by name.

    A pair of fewer than `min_inliers` inliers joins two parts only if a third photo matches both of its photos: by
    itself it could not give a photo its pose, and chance matches between places are such pairs.
    """
    partners: dict[str, set[str]] = {photo: set() for photo in graph.photos}
    for first, second in graph.edges:
        partners[first].add(second)
        partners[second].add(first)
    neighbours: dict[str, list[str]] = {photo: [] for photo in graph.photos}
    for (first, second), inliers in graph.edges.items():
        if inliers >= min_inliers or not partners[first].isdisjoint(partners[second]):
            neighbours[first].append(second)
            neighbours[second].append(first)
    seen: set[str] = set()
    parts = []
    for start in graph.photos:
        if start in seen:
            continue
        part, waiting = [], [start]
        seen.add(start)
        while waiting:
            photo = waiting.pop()
            part.append(photo)
            fresh = [name for name in neighbours[photo] if name not in seen]
            seen.update(fresh)
            waiting.extend(fresh)
        if len(part) >= min_photos:
            parts.append(tuple(sorted(part)))
    return sorted(parts, key=lambda part: (-len(part), part))
