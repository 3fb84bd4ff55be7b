"""The verified view graph and its connected parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scenesort.types import Pair, ViewGraph


def build_view_graph(photos: Iterable[str], inliers: Mapping[Pair, int]) -> ViewGraph:
    """Join photos by their verified pairs (`inliers`: pair → number of inlier matches)."""
    return ViewGraph(tuple(sorted(photos)), dict(sorted(inliers.items())))


def connected_parts(graph: ViewGraph, min_photos: int) -> list[tuple[str, ...]]:
    """Return the connected parts with at least `min_photos` photos, largest first, each sorted by name."""
    neighbours: dict[str, list[str]] = {photo: [] for photo in graph.photos}
    for first, second in graph.edges:
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
