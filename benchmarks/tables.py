"""What the benchmarks share: a table for people, the same figures as JSON, and the options of a rendered run."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scenesort.config import Options, parse_assignments, preset, with_values

FEW_KEYPOINTS = {"matching.mix": ("sift+nearest",), "features.sift_keypoints": 1024, "pairs.screen_keypoints": 256}
"""On the preset `fast`: rendered runs measure how cost grows, and that shows with few keypoints and no weights too."""


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; all columns but the first are numbers."""
    table = Table(title=title)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def write_json(path: Path | None, figures: Any) -> None:
    """Write the figures where --json says so."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a benchmark on rendered photos."""
    parser.add_argument("--width", type=int, default=320, help="width of the rendered photos in pixels")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="options, as in scenesort run")
    parser.add_argument("--work", type=Path, help="keep the rendered photos here; they are made once")
    parser.add_argument("--json", type=Path)


def run_options(arguments: argparse.Namespace) -> Options:
    """Return the options of a rendered run: `fast` with few keypoints, and what --set says."""
    values = {**FEW_KEYPOINTS, "execution.workers": arguments.workers, "execution.device": "cpu"}
    return with_values(preset("fast"), {**values, **parse_assignments(arguments.set)})
