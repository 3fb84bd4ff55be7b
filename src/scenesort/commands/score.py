"""`scenesort score`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def score(
    labels: Annotated[Path, typer.Argument(help="CSV of the true scenes and poses.", show_default=False)],
    submission: Annotated[
        Path, typer.Argument(help="CSV to be scored, such as OUT/submission.csv.", show_default=False)
    ],
    thresholds: Annotated[
        Path, typer.Option("--thresholds", help="CSV of each scene's distance thresholds.", show_default=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in full precision.")] = False,
) -> None:
    """Score a submission against labels, as the Image Matching Challenge 2025 does, in percent."""
    from scenesort import evaluation
    from scenesort.commands import tables

    found = evaluation.score(labels, submission, thresholds)
    for sentence in found.warnings:
        typer.echo(f"warning: {sentence}", err=True)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        tables.print_evaluation(tables.output(), found)
