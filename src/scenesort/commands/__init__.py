"""The command line: one thin file a command, which reads options, calls the package and prints what came of it.

What takes long to import (torch, pycolmap, OpenCV) is imported inside the commands, so that help comes at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from scenesort.commands import (
    bundle,
    cameras,
    compare,
    config,
    data,
    demo,
    doctor,
    retrieval,
    run,
    score,
    version,
    weights,
)
from scenesort.commands.failures import Commands

app = typer.Typer(
    name="scenesort",
    cls=Commands,
    help="Sort a pile of mixed photos into the places they show, with a camera pose for every photo.",
    epilog="Begin with: scenesort run PHOTOS -o OUT",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=version.print_and_exit, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Options that stand before a command's name."""


app.command("run")(run.run)
app.command("score")(score.score)
app.command("compare")(compare.compare)
app.command("cameras")(cameras.cameras)
app.command("demo")(demo.demo)
app.add_typer(doctor.app, name="doctor")
app.add_typer(config.app, name="config")
app.add_typer(weights.app, name="weights")
app.add_typer(retrieval.app, name="retrieval")
app.add_typer(data.app, name="data")
app.add_typer(bundle.app, name="bundle")
app.command("version")(version.version)


def main() -> None:
    """Run the command line."""
    app()
