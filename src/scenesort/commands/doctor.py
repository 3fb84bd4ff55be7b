"""`scenesort doctor`."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scenesort.commands.arguments import Labels, PhotoNames, Thresholds

if TYPE_CHECKING:
    from rich.console import Console

    from scenesort.evaluation import PoseTable
    from scenesort.evaluation.conventions import Reading
    from scenesort.evaluation.diagnosis import Diagnosis
    from scenesort.health import Check

app = typer.Typer()

_NUM_SHOWN = 8


@app.callback(invoke_without_command=True)
def doctor(
    context: typer.Context,
    no_self_test: Annotated[
        bool, typer.Option("--no-self-test", help="Leave out the small run, which takes about 20 seconds.")
    ] = False,
    with_paths: Annotated[
        bool, typer.Option("--paths", help="Name folders too; without, the report holds no path and no name.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this installation, and print a report to paste where you report a problem.

    Checked are Python, packages that are missing or clash, processor, memory, GPUs, disks and weights; then a small
    rendered collection is sorted. Nothing is downloaded, and the exit code is 1 where a problem is found.
    """
    if context.invoked_subcommand is not None:
        return
    from scenesort import __version__
    from scenesort.commands import health_tables
    from scenesort.commands.options import DEFAULT_PRESET
    from scenesort.errors import ScenesortError
    from scenesort.health import Request, examine, own_secrets, standard_checks, worst

    request = Request(DEFAULT_PRESET, Path(), with_paths=with_paths)
    checks = standard_checks(self_test=not no_self_test)
    started_s = time.monotonic()
    findings = examine(request, checks, None if with_paths else own_secrets(), _say)
    if as_json:
        found = list(findings)
        seconds = round(time.monotonic() - started_s, 1)
        listed = [finding.to_json() for finding in found]
        report = {"scenesort": __version__, "state": worst(found), "seconds": seconds, "findings": listed}
        typer.echo(json.dumps(report, indent=2))
    else:
        found = health_tables.print_report(findings)
    problems = sum(finding.state == "problem" for finding in found)
    if problems:
        raise ScenesortError(f"{problems} problem{'s' * (problems > 1)} found; what to do stands behind each arrow")


def _say(check: Check) -> None:
    """Say what takes longest, where somebody watches."""
    from scenesort.health import SELF_TEST

    if check.name == SELF_TEST and sys.stderr.isatty():
        typer.echo("self-test: about 20 seconds …", err=True)


@app.command("poses")
def poses(
    labels: Labels,
    submission: Annotated[
        Path,
        typer.Argument(
            help="The poses in question: a CSV such as OUT/submission.csv, a run folder, or poses of another tool.",
            show_default=False,
        ),
    ],
    thresholds: Thresholds,
    write: Annotated[
        Path | None,
        typer.Option(
            "--write",
            metavar="FILE",
            help="Write the poses, converted to cam_from_world, to this CSV.",
            show_default=False,
        ),
    ] = None,
    read_as: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="READING",
            help="Read all poses so, whatever fits best; names are those of the table.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="NAME", help="Look at this collection alone.", show_default=False),
    ] = None,
    names: PhotoNames = None,
    every: Annotated[bool, typer.Option("--all", help="Print every reading, also those that fit badly.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in full precision.")] = False,
) -> None:
    """Find out whether poses follow a wrong convention, such as camera-to-world or OpenGL axes, and convert them."""
    from scenesort import evaluation, pose_files
    from scenesort.commands import tables
    from scenesort.commands.targets import check_target
    from scenesort.evaluation import conventions
    from scenesort.evaluation.diagnosis import diagnose

    wanted = conventions.find_reading(read_as) if read_as is not None else None
    check_target("--write", write, [submission, labels, thresholds])
    true = evaluation.read_poses(labels)
    submitted = pose_files.read_submission(submission, true, dataset=dataset, names=names)
    true = pose_files.restrict(true, dataset)
    found = diagnose(true, submitted, thresholds)
    for sentence in found.warnings:
        typer.echo(f"warning: {sentence}", err=True)
    console = tables.output()
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        _print_readings(console, found, every)
        for sentence in found.sentences():
            tables.print_line(console, sentence)
    readings = found.chosen if wanted is None else dict.fromkeys(found.collections, wanted)
    notes = []
    if wanted is not None:
        converted = evaluation.score(true, conventions.read_as(submitted, readings), thresholds)
        notes.append(f"Read as {wanted.name}, as asked for, the score is {converted.score:.1f}.")
    if write is None:
        notes += ["Convert them with: --write FILE"] if readings else []
    elif not readings:
        notes.append(f"Nothing is to be converted: {write} was not written.")
    else:
        _write(write, submission, submitted, readings)
        notes.append(f"converted poses: {write}")
    for note in notes:
        # What is printed as JSON stays JSON.
        typer.echo(tables.printable(note), err=as_json)


def _write(target: Path, submission: Path, submitted: PoseTable, readings: Mapping[str, Reading]) -> None:
    from scenesort.evaluation.rewriting import convert_csv, to_csv
    from scenesort.pose_files.finding import find_table
    from scenesort.workspace.files import write_bytes

    source = find_table(submission)
    content = to_csv(submitted, readings) if source is None else convert_csv(source, readings)
    write_bytes(target, content, sync=False)


def _print_readings(console: Console, found: Diagnosis, every: bool) -> None:
    """Print the readings, as given first and then the best; with `every` all of them."""
    from scenesort.commands import tables
    from scenesort.evaluation.reading_scores import AGREEMENT_DEG, MAX_PHOTOS

    given, *others = found.readings
    chosen = {reading.name for reading in found.chosen.values()}
    # The sort is stable: of readings that fit alike, the plainest comes first.
    others.sort(key=lambda each: (each.reading.name in chosen, round(each.agreement, 1), each.score), reverse=True)
    shown = [given, *(others if every else others[: _NUM_SHOWN - 1])]
    rows = [
        (
            each.reading.name,
            f"{each.score:.1f}",
            "-" if math.isnan(each.error_deg) else f"{each.error_deg:.1f}",
            f"{100 * each.agreement:.0f}",
        )
        for each in shown
    ]
    tables.print_table(console, ("read as", "score", "error °", "pairs %"), rows, right=range(1, 4))
    console.print()
    tables.print_line(console, "error: of the relative pose of two photos, median over all pairs")
    tables.print_line(console, f"pairs: how many of them are within {AGREEMENT_DEG:g}° of the truth")
    if found.is_sampled:
        tables.print_line(console, f"This is on at most {MAX_PHOTOS} photos of a scene.")
    console.print()
