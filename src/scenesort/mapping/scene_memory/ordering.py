"""In which order photos are fed to a model: along the view graph, from the best-connected photo outwards."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence

from scenesort.types import Pair

Links = Mapping[str, Mapping[str, int]]
"""For each photo, the photos that it shares a verified pair with, and the pair's inliers."""


def links_of(photos: Collection[str], inliers: Mapping[Pair, int]) -> dict[str, dict[str, int]]:
    """Return the links among some photos of the inliers of verified pairs; other pairs don't count."""
    links: dict[str, dict[str, int]] = {name: {} for name in sorted(photos)}
    for (first, second), count in sorted(inliers.items()):
        if first in links and second in links and first != second:
            links[first][second] = links[second][first] = count
    return links


def grow_order(photos: Collection[str], inliers: Mapping[Pair, int]) -> tuple[str, ...]:
    """Return photos in an order in which each has most verified inliers with those before it.

    It begins with the photo of most inliers in all. Where no photo left is linked to one before, the best-connected of
    those left comes next. Of equals the first by name is taken.
    """
    links = links_of(photos, inliers)
    order: list[str] = []
    left = set(links)
    for start in sorted(links, key=lambda name: (-sum(links[name].values()), name)):
        if start in left:
            grown = grow([start], left, links, len(left))
            order += grown
            left.difference_update(grown)
    return tuple(order)


def grow(start: Sequence[str], candidates: Collection[str], links: Links, count: int) -> list[str]:
    """Grow a list of photos to `count` out of `candidates`, the one with most inliers to those in it first.

    It ends early where no candidate is linked to any of them.
    """
    grown: list[str] = []
    left = set(candidates) - set(start)
    ties: dict[str, int] = {}
    waiting: list[tuple[int, str]] = []

    def take(name: str) -> None:
        grown.append(name)
        left.discard(name)
        for other, inliers in links[name].items():
            if other in left:
                ties[other] = ties.get(other, 0) + inliers
                heapq.heappush(waiting, (-ties[other], other))

    for name in start[:count]:
        take(name)
    while waiting and len(grown) < count:
        tie, name = heapq.heappop(waiting)
        # A photo stands once for each link it got; only the last entry is true.
        if name in left and -tie == ties[name]:
            take(name)
    return grown
