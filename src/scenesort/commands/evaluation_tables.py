"""What `scenesort score` prints beside the score: the registration table, and what stands beside the score."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scenesort.commands.tables import print_line, print_table, printable

if TYPE_CHECKING:
    from scenesort.evaluation import CollectionStatistics, CollectionTable, PhotoRow, SceneTable
    from scenesort.evaluation.agreement import Confusion

_UNBOUNDED = 10_000
"""Columns of a terminal on which everything fits."""

_ROUNDING = 1e-9

_UNSCORED, _COUNTS, _REMOVED = "dim", "green", "yellow"


def print_registration(console: Console, collections: Mapping[str, CollectionTable]) -> None:
    """Print the registration table of every collection, scene by scene."""
    for collection in collections.values():
        for scene in collection.scenes:
            console.print()
            _print_scene(console, scene)
        console.print()
        _print(console, collection.describe())
        if collection.score.repaired != collection.score.score:
            _print(console, f"{collection.name}: repaired score={collection.score.repaired:.2f}%")


def print_statistics(console: Console, collections: Mapping[str, CollectionStatistics]) -> None:
    """Print what stands beside the score, collection by collection."""
    for collection in collections.values():
        console.print()
        _print(console, f"collection {collection.name}")
        _print_confusion(console, collection.confusion)
        _print_agreement(console, collection)
        console.print()
        _print_centers(console, collection)
        console.print()
        _print_rotations(console, collection)
        console.print()
        _print_relative(console, collection)


def _print_scene(console: Console, scene: SceneTable) -> None:
    where = f"in cluster {scene.cluster}" if scene.cluster is not None else "in no cluster"
    _print(console, f"scene {scene.scene}, {where}: {_states(scene)}")
    texts = scene.threshold_texts
    table = _registration_table(console, scene, texts)
    if console.measure(table, options=console.options.update(width=_UNBOUNDED)).maximum > console.width:
        listed = [
            f"{number}: {text}{'*' * (number <= scene.num_unscored)}" for number, text in enumerate(texts, start=1)
        ]
        _print(console, f"thresholds {', '.join(listed)} (*not scored)")
        table = _registration_table(console, scene, None)
    console.print(table)
    _print(console, _sum(scene))
    for name, photos in scene.foreign_by_scene.items():
        listed = [photo.photo if photo.has_pose else f"{photo.photo} (unposed)" for photo in photos]
        _print(console, f"also in cluster {scene.cluster}, of {name}: {', '.join(listed)}")


def _registration_table(console: Console, scene: SceneTable, thresholds: Sequence[str] | None) -> Table:
    """The rows of a scene: a column a threshold, or all marks in one column where `thresholds` is None."""
    unscored = scene.num_unscored
    numbers = [str(number) for number in range(1, len(scene.thresholds) + 1)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("photo", overflow="fold", min_width=8)
    if thresholds is None:
        table.add_column(_spaced([(number, _UNSCORED * (int(number) <= unscored)) for number in numbers]), no_wrap=True)
    else:
        for number, text in zip(numbers, thresholds, strict=True):
            style = _UNSCORED if int(number) <= unscored else ""
            table.add_column(Text(f"{number}\n{text}", style), justify="center", no_wrap=True)
    for name in ("error", "mAA %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("minus 3", no_wrap=True)
    mark, no_mark = ("✓", "·") if _shown(console, "✓·") == "✓·" else ("x", ".")
    for row in scene.rows:
        marks = [_mark(row, index, unscored, mark, no_mark) for index in range(len(numbers))]
        table.add_row(
            Text(_photo(console, row)),
            *([_spaced(marks)] if thresholds is None else [Text(text, style) for text, style in marks]),
            _error(row.error),
            f"{100 * row.accuracy:.0f}",
            row.removed_at,
        )
    return table


def _mark(row: PhotoRow, index: int, unscored: int, mark: str, no_mark: str) -> tuple[str, str]:
    """The mark of a photo at a threshold and its style."""
    if index < unscored:
        return (mark if row.is_met[index] else no_mark), _UNSCORED
    if not row.is_met[index]:
        return no_mark, ""
    return mark, _REMOVED if row.is_removed[index] else _COUNTS


def _photo(console: Console, row: PhotoRow) -> str:
    from scenesort.evaluation.registration_table import PhotoState

    name, cluster = _shown(console, row.photo), _shown(console, row.cluster)
    match row.state:
        case PhotoState.POSED:
            return name
        case PhotoState.ELSEWHERE:
            return f"{name} (in {cluster})"
        case PhotoState.OUTLIER:
            return f"{name} ({cluster})"
        case _:
            return f"{name} ({row.state.value})"


def _states(scene: SceneTable) -> str:
    counts = [f"{count} {state.value}" for state, count in scene.state_counts.items()]
    return f"{len(scene.rows)} photos, {', '.join(counts)}"


def _sum(scene: SceneTable) -> str:
    if scene.num_possible <= 0:
        return f"{scene.scene}: no mAA, because three photos or fewer can't count"
    return (
        f"{scene.scene}: mAA={scene.mAA:.2f}% ({scene.num_accurate} of {scene.num_possible}:"
        f" {scene.num_met} marks, less {scene.num_removed} by minus 3)"
    )


def _print_confusion(console: Console, found: Confusion) -> None:
    columns = [index for index in range(len(found.clusters)) if found.counts[:, index].any()]
    header = ["scene", *(_shown(console, found.clusters[index]) for index in columns)]
    if sum(map(len, header)) + 2 * len(header) + max(map(len, found.scenes)) <= console.width:
        rows = [
            [_shown(console, scene), *(str(len(cells[index]) or "-") for index in columns)]
            for scene, cells in zip(found.scenes, found.photos, strict=True)
            if any(cells)
        ]
        print_table(console, header, rows, right=range(1, len(header)), title="photos of each scene by cluster")
        return
    long = [
        [_shown(console, scene), _shown(console, found.clusters[index]), str(len(cells[index]))]
        for scene, cells in zip(found.scenes, found.photos, strict=True)
        for index in columns
        if cells[index]
    ]
    title = "photos of each scene by cluster"
    print_table(console, ("scene", "cluster", "photos"), long, right=[2], title=title)


def _print_agreement(console: Console, collection: CollectionStatistics) -> None:
    found, counts = collection.agreement, collection.confusion.counts
    posed, photos = collection.num_registered, collection.num_photos
    share = _percent(posed / photos if photos else None)
    _print(console, f"registered: {posed} of {photos} photos of true scenes ({share})")
    figures = {
        "homogeneity": found.homogeneity,
        "completeness": found.completeness,
        "V-measure": found.v_measure,
        "ARI": found.adjusted_rand,
    }
    _print(console, f"clusters: {', '.join(f'{name} {value:.3f}' for name, value in figures.items())}")
    right, left_out, outliers = int(counts[-1, -1]), int(counts[:, -1].sum()), int(counts[-1].sum())
    print_line(
        console,
        f"outliers: precision {_percent(found.outlier_precision)} ({right} of {left_out} left out),"
        f" recall {_percent(found.outlier_recall)} ({right} of {outliers} outliers)",
    )


def _print_centers(console: Console, collection: CollectionStatistics) -> None:
    from scenesort.evaluation.statistics import percentiles

    rows = []
    for scene in collection.scenes:
        half, most = percentiles(scene.aligned.centers)
        rows.append(
            [
                _shown(console, scene.scene),
                f"{scene.num_registered} of {scene.num_photos}",
                _error(half),
                _error(most),
                _error(100 * half / scene.aligned.camera_distance if scene.aligned.camera_distance else math.nan),
            ]
        )
    title = "error of centres after alignment, in the labels' unit; rel.: median by the cameras' median distance"
    print_table(console, ("scene", "posed", "median", "90%", "rel. %"), rows, right=range(1, 5), title=title)


def _print_rotations(console: Console, collection: CollectionStatistics) -> None:
    from scenesort.evaluation.statistics import percentiles

    rows = [
        [
            _shown(console, scene.scene),
            str(len(scene.aligned.photos)),
            *map(_error, percentiles(scene.aligned.rotations_deg)),
        ]
        for scene in collection.scenes
    ]
    title = "error of rotations after alignment, in degrees"
    print_table(console, ("scene", "photos", "median", "90%"), rows, right=range(1, 4), title=title)


def _print_relative(console: Console, collection: CollectionStatistics) -> None:
    from scenesort.evaluation.pose_errors import AUC_THRESHOLDS_DEG

    rows = [
        [
            _shown(console, scene.scene),
            str(len(scene.relative.errors_deg)),
            str(scene.relative.num_registered),
            *_percentages(scene.relative_aucs),
        ]
        for scene in collection.scenes
    ]
    if len(rows) > 1:
        pairs = sum(len(scene.relative.errors_deg) for scene in collection.scenes)
        posed = sum(scene.relative.num_registered for scene in collection.scenes)
        rows.append(["all pairs", str(pairs), str(posed), *_percentages(collection.pooled_aucs)])
    last = ("mean", "", "", *_percentages(collection.mean_aucs)) if len(collection.scenes) > 1 else ()
    header = ("scene", "pairs", "posed", *(f"@{degrees:g}" for degrees in AUC_THRESHOLDS_DEG))
    title = "AUC of relative pose error, in percent, at degrees"
    print_table(console, header, rows, right=range(1, len(header)), title=title, last=last)


def _spaced(marks: Iterable[tuple[str, str]]) -> Text:
    return Text(" ").join(Text(text, style) for text, style in marks)


def _shown(console: Console, text: str) -> str:
    """Text with what the terminal can't show written as `\\xNN` and the like."""
    return printable(text).encode(console.encoding, "backslashreplace").decode(console.encoding)


def _print(console: Console, text: str) -> None:
    print_line(console, _shown(console, text))


def _percentages(values: Iterable[float]) -> list[str]:
    return [f"{value:.1f}" if math.isfinite(value) else "-" for value in values]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"


def _error(value: float) -> str:
    """Three digits, unless they tell of nothing but rounding."""
    if not math.isfinite(value):
        return "-"
    return f"{value:.3g}" if value == 0 or value > _ROUNDING else f"<{_ROUNDING:g}"
