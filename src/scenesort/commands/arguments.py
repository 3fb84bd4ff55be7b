"""Arguments and options that the commands on evaluations share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Labels = Annotated[Path, typer.Argument(help="CSV of the true scenes and poses.", show_default=False)]

Thresholds = Annotated[
    Path, typer.Option("--thresholds", help="CSV of each scene's distance thresholds.", show_default=False)
]

PhotoNames = Annotated[
    Path | None,
    typer.Option(
        "--names", help="The photos' names, for formats that hold none (Bundler, TUM, KITTI).", show_default=False
    ),
]
