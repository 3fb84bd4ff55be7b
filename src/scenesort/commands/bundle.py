"""`scenesort bundle`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenesort.commands.options import DEFAULT_PRESET

app = typer.Typer(help="Take scenesort to a machine without a network.", no_args_is_help=True)

CONTENT = "What goes in"
TARGET = "What it is for"
FORM = "What it looks like"
PIP = "Where wheels come from"

NUM_SHOWN = 20


@app.command("create")
def create_bundle(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the bundle.")] = Path("bundle"),
    models: Annotated[
        str,
        typer.Option(
            "--models",
            metavar="NAMES",
            rich_help_panel=CONTENT,
            help="Presets (with all weights that they load) and weights by name, separated by commas.",
        ),
    ] = DEFAULT_PRESET,
    accept_licence: Annotated[
        bool,
        typer.Option("--accept-licence", rich_help_panel=CONTENT, help="Accept licences that forbid commercial use."),
    ] = False,
    pins: Annotated[
        list[str] | None,
        typer.Option(
            "--pin",
            metavar="REQUIREMENT",
            rich_help_panel=CONTENT,
            help="Bundle and install this version of a package, as in transformers==5.23.0; repeatable.",
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            metavar="NAME[==VERSION]",
            rich_help_panel=CONTENT,
            help="Leave out a package that is there already, as in torch==2.6.0; repeatable.",
        ),
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            metavar="NAME=DIR",
            rich_help_panel=CONTENT,
            help="Source tree of a project that has no wheel, as in mast3r=../mast3r; repeatable.",
        ),
    ] = None,
    python: Annotated[
        str, typer.Option("--python", metavar="VERSION", rich_help_panel=TARGET, help="Python of the other machine.")
    ] = "3.11",
    target: Annotated[
        str,
        typer.Option(
            "--platform", metavar="TAG", rich_help_panel=TARGET, help="Its system: the newest tag of wheels it takes."
        ),
    ] = "manylinux_2_28_x86_64",
    accelerator: Annotated[
        str, typer.Option("--accelerator", metavar="cpu|cu12x", rich_help_panel=TARGET, help="What torch is built for.")
    ] = "cpu",
    part_size: Annotated[
        str | None,
        typer.Option(
            "--part-size",
            metavar="SIZE",
            rich_help_panel=FORM,
            help="Divide it into parts of at most this size, such as 2GB; larger files are cut.",
            show_default="one part",
        ),
    ] = None,
    as_zip: Annotated[
        bool, typer.Option("--zip", rich_help_panel=FORM, help="Write a zip file a part in place of folders.")
    ] = False,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            metavar="USER/SLUG",
            rich_help_panel=FORM,
            help="Name of the Kaggle data set: for dataset-metadata.json and the notebook.",
        ),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option("--index", metavar="URL", rich_help_panel=PIP, help="Package index in place of pip's own."),
    ] = None,
    extra_indexes: Annotated[
        list[str] | None,
        typer.Option("--extra-index", metavar="URL", rich_help_panel=PIP, help="Package index beside it; repeatable."),
    ] = None,
    wheels: Annotated[
        list[Path] | None,
        typer.Option(
            "--wheels",
            metavar="DIR",
            exists=True,
            file_okay=False,
            rich_help_panel=PIP,
            help="Folder of wheels of your own; repeatable.",
        ),
    ] = None,
    constraints: Annotated[
        Path | None,
        typer.Option(
            "--constraints",
            metavar="FILE",
            rich_help_panel=PIP,
            help="Versions of packages, in place of those that scenesort was tested with.",
        ),
    ] = None,
) -> None:
    """Collect scenesort, its wheels, weights and source trees for a machine without a network.

    The bundle has its own installer, a manifest with the hash of every file, and a notebook for the challenge. Running
    the same command again goes on where it was stopped; wheels of a finished bundle are used again.
    """
    from scenesort.bundle import BundleRequest, create
    from scenesort.bundle.request import (
        UNNAMED_DATASET,
        parse_pin,
        parse_size,
        parse_source,
        parse_without,
        split_names,
    )
    from scenesort.commands import tables
    from scenesort.commands.downloads import Downloads
    from scenesort.commands.failures import end_at_sigterm

    request = BundleRequest(
        models=split_names(models),
        python=python,
        platform=target,
        accelerator=accelerator,
        pins=tuple(map(parse_pin, pins or ())),
        without=parse_without(without or ()),
        sources=tuple(map(parse_source, sources or ())),
        part_bytes=parse_size(part_size) if part_size else None,
        as_zip=as_zip,
        dataset=dataset or UNNAMED_DATASET,
        accept_licence=accept_licence,
        index_url=index,
        extra_index_urls=tuple(extra_indexes or ()),
        wheel_folders=tuple(path.absolute() for path in wheels or ()),
        constraints=constraints,
    )
    end_at_sigterm()
    with Downloads() as shown:
        created = create(request, out, progress=shown, notice=shown.notice)
    for sentence in created.warnings:
        typer.echo(f"warning: {sentence}", err=True)
    console = tables.output()
    parts = f" in {created.num_parts} parts" if created.num_parts > 1 else ""
    fields = [
        ("bundle", f"{out}: {created.num_files} files, {created.size_bytes / 1e6:,.1f} MB{parts}"),
        ("wheels", f"{created.num_wheels}"),
        ("notebook", f"{out / created.notebook.name}"),
        ("install", created.install_line),
        ("or apart", f"{created.install_line} --target DIR"),
    ]
    for label, text in fields:
        tables.print_line(console, f"{label:<9} {text}")
    if dataset is None:
        tables.print_line(
            console, "For Kaggle, name the data set with --dataset USER/SLUG, or in dataset-metadata.json."
        )


@app.command("verify")
def verify_bundle(
    path: Annotated[Path, typer.Argument(help="Folder of a bundle, one of its parts, or one of its zip files.")],
) -> None:
    """Read a bundle again and check every byte; list what is missing, damaged or not of the bundle."""
    from scenesort.bundle import BundleError, verify
    from scenesort.commands import tables

    found = verify(path)
    console = tables.output()
    manifest = found.manifest
    tables.print_line(
        console,
        f"scenesort {manifest.scenesort} for Python {manifest.python}, {manifest.platform}, {manifest.accelerator}: "
        f"{len(manifest.files)} files, {sum(file.size_bytes for file in manifest.files) / 1e6:,.1f} MB",
    )
    groups = {"missing": found.missing, "damaged": found.damaged, "not of the bundle": found.extra}
    for label, lines in groups.items():
        for line in lines[:NUM_SHOWN]:
            tables.print_line(console, f"{label}: {line}")
        if len(lines) > NUM_SHOWN:
            tables.print_line(console, f"{label}: {len(lines) - NUM_SHOWN} more")
    if found.absent:
        listed = ", ".join(map(str, found.absent))
        tables.print_line(console, f"not here, and not checked: part {listed} of {manifest.num_parts}")
    if not found.is_good:
        counts = ", ".join(f"{len(lines)} {label}" for label, lines in groups.items() if lines)
        raise BundleError(f"{path}: {counts}; copy the bundle here again, or make it again")
    tables.print_line(console, "every byte is as it was bundled")
