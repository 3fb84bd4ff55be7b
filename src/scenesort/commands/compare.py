"""`scenesort compare`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from scenesort.commands.arguments import Labels, PhotoNames, Thresholds
from scenesort.errors import OptionError

_SUBMISSION = "submission.csv"


def compare(
    labels: Labels,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN",
            help="Run folders, CSVs or poses of other tools, the first as reference; NAME=RUN names one,"
            " NAME=RUN,RUN,… joins one pipeline's seeds.",
            show_default=False,
        ),
    ],
    thresholds: Thresholds,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="NAME", help="Compare in this collection alone.", show_default=False),
    ] = None,
    names: PhotoNames = None,
    resamples: Annotated[
        int, typer.Option("--resamples", min=1, help="Bootstrap resamples that intervals are taken from.")
    ] = 10_000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the resamples.")] = 0,
    as_csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write scores, deltas and intervals there.", show_default=False),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option("--photos", metavar="FILE", help="Write what each photo won or lost there.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in full precision.")] = False,
) -> None:
    """Compare runs on the same labels: scores, deltas with bootstrap intervals, photos won and lost."""
    from scenesort import evaluation, pose_files
    from scenesort.commands import comparison_tables, tables
    from scenesort.commands.targets import check_target
    from scenesort.errors import EvaluationError
    from scenesort.evaluation.comparison import Run
    from scenesort.evaluation.comparison import compare as compare_runs
    from scenesort.workspace.files import write_bytes

    wanted = parse_runs(runs)
    inputs = [labels, thresholds, *(path for paths in wanted.values() for path in paths)]
    check_target("--csv", as_csv, inputs)
    check_target("--photos", photos, inputs)
    if as_csv is not None and photos is not None and as_csv.resolve() == photos.resolve():
        raise OptionError(f"--photos {photos}: that is the file of --csv; give another file")
    true = evaluation.read_poses(labels)

    def read(name: str, path: Path) -> evaluation.PoseTable:
        try:
            return pose_files.read_submission(path, true, dataset=dataset, names=names)
        except EvaluationError as error:
            raise EvaluationError(f"run '{name}': {error}") from error

    found = compare_runs(
        pose_files.restrict(true, dataset),
        [Run(name, tuple(read(name, path) for path in paths)) for name, paths in wanted.items()],
        thresholds,
        num_resamples=resamples,
        seed=seed,
    )
    for sentence in found.warnings:
        typer.echo(f"warning: {sentence}", err=True)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        comparison_tables.print_comparison(tables.output(), found)
    if as_csv is not None:
        write_bytes(as_csv, comparison_tables.scores_csv(found), sync=False)
    if photos is not None:
        write_bytes(photos, comparison_tables.photos_csv(found), sync=False)


def parse_runs(words: list[str]) -> dict[str, tuple[Path, ...]]:
    """Return the submissions of each run by its name, in order.

    A word is a path, `NAME=PATH`, or `NAME=PATH,PATH,…` for several seeds; a name that is repeated adds seeds, too.
    What exists is a path, whatever signs it holds. Raises `OptionError`.
    """
    named: list[tuple[str | None, list[Path]]] = []
    for word in words:
        name, equals, rest = word.partition("=")
        if not equals or Path(word).exists():
            if "," in word and not Path(word).exists():
                raise OptionError(f"{word}: several seeds of a run need a name: NAME={word}")
            named.append((None, [Path(word)]))
        elif not name.strip() or not rest.strip():
            raise OptionError(f"{word}: write NAME=RUN, or NAME=RUN,RUN for several seeds")
        else:
            parts = [rest] if Path(rest).exists() else rest.split(",")
            if not all(part.strip() for part in parts):
                raise OptionError(f"{word}: a run is missing beside a comma")
            named.append((name, [Path(part) for part in parts]))
    runs: dict[str, list[Path]] = {}
    short = Counter(_short_name(paths[0]) for given, paths in named if given is None)
    taken = {given for given, _ in named}
    for given, paths in named:
        own = given if given is not None else _short_name(paths[0])
        if given is None and (short[own] > 1 or own in taken):
            own = str(paths[0])
        if given is None and own in runs:
            raise OptionError(f"{own}: the run is given twice")
        runs.setdefault(own, []).extend(paths)
    for run, submissions in runs.items():
        if len({path.resolve() for path in submissions}) < len(submissions):
            raise OptionError(f"run '{run}': the same submission is given twice; give each seed once")
    if len(runs) < 2:
        raise OptionError("two runs are needed, the reference and another; give several seeds as NAME=RUN,RUN")
    return {run: tuple(submissions) for run, submissions in runs.items()}


def _short_name(path: Path) -> str:
    """What a run is called that has no name: its folder, or its file without ending."""
    if path.name == _SUBMISSION and path.parent.name:
        return path.parent.name
    return path.stem if path.suffix.lower() == ".csv" else path.name or str(path)
