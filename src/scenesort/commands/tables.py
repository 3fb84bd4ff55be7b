"""What commands print at their end: tables that are readable on 60 columns and in a pipe."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scenesort.config import Options, flatten

if TYPE_CHECKING:
    from scenesort.evaluation import Evaluation
    from scenesort.progress import StageReport
    from scenesort.results import CollectionResult, RunResult

Row = Sequence[str]


def output() -> Console:
    """Return a console on stdout."""
    return Console(highlight=False)


def print_table(
    console: Console, header: Row, rows: Iterable[Row], *, right: Collection[int] = (), title: str = "", last: Row = ()
) -> None:
    """Print a table; `right` numbers the columns of figures, `last` is a row below a line."""
    if title:
        print_line(console, title)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, show_footer=bool(last))
    for index, name in enumerate(header):
        is_figure = index in right
        table.add_column(
            Text(name),
            Text(last[index]) if last else "",
            justify="right" if is_figure else "left",
            no_wrap=is_figure,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def print_line(console: Console, text: str) -> None:
    """Print a line that the terminal may wrap but nobody cuts."""
    console.print(printable(text), markup=False, soft_wrap=True)


def printable(text: str) -> str:
    """Return text with bytes of file names that aren't UTF-8 written as `\\xNN`."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def print_result(
    console: Console, result: RunResult, *, nested: bool = False, quiet: bool = False, verbose: bool = False
) -> None:
    """Print a run's scenes, stages and score, and where the results lie; with `quiet` the last line alone.

    `nested`: each collection has a folder of its own in the run folder.
    """
    if not quiet:
        for name, collection in result.collections.items():
            console.print()
            _print_scenes(console, collection, title=f"collection {name}" if nested else "")
        console.print()
        _print_stages(console, result)
        if result.evaluation is not None:
            console.print()
            for sentence in result.evaluation.warnings:
                print_line(console, f"warning: {sentence}")
            print_evaluation(console, result.evaluation)
        console.print()
        if verbose:
            _print_skipped(console, result, nested)
        _print_places(console, result, nested)
    print_line(console, describe_result(result))


def describe_result(result: RunResult) -> str:
    """Return a run in one line."""
    collections = result.collections.values()
    photos = sum(len(collection.rows) for collection in collections)
    posed = sum(row.cam_from_world is not None for collection in collections for row in collection.rows)
    num_models = sum(bool(scene.photos) for scene in result.scenes)
    parts = [f"{posed} of {photos} photos posed in {_count(num_models, 'scene')}"]
    if num_models < len(result.scenes):
        parts.append(f"{_count(len(result.scenes) - num_models, 'group')} of matching photos without poses")
    if result.evaluation is not None:
        parts.append(f"score {result.evaluation.score:.2f}")
    return ", ".join(parts) + f": {result.out}"


def print_evaluation(console: Console, evaluation: Evaluation) -> None:
    """Print scores by collection and in all; the repaired score only where it differs."""
    scored = evaluation.collections.items()
    has_repaired = any(found.repaired != found.score for _, found in scored)
    header = ["collection", "score", *(["repaired"] if has_repaired else []), "mAA", "clusterness"]

    def cells(name: str, score: float, repaired: float, *others: float) -> list[str]:
        figures = [score, *([repaired] if has_repaired else []), *others]
        return [printable(name), *(f"{figure:.2f}" for figure in figures)]

    rows = [cells(name, found.score, found.repaired, found.mAA, found.clusterness) for name, found in scored]
    last = cells("all", evaluation.score, evaluation.repaired)
    print_table(
        console,
        header,
        rows,
        right=range(1, len(header)),
        last=[*last, *[""] * (len(header) - len(last))] if len(rows) > 1 else (),
    )


def print_options(console: Console, rows: Iterable[tuple[str, object, str, str]]) -> None:
    """Print options with their defaults, units and meanings."""
    table = [(name, f"{show_value(value)} {unit}".strip(), meaning) for name, value, unit, meaning in rows]
    print_table(console, ("option", "default", "meaning"), table)


def show_value(value: object) -> str:
    """Return an option's value as it is written for `--set`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value) if value != "" else "none"


def print_settings(console: Console, options: Options) -> None:
    """Print the options that differ from their defaults."""
    defaults = flatten(Options())
    changed = {name: value for name, value in flatten(options).items() if value != defaults[name]}
    listed = ", ".join(f"{name}={show_value(value)}" for name, value in changed.items())
    print_line(console, f"options: {listed or 'all at their defaults'}")


def _print_scenes(console: Console, collection: CollectionResult, title: str) -> None:
    rows = [
        (
            scene.name,
            str(len(scene.members)),
            str(len(scene.photos)),
            str(len(scene.points_xyz)),
            f"{np.mean(scene.points_error_px):.2f}" if len(scene.points_error_px) else "-",
        )
        for scene in collection.scenes
    ]
    if rows:
        header = ("scene", "photos", "posed", "points", "error px")
        print_table(console, header, rows, right=range(1, 5), title=title)
    elif title:
        print_line(console, title)
    if not collection.num_posed:
        print_line(console, _why_no_scene(collection))
    extras = {
        "outlier": len(collection.outliers),
        "skipped file": len(collection.skipped),
        "exact copy": len(collection.duplicates),
    }
    print_line(console, ", ".join(_count(number, word) for word, number in extras.items()))


TIME_LIMIT = "time limit: "
"""How the notices begin that tell what a time limit cut off."""


def _why_no_scene(collection: CollectionResult) -> str:
    if any(sentence.startswith(TIME_LIMIT) for sentence in collection.notices):
        return "No scene got poses in the time given; give more with --time-limit, or run again without."
    num_usable = len(collection.rows) - len(collection.skipped) - len(collection.duplicates)
    if num_usable < 3:
        return f"No scene has poses: a scene needs three photos, usable here: {num_usable}."
    return "No scene has poses: no three photos overlap enough. Neighbours should share half of what they show."


def _print_stages(console: Console, result: RunResult) -> None:
    by_name: dict[str, list[StageReport]] = {}
    for collection in result.collections.values():
        for stage in collection.stages:
            by_name.setdefault(stage.name, []).append(stage)
    rows = [
        (
            name,
            str(sum(stage.done for stage in stages)),
            str(sum(stage.reused for stage in stages)),
            f"{sum(stage.seconds for stage in stages):.1f}",
            f"{max(stage.peak_memory_mb for stage in stages):.0f}",
        )
        for name, stages in by_name.items()
    ]
    seconds = sum(stage.seconds for stages in by_name.values() for stage in stages)
    last = ("all", "", "", f"{seconds:.1f}", f"{max((float(row[4]) for row in rows), default=0):.0f}")
    print_table(console, ("stage", "done", "reused", "seconds", "peak MB"), rows, right=range(1, 5), last=last)


def _print_skipped(console: Console, result: RunResult, nested: bool) -> None:
    for name, collection in result.collections.items():
        for item in collection.skipped:
            where = f"{name}/" if nested else ""
            print_line(console, f"skipped {where}{item.name}: {item.reason}")


def _print_places(console: Console, result: RunResult, nested: bool) -> None:
    places = {"poses": result.out / "submission.csv"}
    for name, collection in result.collections.items():
        folder = result.out / name if nested else result.out
        many = f" {name}" if nested else ""
        if collection.scenes:
            places[f"scenes{many}"] = folder / "scenes"
        if collection.outliers:
            places[f"outliers{many}"] = folder / "outliers.csv"
        if collection.skipped:
            places[f"skipped{many}"] = folder / "skipped.csv"
    width = max(map(len, places))
    for name, path in places.items():
        print_line(console, f"{name:<{width}}  {path}")


def _count(number: int, word: str) -> str:
    plural = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{number} {word if number == 1 else plural}"
