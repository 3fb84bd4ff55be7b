"""What `scenesort compare` prints and writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from scenesort.commands.tables import print_line, print_table, printable

if TYPE_CHECKING:
    from scenesort.evaluation.comparison import Comparison, Interval, Intervals, Place

_NUM_PHOTOS = 10
"""How many photos that were won or lost are printed, each."""


def print_comparison(console: Console, found: Comparison) -> None:
    """Print the scores of all runs, and each run against the first."""
    places = _shown(found)
    _print_scores(console, found, places)
    for run in range(1, len(found.runs)):
        console.print()
        _print_against_reference(console, found, places, run)
    if any(count > 1 for count in found.num_seeds):
        console.print()
        _print_sources(console, found, places)
    console.print()
    print_line(console, f"intervals: middle 95 % of {found.num_resamples} bootstrap resamples")
    if min(found.num_seeds) == 1:
        print_line(console, "Chance between seeds is only in them where a run has several: NAME=RUN,RUN,…")
    for run in range(1, len(found.runs)):
        print_line(console, _verdict(found, run))


def scores_csv(found: Comparison) -> bytes:
    """Return one row for each place and run, in full precision; an empty collection means the mean over all."""
    header = ["collection", "scene", "photos", "run", "seeds", "score", "repaired", "mAA", "clusterness", "spread"]
    sources = ("photos", "seeds", "both")
    header += [f"repaired_{source}_{end}" for source in sources for end in ("low", "high")]
    header += ["delta", *(f"delta_{source}_{end}" for source in sources for end in ("low", "high"))]
    rows: list[list[object]] = []
    for place in found.places:
        for score, num_seeds in zip(place.runs, found.num_seeds, strict=True):
            row: list[object] = [place.collection, place.scene, place.num_photos, score.run, num_seeds, score.score]
            row += [score.repaired, score.mAA, score.clusterness, score.spread, *_ends(score.intervals)]
            rows.append([*row, score.delta, *_ends(score.delta_intervals)])
    return _to_csv(header, rows)


def photos_csv(found: Comparison) -> bytes:
    """Return one row for each photo: the share of thresholds that it is within, by run, and what each run gained."""
    header = ["collection", "scene", "image", *found.runs, *(f"{name} - {found.runs[0]}" for name in found.runs[1:])]
    rows = [
        [
            photo.collection,
            photo.scene,
            photo.image,
            *photo.shares,
            *(share - photo.shares[0] for share in photo.shares[1:]),
        ]
        for photo in found.photos
    ]
    return _to_csv(header, rows)


def _to_csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return written.getvalue().encode("utf-8", "surrogateescape")


def _ends(intervals: Intervals) -> list[float | None]:
    found: list[float | None] = []
    for interval in (intervals.photos, intervals.seeds, intervals.both):
        found += [interval.low, interval.high] if interval is not None else [None, None]
    return found


def _shown(found: Comparison) -> list[Place]:
    """The places without those that say the same again: the mean over one collection, the one scene of another."""
    names = [place.collection for place in found.places if place.scene is not None]
    num_collections = sum(place.collection is not None and place.scene is None for place in found.places)
    return [
        place
        for place in found.places
        if (place.collection is not None or num_collections > 1)
        and (place.scene is None or names.count(place.collection) > 1)
    ]


def _name(place: Place) -> str:
    if place.scene is not None:
        return f"  {printable(place.scene)}"
    return printable(place.collection) if place.collection is not None else "all"


def _print_scores(console: Console, found: Comparison, places: Sequence[Place]) -> None:
    # A scene's own scores may differ by rounding.
    has_repaired = any(abs(score.repaired - score.score) > 1e-9 for place in places for score in place.runs)
    has_spread = any(count > 1 for count in found.num_seeds)
    header = ["", "run", "score", *(["±"] if has_spread else []), *(["repaired"] if has_repaired else [])]
    header += ["mAA", "clusterness"]
    rows = [
        [
            _name(place) if index == 0 else "",
            printable(score.run),
            f"{score.score:.2f}",
            *([f"{score.spread:.2f}" if score.spread is not None else ""] if has_spread else []),
            *([f"{score.repaired:.2f}"] if has_repaired else []),
            f"{score.mAA:.2f}",
            f"{score.clusterness:.2f}",
        ]
        for place in places
        for index, score in enumerate(place.runs)
    ]
    print_table(console, header, rows, right=range(2, len(header)))
    if has_spread:
        print_line(console, "means over seeds; ±: standard deviation over seeds")
    if has_repaired:
        print_line(console, "What follows goes by the repaired score.")


def _print_against_reference(console: Console, found: Comparison, places: Sequence[Place], run: int) -> None:
    rows = []
    for place in places:
        score = place.runs[run]
        before, after = f"{place.runs[0].repaired:.2f}", f"{score.repaired:.2f}"
        rows.append([_name(place), before, after, _signed(score.delta, 2), _range(score.delta_intervals.widest)])
    title = f"{found.runs[run]} against {found.runs[0]}"
    print_table(console, ("", "before", "after", "delta", "95 % interval"), rows, right=range(1, 5), title=title)
    changed = found.changed(run)
    won = [item for item in changed if item[1] > 0]
    lost = sorted((item for item in changed if item[1] < 0), key=lambda item: item[1])
    console.print()
    print_line(console, f"photos: {len(won)} won, {len(lost)} lost, {len(found.photos) - len(changed)} as before")
    listed = [
        [f"{100 * delta:+.0f}", f"{printable(photo.collection)}/{printable(photo.scene)}", printable(photo.image)]
        for of_kind in (won, lost)
        for photo, delta in of_kind[:_NUM_PHOTOS]
    ]
    if listed:
        print_table(console, ("marks %", "scene", "photo"), listed, right=(0,))
        print_line(console, "marks: share of scored thresholds that a photo is within")
    if max(len(won), len(lost)) > _NUM_PHOTOS:
        print_line(console, f"The first {_NUM_PHOTOS} of each; all are in: --photos FILE")


def _print_sources(console: Console, found: Comparison, places: Sequence[Place]) -> None:
    """Print what the deltas' intervals are made of, scenes left out."""
    rows = []
    for place in places:
        for score in place.runs[1:] if place.scene is None else ():
            intervals = score.delta_intervals
            seeds = _range(intervals.seeds) if intervals.seeds else ""
            rows.append([_name(place), printable(score.run), _range(intervals.photos), seeds])
    header = ("", "run", "by photos", "by seeds")
    print_table(console, header, rows, right=(2, 3), title="95 % intervals of delta, by what is drawn anew")


def _verdict(found: Comparison, run: int) -> str:
    score = found.places[-1].runs[run]
    interval = score.delta_intervals.widest
    if round(score.delta, 2) == 0:
        return f"{found.runs[run]} scores as {found.runs[0]} does."
    better = "better" if score.delta > 0 else "worse"
    text = f"{found.runs[run]} is {better} than {found.runs[0]} by {abs(score.delta):.2f} points"
    if 0.0 in interval:
        return f"{text}; that may be chance: the interval, {_range(interval)}, holds 0."
    return f"{text}, interval {_range(interval)}."


def _range(interval: Interval) -> str:
    return f"{_signed(interval.low, 1)} to {_signed(interval.high, 1)}"


def _signed(value: float, digits: int) -> str:
    """A number with its sign, and without one where it is rounded to nothing."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text
