"""Places that look alike, folded into one model: found by points that photos should show and show something else.

When two look-alike places are folded into one model, their common structure agrees, and what only one of them has
stands in the model where the photos of the other look, from the same direction, and show something else. Within one
place a point differs, too, where something hides it or where it is seen from aside. But where views differ by a few
degrees alone, that is rare, and as frequent between any two photos. So a model is cut where points that only one side
sees differ in the photos of the other, both ways, several times as often as they would in one place.

That unique structure tells is the idea of Heinly, Dunn and Frahm ("Correcting for duplicate scene structure in sparse
3D reconstruction", ECCV 2014); here it is tested on what the photos show. The cut is the one that explains all
differences best: a stochastic block model of two blocks, begun from eigenvectors (Shi and Malik, PAMI 2000) and refined
photo by photo (Kernighan and Lin, 1970).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesort.types import FloatArray

ANGLES_DEG = (5.0, 10.0, 15.0)
"""Upper ends of the bins of angles whose differences the cut explains."""
TELLING_DEG = 10.0
"""A point tells something if it differs at a smaller angle than this."""
NEAR_DEG = (3.0, 6.0)
"""Upper ends of the bins of angles in which a cut is weighed: beyond, what stands in front hides too much …"""
USUAL_RATES = (0.03, 0.10)
"""… and how often points of one place differ in them: the least that is taken, known or not."""
BOUND_DEVIATIONS = 2.0
"""Rates within the sides are taken so many standard deviations higher than they were found."""
KNOWN_LOOKS = 20
"""Fewest looks within a side that make its own rate known."""
MIN_POINTS = 8
"""Fewest points of each side that differ across a cut …"""
MIN_WITNESSES = 3
"""… and fewest photos of each side in which more differ than would in one place: a few wrong poses are no fold …"""
MIN_WITNESS_SHARE = 1 / 3
"""… nor are a few photos that glare or are half hidden: this share of the smaller side's photos must tell."""
STRAY_LOOKS, STRAY_SHARE = 20, 0.75
"""A photo of the smaller side that differs in more than this share of so many looks across is a stray: look-alikes have
much in common, a photo with a wrong pose has nothing."""
FEW_PHOTOS = MIN_WITNESSES - 1
"""So many photos, and less than `MIN_WITNESS_SHARE` of the smaller side, are strays, too, if without them there is no
fold and less than half of what differed: two places differ in what more photos show."""

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What photos show at points that they should show and have no match at; arrays (t,) but for `sees`.

    `photo`, `reference`, `point`: rows, as in `Expected`. `angle_deg`: between the two views. `differs`: the photo
    shows something else than the reference; False: the same. `sees`: (n, p) bool, which photo has a match at which
    point.
    """

    photo: Rows
    reference: Rows
    point: Rows
    angle_deg: FloatArray
    differs: Flags
    sees: Flags


@dataclass(frozen=True, slots=True)
class Fold:
    """A cut of a model into two sides: rows of photos, sorted.

    `excess`: how many times as many points differ across the cut as would in one place, in the direction where that is
    less. `num_points`, `num_witnesses`, `num_looks`: points that differ across the cut, photos that show so, and looks
    across it, of the direction that has fewest. `gain`: log-likelihood that the cut explains. `strays`: rows of photos
    of the smaller side whose poses are wrong: those that differ nearly everywhere, or that make the fold by themselves.
    """

    side: tuple[int, ...]
    other: tuple[int, ...]
    excess: float
    num_points: int
    num_witnesses: int
    num_looks: int
    gain: float
    strays: tuple[int, ...]

    @property
    def is_proved(self) -> bool:
        """Whether enough points differ, in enough photos."""
        smaller = min(len(self.side), len(self.other))
        return self.num_points >= MIN_POINTS and self.num_witnesses >= max(MIN_WITNESSES, MIN_WITNESS_SHARE * smaller)

    @property
    def is_of_strays(self) -> bool:
        """Whether a few wrong poses make the fold, among photos that are right."""
        return 0 < 2 * len(self.strays) < min(len(self.side), len(self.other))


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    """Pairs of photos at points that tell, by bin, symmetric (bins, n, n) float64: those that differ, and that agree.

    The last bin holds all differences beside the points that both photos see.
    """

    differ: FloatArray
    agree: FloatArray


def deepest_fold(looks: Looks, min_photos: int, min_excess: float) -> Fold | None:
    """Find the fold that explains most, of those with at least `min_excess`; sides have `min_photos` photos or more."""
    num_photos = len(looks.sees)
    counts = _counted(looks)
    if num_photos < 2 * min_photos or not counts.differ.any():
        return None
    best: Fold | None = None
    tried: set[bytes] = set()
    for start in _starts(counts, num_photos, min_photos):
        side = _refined(counts, start, min_photos)
        name = min(side.tobytes(), (~side).tobytes())
        if name in tried:
            continue
        tried.add(name)
        fold = _weighed(looks, side, _gain(counts, side))
        if fold.excess >= min_excess and fold.is_proved and (best is None or fold.gain > best.gain):
            best = fold
    if best is None or best.is_of_strays:
        return best
    return dataclasses.replace(best, strays=_hinges(looks, best, min_excess) or best.strays)


def without_photos(looks: Looks, rows: Sequence[int]) -> Looks:
    """Return the looks among the other photos, whose rows move up."""
    kept = np.ones(len(looks.sees), bool)
    kept[list(rows)] = False
    new_row = np.cumsum(kept) - 1
    chosen = kept[looks.photo] & kept[looks.reference]
    return Looks(
        photo=new_row[looks.photo[chosen]],
        reference=new_row[looks.reference[chosen]],
        point=looks.point[chosen],
        angle_deg=looks.angle_deg[chosen],
        differs=looks.differs[chosen],
        sees=looks.sees[kept],
    )


def starting_cuts(looks: Looks, min_photos: int) -> Iterator[Flags]:
    """Yield cuts (n,) bool to begin a search with; sides have `min_photos` photos or more."""
    yield from _starts(_counted(looks), len(looks.sees), min_photos)


def rate_bounds(within: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """Upper bound, by bin of `NEAR_DEG`, of the rate at which looks differ in one place (Wilson's interval).

    `within`: looks that differ, and all, by bin, of each side.
    """
    bounds = [np.array(USUAL_RATES)]
    for differ, total in within:
        known = np.maximum(total, 1.0)
        rate, z = differ / known, BOUND_DEVIATIONS
        spread = z * np.sqrt(rate * (1 - rate) / known + z**2 / (4 * known**2))
        bound = (rate + z**2 / (2 * known) + spread) / (1 + z**2 / known)
        bounds.append(np.where(total >= KNOWN_LOOKS, bound, 0.0))
    highest: FloatArray = np.max(bounds, axis=0)
    return highest


def weigh(looks: Looks, side: Sequence[int]) -> Fold:
    """Weigh one cut; `side`: rows of the photos of its first side."""
    flags = np.zeros(len(looks.sees), bool)
    flags[list(side)] = True
    return _weighed(looks, flags, _gain(_counted(looks), flags))


def _weighed(looks: Looks, side: Flags, gain: float) -> Fold:
    bound = rate_bounds([_by_angle(looks, own[looks.reference] & own[looks.photo]) for own in (side, ~side)])
    first, second = (_direction(looks, own, bound) for own in (side, ~side))
    rows = np.arange(len(side))
    return Fold(
        side=tuple(rows[side].tolist()),
        other=tuple(rows[~side].tolist()),
        excess=min(first[0], second[0]),
        num_points=min(first[1], second[1]),
        num_witnesses=min(first[2], second[2]),
        num_looks=min(first[3], second[3]),
        gain=gain,
        strays=_strays(looks, side if 2 * np.count_nonzero(side) <= len(side) else ~side),
    )


def _strays(looks: Looks, smaller: Flags) -> tuple[int, ...]:
    differ, total = np.zeros(len(smaller)), np.zeros(len(smaller))
    for own in (smaller, ~smaller):
        across = _across(looks, own)
        # Of the two photos of a look across, one is on the smaller side.
        rows = np.where(smaller[looks.photo[across]], looks.photo[across], looks.reference[across])
        total += np.bincount(rows, minlength=len(total))
        differ += np.bincount(rows, weights=looks.differs[across], minlength=len(total))
    return tuple(np.flatnonzero((total >= STRAY_LOOKS) & (differ > STRAY_SHARE * total)).tolist())


def _hinges(looks: Looks, fold: Fold, min_excess: float) -> tuple[int, ...]:
    """Rows of the few photos of the smaller side without which it is no fold; none if it stands without any of them."""
    smaller = min(fold.side, fold.other, key=len)
    few: list[int] = []
    while len(few) < FEW_PHOTOS and len(few) + 1 < MIN_WITNESS_SHARE * len(smaller):
        rest = [(_weighed_without(looks, smaller, [*few, row]), row) for row in smaller if row not in few]
        found, row = min(rest, key=lambda item: (item[0].num_points, item[0].excess))
        few.append(row)
        is_none = found.excess < min_excess or found.num_points < MIN_POINTS
        if is_none and 2 * found.num_points < fold.num_points:
            return tuple(sorted(few))
    return ()


def _weighed_without(looks: Looks, side: Sequence[int], rows: Sequence[int]) -> Fold:
    flags = np.zeros(len(looks.sees), bool)
    flags[list(side)] = True
    return _weighed(without_photos(looks, rows), np.delete(flags, rows), 0.0)


def _across(looks: Looks, own: Flags) -> Flags:
    """Looks from near by at points that only one side sees, in photos of the other."""
    is_unique: Flags = ~np.any(looks.sees[~own], axis=0)
    across: Flags = own[looks.reference] & ~own[looks.photo] & is_unique[looks.point]
    return across & (looks.angle_deg < NEAR_DEG[-1])


def _direction(looks: Looks, own: Flags, bound: FloatArray) -> tuple[float, int, int, int]:
    """Points that only one side sees, in photos of the other: excess of those that differ, points, witnesses, looks."""
    across = _across(looks, own)
    differ, total = _by_angle(looks, across)
    # By the smallest angles alone, or with the larger ones, where photos stand farther apart.
    excess = float(np.max(np.cumsum(differ) / np.maximum(np.cumsum(bound * total), 1.0)))
    foreseen = np.zeros(len(own))
    np.add.at(foreseen, looks.photo[across], bound[np.digitize(looks.angle_deg[across], NEAR_DEG)])
    is_other = across & looks.differs
    found = np.bincount(looks.photo[is_other], minlength=len(own))
    return excess, len(np.unique(looks.point[is_other])), int(np.sum(found > foreseen)), int(total.sum())


def _by_angle(looks: Looks, chosen: Flags) -> tuple[FloatArray, FloatArray]:
    """Looks that differ, and all, by bin of `NEAR_DEG`."""
    bins = np.digitize(looks.angle_deg[chosen], NEAR_DEG)
    counts = [
        np.bincount(values, minlength=len(NEAR_DEG) + 1)[: len(NEAR_DEG)].astype(np.float64)
        for values in (bins[looks.differs[chosen]], bins)
    ]
    return counts[0], counts[1]


def _counted(looks: Looks) -> _Counts:
    tells = np.zeros(looks.sees.shape[1], bool)
    tells[looks.point[looks.differs & (looks.angle_deg < TELLING_DEG)]] = True
    sees = looks.sees[:, tells].astype(np.float32)
    column = np.cumsum(tells) - 1
    bins = np.digitize(looks.angle_deg, ANGLES_DEG)
    tables: list[list[FloatArray]] = [[], []]
    for number in range(len(ANGLES_DEG)):
        for kind, table in zip((looks.differs, ~looks.differs), tables, strict=True):
            chosen = kind & (bins == number) & tells[looks.point]
            shown = np.zeros_like(sees)
            shown[looks.photo[chosen], column[looks.point[chosen]]] = 1.0
            pairs = (shown @ sees.T).astype(np.float64)
            table.append(pairs + pairs.T)
    both = (sees @ sees.T).astype(np.float64)
    np.fill_diagonal(both, 0.0)
    differ, agree = tables
    return _Counts(np.array([*differ, sum(differ)]), np.array([*agree, both]))


def _starts(counts: _Counts, num_photos: int, min_photos: int) -> Iterator[Flags]:
    """Yield cuts to begin with: the best along each of several eigenvectors of agreement less differences."""
    differ, agree = counts.differ.sum(axis=0), counts.agree.sum(axis=0)
    for weight in (0.0, 0.5, 1.0, 2.0, 4.0):
        signed = agree - weight * differ
        degree = np.maximum(np.abs(signed).sum(axis=1), 1e-9)
        vectors = np.linalg.eigh(signed / np.sqrt(degree[:, None] * degree[None, :]))[1]
        for column in (-1, -2):
            order = np.argsort(vectors[:, column], kind="stable")
            sizes = range(min_photos, num_photos - min_photos + 1)
            cuts = (np.isin(np.arange(num_photos), order[:size]) for size in sizes)
            yield max(cuts, key=lambda side: _gain(counts, side))


def _refined(counts: _Counts, side: Flags, min_photos: int) -> Flags:
    """Move single photos to the other side as long as that explains more."""
    best = _gain(counts, side)
    while True:
        gains = _gains_of_moves(counts, side)
        size = np.count_nonzero(side)
        if size <= min_photos:
            gains[side] = -np.inf
        if len(side) - size <= min_photos:
            gains[~side] = -np.inf
        row = int(np.argmax(gains))
        if gains[row] <= best + 1e-6:
            return side
        best = float(gains[row])
        side = side.copy()
        side[row] = ~side[row]


def _gain(counts: _Counts, side: Flags) -> float:
    """How much likelier the differences are with one rate within the sides and another across, summed over the bins."""
    mask = side.astype(np.float64)
    differ, agree = (mask @ values @ (1 - mask) for values in (counts.differ, counts.agree))
    return float(_gains(counts, differ[:, None], agree[:, None])[0])


def _gains_of_moves(counts: _Counts, side: Flags) -> FloatArray:
    """The gain (n,) after each single photo has gone over to the other side."""
    mask = side.astype(np.float64)
    across = []
    for values in (counts.differ, counts.agree):
        to_side = values @ mask
        to_other = values.sum(axis=2) - to_side
        now = (to_other @ mask)[:, None]
        across.append(now + np.where(side, to_side - to_other, to_other - to_side))
    return _gains(counts, *across)


def _gains(counts: _Counts, differ: FloatArray, agree: FloatArray) -> FloatArray:
    """Gains (k,) of k cuts; `differ`, `agree`: (bins, k) pairs across each."""
    all_differ, all_agree = (values.sum(axis=(1, 2))[:, None] / 2 for values in (counts.differ, counts.agree))
    within_differ, within_agree = all_differ - differ, all_agree - agree
    gain = _likelihood(differ, agree) + _likelihood(within_differ, within_agree) - _likelihood(all_differ, all_agree)
    is_more = (differ + 0.5) / (differ + agree + 1) > (within_differ + 0.5) / (within_differ + within_agree + 1)
    total: FloatArray = np.where(is_more, gain, -gain).sum(axis=0)
    return total


def _likelihood(first: FloatArray, second: FloatArray) -> FloatArray:
    total = np.maximum(first + second, 1e-9)
    value: FloatArray = first * np.log(np.maximum(first, 1e-9) / total) + second * np.log(
        np.maximum(second, 1e-9) / total
    )
    return value
