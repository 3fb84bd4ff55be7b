"""`scenesort score`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from scenesort.commands.arguments import Labels, PhotoNames, Thresholds


def score(
    labels: Labels,
    submission: Annotated[
        Path,
        typer.Argument(
            help="What is to be scored: a CSV such as OUT/submission.csv, a run folder, or poses of another tool.",
            show_default=False,
        ),
    ],
    thresholds: Thresholds,
    photos: Annotated[bool, typer.Option("--photos", help="Print the registration table, a row a photo.")] = False,
    details: Annotated[
        bool, typer.Option("--details", help="Print what stands beside the score: clusters, errors of poses.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="DIR",
            help="Write registration.csv, evaluation.json and evaluation.html there.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="NAME", help="Score this collection alone.", show_default=False),
    ] = None,
    names: PhotoNames = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Refuse doubtful poses, such as matrices that are no rotations."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in full precision: the scores alone.")] = False,
) -> None:
    """Score a submission against labels, as the Image Matching Challenge 2025 does, in percent."""
    from scenesort import evaluation, pose_files
    from scenesort.commands import evaluation_tables, tables
    from scenesort.errors import OptionError

    if as_json and (photos or details):
        raise OptionError("--json prints the scores alone, so --photos and --details can't be used. Use --report DIR.")
    if report is not None and report.exists() and not report.is_dir():
        raise OptionError(f"--report {report}: this is a file; give a folder")
    true = evaluation.read_poses(labels)
    submitted = pose_files.read_submission(submission, true, dataset=dataset, names=names)
    true = pose_files.restrict(true, dataset)
    found = evaluation.score(true, submitted, thresholds, strict=strict)
    for sentence in found.warnings:
        typer.echo(f"warning: {sentence}", err=True)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        tables.print_evaluation(tables.output(), found)
    if not (photos or details or report):
        return
    registration = evaluation.registration_tables(true, submitted, found)
    statistics = evaluation.collection_statistics(true, submitted, found)
    if photos:
        evaluation_tables.print_registration(tables.output(), registration)
    if details:
        evaluation_tables.print_statistics(tables.output(), statistics)
    if report is not None:
        from scenesort.report import evaluation_files

        evaluation_files.write(report, found, registration, statistics)
        typer.echo(f"report: {report / evaluation_files.PAGE}", err=True)
