"""`scenesort data`."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from scenesort.sample_data import SampleSet
    from scenesort.sample_data.store import Laid

app = typer.Typer(help="List and fetch public photo sets with true cameras, to try and to score.", no_args_is_help=True)

OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="DIR",
        file_okay=False,
        help="Folder of photo sets.",
        show_default="SCENESORT_DATA, or sample-data",
    ),
]


@app.command("list")
def list_sets(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything that is known, as JSON.")] = False,
    out: OutOption = None,
) -> None:
    """List photo sets: how many photos, megabytes to download, whether they can be scored, whether they are here."""
    from scenesort.commands import tables
    from scenesort.sample_data import PILES, REGISTRY
    from scenesort.sample_data.store import data_folder, installed

    here = installed(data_folder(out))
    if as_json:
        typer.echo(json.dumps([_as_json(entry, here) for entry in REGISTRY.values()], indent=2))
        return
    console = tables.output()
    rows = [_row(entry, here) for entry in REGISTRY.values()]
    tables.print_table(console, ("photo set", "photos", "MB", "here", "what"), rows, right=(1, 2))
    tables.print_line(console, "MB: of the original, or of the copy; ? where nobody tells")
    for name, members in PILES.items():
        state = "; here" if name in here else ""
        tables.print_line(console, f"{name}: {' and '.join(members)} as one pile{state}")
    strangers = [name for name in here if name not in REGISTRY and name not in PILES]
    if strangers:
        tables.print_line(console, f"your piles: {', '.join(strangers)}")


@app.command("info")
def info(
    name: Annotated[str, typer.Argument(help="A photo set, or a pile of sets, by name.")], out: OutOption = None
) -> None:
    """Tell everything about a photo set: terms, citation, sources, checksums, who made the true cameras."""
    from scenesort.commands import tables
    from scenesort.sample_data.registry import members_of
    from scenesort.sample_data.store import data_folder, find

    console = tables.output()
    for entry in members_of(name):
        _print_set(console, entry)
        console.print()
    found = find(name, data_folder(out))
    tables.print_line(console, f"here: {found.folder}" if found else f"not here; run: scenesort data fetch {name}")


@app.command("fetch")
def fetch_sets(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Photo sets by name, or a pile such as strecha.")
    ],
    out: OutOption = None,
    mixed: Annotated[
        str | None,
        typer.Option("--mixed", metavar="PILE", help="Lay them out as one pile of this name, with one labels file."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="original|copy",
            help="Where from: the authors' own files, or a smaller copy for the sets that have one.",
            show_default="original",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the terms of the sets.")] = False,
) -> None:
    """Download photo sets, check them, and lay them out with labels and thresholds.

    A download that was stopped goes on where it stopped; what is here is not fetched again. Proxies are those of the
    environment; SCENESORT_MIRROR names a mirror of the original hosts.
    """
    from scenesort.commands import tables, weights
    from scenesort.commands.downloads import Downloads
    from scenesort.sample_data.fetching import fetch, planned
    from scenesort.sample_data.store import data_folder

    folder = data_folder(out)
    absent = [entry for name, sets in planned(names, mixed) if not (folder / name).exists() for entry in sets]
    for entry in dict.fromkeys(absent):
        for line in _terms(entry):
            typer.echo(line, err=True)
    if not yes and any(entry.needs_consent for entry in absent) and weights.is_terminal():
        typer.confirm("Do you accept these terms?", abort=True, err=True)
        yes = True
    with Downloads() as shown:
        found = fetch(names, folder, pile=mixed, source=source, accept_terms=yes, progress=shown, notice=shown.notice)
    console = tables.output()
    for laid in found:
        tables.print_line(console, f"{laid.name}: {laid.num_photos} photos in {laid.photos}")
        tables.print_line(console, f"next: {run_command(laid)}")


@app.command("where")
def where(out: OutOption = None) -> None:
    """Print the folder of photo sets, and what is there."""
    from scenesort.sample_data.store import data_folder, installed

    folder = data_folder(out)
    typer.echo(f"{folder}: {', '.join(installed(folder)) or 'nothing'}")


@app.command("remove")
def remove_sets(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Photo sets or piles by name.")],
    out: OutOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Delete photo sets and their unfinished downloads; recorded checksums stay."""
    from scenesort.commands import weights
    from scenesort.errors import OptionError
    from scenesort.sample_data.store import data_folder, removable, remove

    paths = removable(names, data_folder(out))
    if not paths:
        typer.echo("nothing to delete")
        return
    size_mb = sum(file.stat().st_size for path in paths for file in path.rglob("*") if file.is_file()) / 1e6
    for path in paths:
        typer.echo(str(path))
    if not yes:
        if not weights.is_terminal():
            raise OptionError("nothing was deleted: there is nobody to ask; give --yes")
        typer.confirm(f"Delete these folders, {size_mb:,.1f} MB?", abort=True)
    remove(paths)
    typer.echo(f"deleted: {size_mb:,.1f} MB")


def run_command(laid: Laid) -> str:
    """Return the command that sorts a set, and scores the result where the set has true cameras."""
    words = ["scenesort", "run", str(laid.photos), "-o", f"{laid.name}-out"]
    if laid.labels and laid.thresholds:
        words += ["--labels", str(laid.labels), "--thresholds", str(laid.thresholds)]
    return shlex.join(words)


def _row(entry: SampleSet, here: list[str]) -> tuple[str, ...]:
    what = entry.title + ("" if entry.truth else "; no true cameras, so it is not scored")
    sizes = " or ".join("?" if size is None else f"{size:,.0f}" for size in (s.size_mb for s in entry.sources))
    return entry.name, str(entry.num_photos), sizes, "yes" if entry.name in here else "no", what


def _terms(entry: SampleSet) -> list[str]:
    return [
        f"{entry.name}: {entry.title}",
        f"  terms    {entry.terms} ({entry.terms_from})",
        f"  to cite  {entry.citation}",
    ]


def _print_set(console: Console, entry: SampleSet) -> None:
    from scenesort.commands import tables

    fields = [
        ("name", entry.name),
        ("what", f"{entry.title}; {entry.num_photos} photos"),
        ("shows", entry.place),
        ("true cameras", entry.truth or "none: it can be sorted, not scored"),
        ("terms", entry.terms),
        ("known from", entry.terms_from),
        ("consent", "needed: --yes" if entry.needs_consent else "not needed"),
        ("to cite", entry.citation),
    ]
    for source in entry.sources:
        size = source.size_mb
        fields += [
            (f"from {source.name}", source.page),
            ("", source.note),
            ("", f"{len(source.files)} files, {'size not published' if size is None else f'{size:,.1f} MB'}"),
            ("", source.files[0].url if len(source.files) == 1 else f"{source.files[0].url} and others"),
            ("known from", source.known_from),
            ("checksums", source.checksums),
        ]
    for label, text in fields:
        if text:
            tables.print_line(console, f"{label:<15} {text}")


def _as_json(entry: SampleSet, here: list[str]) -> dict[str, object]:
    return {**dataclasses.asdict(entry), "here": entry.name in here}
