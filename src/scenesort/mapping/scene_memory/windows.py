"""Which photos a window holds: new ones that belong together, and posed ones that tie them to what is there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from scenesort.mapping.scene_memory.joining import LEAST_SHARED
from scenesort.mapping.scene_memory.ordering import Links, grow

SATURATION = 200
"""Inliers beyond so many tie a new photo to a posed one no better."""


@dataclass(frozen=True, slots=True)
class Window:
    """Photos that a model sees at once: `kept` are posed already, in model number `model` (None where there are none).

    They come first, so that a model whose first photo is special has a posed one there.
    """

    kept: tuple[str, ...]
    new: tuple[str, ...]
    model: int | None

    @property
    def photos(self) -> tuple[str, ...]:
        """All photos, in the order they are fed."""
        return (*self.kept, *self.new)


def next_window(
    order: Sequence[str], models: Sequence[Collection[str]], links: Links, size: int, overlap: int
) -> Window:
    """Choose the next window of at most `size` photos out of `order`, of which `models` have posed some.

    New photos grow from the one that is best tied to posed photos; they stay together, so that a scene that grows at
    both ends is worked on at one of them. `overlap` posed photos of one model come along.
    """
    posed = {name for model in models for name in model}
    left = [name for name in order if name not in posed]
    ties = {name: sum(inliers for other, inliers in links[name].items() if other in posed) for name in left}
    start = max(left, key=lambda name: ties[name])  # the first of equals
    if not ties[start]:
        return Window((), tuple(grow([start], left, links, size)), None)
    count = max(1, size - max(LEAST_SHARED, min(overlap, size // 2)))
    new = grow([start], left, links, count)
    near = {other for name in new for other in links[name] if other in posed}
    for name in left:
        # Islands that hang on the same posed photos come along, rather than in a window each.
        if len(new) >= count:
            break
        if name not in new and near & links[name].keys():
            rest = [other for other in left if other not in new]
            new += grow([name], rest, links, count - len(new))
    model = max(range(len(models)), key=lambda index: _tie(models[index], new, links))
    kept = keyframes(models[model], new, links, size - count)
    return Window(tuple(kept), tuple(new), model)


def keyframes(posed: Collection[str], new: Sequence[str], links: Links, count: int) -> list[str]:
    """Choose up to `count` posed photos that tie new ones: each new photo well to one of them, then as many as can be.

    Where few posed photos are linked to new ones, neighbours of those chosen fill up: a join is the surer the more
    photos it stands on. Greedy, as the maximum of a submodular function is found (Nemhauser et al., 1978).
    """
    chosen: list[str] = []
    best = dict.fromkeys(new, 0)
    candidates = {name for name in posed if not best.keys().isdisjoint(links[name])}
    while candidates and len(chosen) < count:
        gains = {name: _gain(name, best, chosen, links) for name in candidates}
        winner = min(candidates, key=lambda name: (tuple(-gain for gain in gains[name]), name))
        if not any(gains[winner]):
            break
        chosen.append(winner)
        candidates |= {name for name in links[winner] if name in posed}
        candidates.difference_update(chosen)
        for name in new:
            best[name] = max(best[name], min(links[winner].get(name, 0), SATURATION))
    return chosen


def _gain(name: str, best: dict[str, int], chosen: Sequence[str], links: Links) -> tuple[int, int, int]:
    mine = links[name]
    linked = [(other, min(inliers, SATURATION)) for other, inliers in mine.items() if other in best]
    covered = sum(max(0, inliers - best[other]) for other, inliers in linked)
    return covered, sum(inliers for _, inliers in linked), sum(mine.get(other, 0) for other in chosen)


def _tie(model: Collection[str], new: Sequence[str], links: Links) -> int:
    return sum(inliers for name in new for other, inliers in links[name].items() if other in model)
