"""`scenesort config`."""

from __future__ import annotations

from typing import Annotated

import typer

from scenesort.commands.options import DEFAULT_PRESET, chosen_options
from scenesort.config import PRESETS, explain, to_toml

app = typer.Typer(help="Show and explain the options of a run.", no_args_is_help=True)


@app.command("show")
def show(
    preset_name: Annotated[str, typer.Option("--preset", "-p", help=", ".join(PRESETS))] = DEFAULT_PRESET,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change an option; repeatable.")
    ] = None,
) -> None:
    """Print all options as a TOML file, which `scenesort run --config` reads."""
    typer.echo(to_toml(chosen_options(preset_name, assignments=assignments or ())), nl=False)


@app.command("explain")
def explain_options(
    name: Annotated[str, typer.Argument(help="An option or a group of options; all if left out.")] = "",
) -> None:
    """Print what options mean, with their defaults and units."""
    from scenesort.commands import tables

    tables.print_options(tables.output(), explain(name))
