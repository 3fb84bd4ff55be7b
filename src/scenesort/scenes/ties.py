"""What ties photos without a pose to scenes: verified inliers, and how the photos look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from scenesort.scenes.edge_confidence import trusted
from scenesort.scenes.likeness import SceneLooks
from scenesort.scenes.view_graph import build_view_graph, connected_parts
from scenesort.types import Float32Array, Pair, PosedScene, ViewGraph

MIN_SUPPORT = 2
"""Times the fewest inliers of a pair that a photo without a pose needs, with all its pairs, to be called a member."""
MAX_DOUBTED = 0.5
"""Inliers with a scene of pairs that are doubted (look-alikes), as a share of the others, above which none joins it."""
ALIKE_SHARE = 0.5
"""Photos tied to each other go together: this share of them must look like the scene."""


class Ties:
    """The ties of photos without a pose (`lonely`) to scenes; `scene_of` maps photos to the rows of their scenes.

    `min_inliers`: fewest of a pair that counts, of which `MIN_SUPPORT` times as many are needed together.
    `min_alike_inliers`: the same in any pairs, for photos that look like the scene's posed photos by their global
    descriptors `looks` (d,); a photo that has none looks like nothing.
    """

    def __init__(
        self,
        scenes: Sequence[PosedScene],
        graph: ViewGraph,
        min_inliers: int,
        min_alike_inliers: int,
        looks: Mapping[str, Float32Array],
    ) -> None:
        self._trusted = trusted(graph).edges
        self._doubted = {pair: inliers for pair, inliers in graph.edges.items() if graph.confidence.get(pair) == 0.0}
        self._counted = {pair: inliers for pair, inliers in self._trusted.items() if inliers >= min_inliers}
        self._needed, self._needed_if_alike = MIN_SUPPORT * min_inliers, MIN_SUPPORT * min_alike_inliers
        self._looks = looks
        # Photos that join don't change what a scene looks like.
        self._scenes = SceneLooks(
            {
                row: [looks[photo.name] for photo in scene.photos if photo.name in looks]
                for row, scene in enumerate(scenes)
            }
        )

    def join(self, lonely: Collection[str], scene_of: dict[str, int]) -> None:
        """Let photos join scenes, round by round, first by inliers, then by looks; those that joined bring others."""
        while won := self._won(lonely, scene_of) or self._won_by_looks(lonely, scene_of):
            scene_of |= won

    def groups(self, lonely: Collection[str]) -> list[tuple[str, ...]]:
        """Photos tied to each other by as many inliers as they would need with a scene; those by themselves, too."""
        names = set(lonely)
        among = {
            pair: count for pair, count in self._counted.items() if count >= self._needed and names.issuperset(pair)
        }
        return connected_parts(build_view_graph(names, among), min_photos=1)

    def undecided(self, lonely: Collection[str], scene_of: Mapping[str, int]) -> set[int]:
        """Rows of the scenes that some photos are tied to by so few inliers that only their looks can tell."""
        return {row for _, claims in self._claims(lonely, scene_of) for row in claims}

    def _won(self, lonely: Collection[str], scene_of: Mapping[str, int]) -> dict[str, int]:
        """The scene of each photo that has enough inliers with one: that of most, of equal ones the earlier."""
        left = [name for name in lonely if name not in scene_of]
        counted, every, doubted = (
            _support(left, edges, scene_of) for edges in (self._counted, self._trusted, self._doubted)
        )
        won = {}
        for name in left:
            claims = {
                row: inliers
                for row, inliers in counted[name].items()
                if inliers >= self._needed and doubted[name][row] <= MAX_DOUBTED * every[name][row]
            }
            if claims:
                won[name] = _most(claims)
        return won

    def _won_by_looks(self, lonely: Collection[str], scene_of: Mapping[str, int]) -> dict[str, int]:
        won: dict[str, int] = {}
        for group, claims in self._claims(lonely, scene_of):
            alike = {row: inliers for row, inliers in claims.items() if self._look_like(group, row)}
            if alike:
                won |= dict.fromkeys(group, _most(alike))
        return won

    def _look_like(self, group: Sequence[str], row: int) -> bool:
        known = [self._looks[name] for name in group if name in self._looks]
        return sum(self._scenes.fits(look, row) for look in known) >= ALIKE_SHARE * len(group)

    def _claims(
        self, lonely: Collection[str], scene_of: Mapping[str, int]
    ) -> Iterable[tuple[tuple[str, ...], dict[int, int]]]:
        """Yield groups of photos that are left, with their inliers with the scenes that their looks might open."""
        left = [name for name in lonely if name not in scene_of]
        every, doubted = (_support(left, edges, scene_of) for edges in (self._trusted, self._doubted))
        for group in self.groups(left):
            sums, doubts = (sum((found[name] for name in group), Counter[int]()) for found in (every, doubted))
            yield (
                group,
                {
                    row: inliers
                    for row, inliers in sums.items()
                    if inliers >= self._needed_if_alike and doubts[row] <= MAX_DOUBTED * inliers
                },
            )


def _most(claims: Mapping[int, int]) -> int:
    return max(claims, key=lambda row: (claims[row], -row))


def _support(names: Iterable[str], edges: Mapping[Pair, int], scene_of: Mapping[str, int]) -> dict[str, Counter[int]]:
    """Inliers of each of some photos with each scene."""
    found = {name: Counter[int]() for name in names}
    for (first, second), inliers in edges.items():
        for name, other in ((first, second), (second, first)):
            if name in found and other in scene_of:
                found[name][scene_of[other]] += inliers
    return found
