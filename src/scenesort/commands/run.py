"""`scenesort run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenesort.commands.options import DEFAULT_PRESET, camera_values, chosen_options, parse_memory, parse_time
from scenesort.config import PRESET_NOTES, with_values

CHOICE = "What to run with"
CAMERAS = "What is known of the photos"
SCORING = "Labels and samples"
WORK = "How the work is done"


def run(
    photos: Annotated[
        Path | None,
        typer.Argument(help="Folder of photos, one collection; sub-folders are read too.", show_default=False),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Run folder for the results; a second run goes on there.")
    ] = Path("scenesort-out"),
    collections: Annotated[
        Path | None,
        typer.Option("--collections", metavar="DIR", help="In place of PHOTOS: each sub-folder is a collection."),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(
            "--preset",
            "-p",
            rich_help_panel=CHOICE,
            help="; ".join(f"{name}: {note}" for name, note in PRESET_NOTES.items()),
        ),
    ] = DEFAULT_PRESET,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", rich_help_panel=CHOICE, help="TOML file of options, on top of the preset."
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            rich_help_panel=CHOICE,
            help="An option, such as matching.max_ratio=0.9; repeatable. All of them: scenesort config explain",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", rich_help_panel=CHOICE, help="Seed of every random step.", show_default="0")
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            "--camera",
            metavar="MODEL",
            rich_help_panel=CAMERAS,
            help="COLMAP camera model to estimate, such as OPENCV. With parameters in pixels, as PINHOLE:fx,fy,cx,cy: "
            "the known intrinsics of all photos.",
        ),
    ] = None,
    single_camera: Annotated[
        bool | None,
        typer.Option("--single-camera", rich_help_panel=CAMERAS, help="All photos of one size come from one camera."),
    ] = None,
    cameras: Annotated[
        str | None,
        typer.Option(
            "--cameras",
            metavar="CSV",
            rich_help_panel=CAMERAS,
            help="Known intrinsics by photo; columns image, model, width, height, params.",
        ),
    ] = None,
    masks: Annotated[
        str | None,
        typer.Option(
            "--masks",
            metavar="DIR",
            rich_help_panel=CAMERAS,
            help="Masks named like the photos plus .png; features on black are dropped.",
        ),
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(
            "--pairs",
            metavar="FILE",
            rich_help_panel=CHOICE,
            help="Match exactly these pairs of photos, two names a line, as hloc writes them.",
        ),
    ] = None,
    scenes: Annotated[
        str | None,
        typer.Option(
            "--scenes",
            metavar="CSV",
            rich_help_panel=CHOICE,
            help="Photos are grouped as here (columns photo and scene, or an earlier submission), each group apart.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            exists=True,
            dir_okay=False,
            metavar="CSV",
            rich_help_panel=SCORING,
            help="True poses: score the result with them.",
        ),
    ] = None,
    thresholds: Annotated[
        Path | None,
        typer.Option(
            "--thresholds",
            exists=True,
            dir_okay=False,
            metavar="CSV",
            rich_help_panel=SCORING,
            help="Distance thresholds, with --labels.",
        ),
    ] = None,
    sample: Annotated[
        Path | None,
        typer.Option(
            "--sample",
            exists=True,
            dir_okay=False,
            metavar="CSV",
            rich_help_panel=SCORING,
            help="Sample submission whose rows, order and image_id column the submission takes.",
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            "--device", rich_help_panel=WORK, help="Where models run: auto, cpu, cuda or mps.", show_default="auto"
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", "-j", rich_help_panel=WORK, help="Worker processes.", show_default="one for each core"
        ),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            "--time-limit",
            metavar="TIME",
            rich_help_panel=WORK,
            help="Be done within this time, such as 8h30m or 45m: less is tried, the most valuable first.",
        ),
    ] = None,
    memory_limit: Annotated[
        str | None,
        typer.Option(
            "--memory-limit",
            metavar="SIZE",
            rich_help_panel=WORK,
            help="Stay below this memory, such as 8GB: fewer workers, and too large photos are left out.",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", rich_help_panel=WORK, help="Folder of artefacts that runs share."),
    ] = None,
    assemble: Annotated[
        bool,
        typer.Option(
            "--assemble",
            rich_help_panel=WORK,
            help="Also write features.h5, matches.h5, pairs.txt (as hloc does) and COLMAP's database.db.",
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", rich_help_panel=WORK, help="Print only the last line and errors.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", rich_help_panel=WORK, help="Print settings and details of each stage, too."),
    ] = False,
) -> None:
    """Sort photos into scenes with camera poses.

    Results lie in OUT: submission.csv, scenes/SCENE/sparse/0 (COLMAP models), outliers.csv, skipped.csv and
    summary.json. Running the same command again goes on where it stopped.

    Of --preset, --config, --set and the options with names of their own, the later ones in this list win.
    """
    options = chosen_options(
        preset,
        config,
        assignments or (),
        {
            "seed": seed,
            "photos.single_camera": single_camera,
            "photos.cameras_csv": cameras,
            "photos.masks": masks,
            "execution.device": device,
            "execution.workers": workers,
            "budget.time_limit_s": parse_time(time_limit),
            "budget.memory_limit_mb": parse_memory(memory_limit),
            "retrieval.pairs_file": pairs,
            "retrieval.groups_file": scenes,
            **camera_values(camera),
        },
    )
    if pairs is not None and "file" not in options.retrieval.shortlists:
        options = with_values(options, {"retrieval.shortlists": ("file",)})
    from scenesort import pipeline
    from scenesort.commands import tables
    from scenesort.commands.failures import end_at_sigterm
    from scenesort.commands.progress import Listener

    end_at_sigterm()
    with Listener.chosen(quiet=quiet, verbose=verbose) as progress:
        if verbose:
            tables.print_settings(progress.console, options)
        result = pipeline.run(
            photos,
            out,
            collections=collections,
            options=options,
            labels=labels,
            thresholds=thresholds,
            sample=sample,
            cache=cache,
            assemble=assemble,
            progress=progress,
        )
    tables.print_result(tables.output(), result, nested=collections is not None, quiet=quiet, verbose=verbose)
