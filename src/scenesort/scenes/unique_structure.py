"""The two sides of a folded model, found by what only one of them has.

With points all over the photos (`dense_points.py`) there is enough that only one place has, but most of what differs is
what hides and is hidden in any place. So the cut is sought where it counts: at small angles, at points that only one
side sees, both ways. Photos then go to the side whose own points they see, and where they differ from the other's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesort.scenes.folds import MIN_WITNESSES, NEAR_DEG, Flags, Fold, Looks, rate_bounds, starting_cuts, weigh
from scenesort.types import FloatArray

STRONGER_SHARE = 0.05
"""A cut is as good as its weaker direction; this share of the other one tells equal cuts apart."""
MIN_SIGHTINGS = 2
"""Photos of a side that must see a point for it to be the side's own."""
VOTE_ROUNDS = 6
MIN_VOTES, MIN_MAJORITY = 6, 0.75
"""A photo tells what is a side's own if so many of its points say that it is of that side, and this share of them."""

MIN_BOTH_WAYS = 3
"""Points of its own side that a photo sees, and of the other side's own at which it shows something else from near by,
for it to tell both ways; `MIN_WITNESSES` photos of each side must. What hides tells one way: at one end of a place this
is hidden, at the other end that, in other photos."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Division:
    """Two places in one model: `fold`, weighed with all photos; `unsure`: rows of photos that no point tells of."""

    fold: Fold
    unsure: tuple[int, ...]


def divide(looks: Looks, min_photos: int, min_excess: float) -> Division | None:
    """Find the two sides of a folded model by dense points; None for a model of one place.

    The sides differ `min_excess` times as often as one place would, both ways, and have `min_photos` photos or more.
    """
    num_photos = len(looks.sees)
    if num_photos < 2 * min_photos or not looks.differs.any():
        return None
    search = _Search(looks, min_photos)
    best, most = None, 0.0
    for start in {min(cut.tobytes(), (~cut).tobytes()): cut for cut in starting_cuts(looks, min_photos)}.values():
        side, deviance = search.climb(start)
        if deviance > most:
            best, most = side, deviance
    if best is None:
        return None
    side, sure, votes = _voted(looks, best)
    if min(np.count_nonzero(side & sure), np.count_nonzero(~side & sure)) < min_photos:
        return None
    fold = weigh(looks, np.flatnonzero(side).tolist())
    if fold.excess < min_excess or not fold.is_proved or not _tells_both_ways(looks, side):
        return None
    return Division(fold, tuple(np.flatnonzero(votes == 0).tolist()))


class _Search:
    """Climbs from a cut to better ones, photo by photo."""

    def __init__(self, looks: Looks, min_photos: int) -> None:
        near = looks.angle_deg < NEAR_DEG[-1]
        points, self._point = np.unique(looks.point[near], return_inverse=True)
        self._photo, self._reference = looks.photo[near], looks.reference[near]
        self._differs, self._bin = looks.differs[near], np.digitize(looks.angle_deg[near], NEAR_DEG)
        self._sees = looks.sees[:, points].astype(np.int64)
        self._total = self._sees.sum(axis=0)
        self._min_photos = min_photos

    def climb(self, side: Flags) -> tuple[Flags, float]:
        """Move single photos to the other side as long as that is better; returns the cut and how good it is."""
        side = side.copy()
        now = self._deviance(side, side @ self._sees)
        while True:
            counts = side @ self._sees
            found = [(self._moved(side, counts, row), -row) for row in self._movable(side)]
            best, row = max(found, default=(-np.inf, 0))
            if best <= now + 1e-9:
                return side, now
            now = best
            side[-row] = ~side[-row]

    def _movable(self, side: Flags) -> Iterator[int]:
        size = np.count_nonzero(side)
        for row, is_own in enumerate(side):
            if (size if is_own else len(side) - size) > self._min_photos:
                yield row

    def _moved(self, side: Flags, counts: Rows, row: int) -> float:
        sign = -1 if side[row] else 1
        side[row] = ~side[row]
        value = self._deviance(side, counts + sign * self._sees[row])
        side[row] = ~side[row]
        return value

    def _deviance(self, side: Flags, counts: Rows) -> float:
        """How far above the rate of one place the other side's photos differ, in nats, of the weaker direction.

        `counts`: photos of the side that see each point.
        """
        is_own, is_shown_by_own = side[self._reference], side[self._photo]
        within = is_own == is_shown_by_own
        bound = rate_bounds([self._by_bin(within & is_own), self._by_bin(within & ~is_own)])
        others = self._total - counts
        ways = []
        for own, unseen in ((is_own, others == 0), (~is_own, counts == 0)):
            differ, total = self._by_bin(own & ~within & unseen[self._point])
            ways.append(_excess_deviance(np.cumsum(differ), np.cumsum(total), np.cumsum(bound * total)))
        return min(ways) + STRONGER_SHARE * max(ways)

    def _by_bin(self, chosen: Flags) -> tuple[FloatArray, FloatArray]:
        bins = len(NEAR_DEG)
        total = np.bincount(self._bin[chosen], minlength=bins).astype(np.float64)
        differ = np.bincount(self._bin[chosen & self._differs], minlength=bins).astype(np.float64)
        return differ, total


def _excess_deviance(differ: FloatArray, total: FloatArray, foreseen: FloatArray) -> float:
    """Log-likelihood ratio of the rate found against the foreseen one, below 0 where less differ; the best bins'."""
    count = np.maximum(total, 1.0)
    found, rate = differ / count, np.clip(foreseen / count, 1e-3, 0.95)
    with np.errstate(divide="ignore", invalid="ignore"):
        both = np.where(found > 0, found * np.log(found / rate), 0.0)
        neither = np.where(found < 1, (1 - found) * np.log((1 - found) / (1 - rate)), 0.0)
    deviance = total * (both + neither)
    return float(np.max(np.where(found > rate, deviance, -deviance)))


def _voted(looks: Looks, side: Flags) -> tuple[Flags, Flags, Rows]:
    """Let each photo go where its points tell, by what the photos that are sure of their side have of their own.

    Returns the sides, which photos are sure, and how many points of each photo tell something.
    """
    side, sure, votes = side.copy(), np.ones(len(side), bool), np.zeros(len(side), np.int64)
    near = looks.differs & (looks.angle_deg < NEAR_DEG[-1])
    for _ in range(VOTE_ROUNDS):
        first, second = side & sure, ~side & sure
        own = [_own_points(looks, near, first, second), _own_points(looks, near, second, first)]
        seen = [looks.sees[:, flags].sum(axis=1) for flags in own]
        differ = [np.bincount(looks.photo[looks.differs & flags[looks.point]], minlength=len(side)) for flags in own]
        for_first, for_second = seen[0] + differ[1], seen[1] + differ[0]
        votes = for_first + for_second
        now = np.where(votes > 0, for_first > for_second, side)
        is_sure = (votes >= MIN_VOTES) & (np.maximum(for_first, for_second) > MIN_MAJORITY * votes)
        if np.array_equal(now, side) and np.array_equal(is_sure, sure):
            break
        side, sure = now, is_sure
    return side, sure, votes


def _tells_both_ways(looks: Looks, side: Flags) -> bool:
    near = looks.differs & (looks.angle_deg < NEAR_DEG[-1])
    own, other = _own_points(looks, near, side, ~side), _own_points(looks, near, ~side, side)
    ways = []
    for mine, theirs in ((own, other), (other, own)):
        differ = np.bincount(looks.photo[near & theirs[looks.point]], minlength=len(side))
        ways.append(np.minimum(looks.sees[:, mine].sum(axis=1), differ) >= MIN_BOTH_WAYS)
    return bool(min(np.count_nonzero(ways[0] & side), np.count_nonzero(ways[1] & ~side)) >= MIN_WITNESSES)


def _own_points(looks: Looks, near: Flags, own: Flags, other: Flags) -> Flags:
    """Points that photos of one side see, none of the other's, and that differ in some of those from near by."""
    num_own, num_other = (np.count_nonzero(looks.sees[side], axis=0) for side in (own, other))
    chosen = near & other[looks.photo] & ((num_own >= MIN_SIGHTINGS) & (num_other == 0))[looks.point]
    flags: Flags = np.zeros(looks.sees.shape[1], bool)
    flags[looks.point[chosen]] = True
    return flags
