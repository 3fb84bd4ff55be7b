"""`scenesort retrieval`: what global descriptors see, and what they learn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenesort.commands.options import DEFAULT_PRESET, chosen_options

app = typer.Typer(no_args_is_help=True, help="See which photos look alike to the tool; learn that from other photos.")

Preset = Annotated[str, typer.Option("--preset", "-p", help="As in `scenesort run`.")]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="TOML file of options.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="An option, such as retrieval.descriptors=vlad,dinov2; repeatable. All: scenesort config explain",
    ),
]
Cache = Annotated[Path | None, typer.Option("--cache", metavar="DIR", help="Folder of artefacts that runs share.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


@app.command("show")
def show(
    photo: Annotated[Path, typer.Argument(help="The photo, by its path.", show_default=False)],
    photos: Annotated[
        Path | None,
        typer.Option(
            "--photos",
            metavar="DIR",
            file_okay=False,
            help="The collection; sub-folders are read too.",
            show_default="the photo's folder",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Run folder: its work is used and added to, its scenes are shown.")
    ] = Path("scenesort-out"),
    count: Annotated[int, typer.Option("--count", "-k", min=1, max=50, help="Neighbours by each descriptor.")] = 8,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="Where to draw them.", show_default="OUT/neighbours.jpg"),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", metavar="CSV", help="True scenes to show in place of the run's.", show_default=False),
    ] = None,
    preset: Preset = DEFAULT_PRESET,
    config: Config = None,
    assignments: Assignments = None,
    cache: Cache = None,
    quiet: Quiet = False,
) -> None:
    """Print and draw the photos most like PHOTO, by each global descriptor and by screening.

    So you see why two photos were matched, or never were. Give the options and the run folder of the run that you ask
    about.
    """
    from scenesort.commands import tables
    from scenesort.commands.progress import Listener
    from scenesort.neighbourhood import neighbourhood
    from scenesort.report import neighbours_picture
    from scenesort.workspace import files, is_run_folder

    options = chosen_options(preset, config, assignments or ())
    folder = photos or photo.parent
    collection = folder.resolve().name
    labelled = labels or out / "submission.csv"
    if is_run_folder(out / collection):
        # A run on several collections has a run folder for each.
        out = out / collection
    with Listener.chosen(quiet=quiet, verbose=False) as progress:
        found = neighbourhood(photo, folder, out, options, count, cache, progress)
    scene_of = _scenes(labelled, labels is not None, collection, set(found.photos))
    console = tables.output()
    for by, neighbours in found.lists.items():
        rows = [
            (str(rank), tables.printable(item.name), f"{item.similarity:.3g}", scene_of.get(item.name, ""))
            for rank, item in enumerate(neighbours, start=1)
        ]
        header = ("", "photo", "score" if by == "screening" else "cosine", "scene" if scene_of else "")
        tables.print_table(console, header, rows, right=(0, 2), title=by)
        console.print()
    own = f", in {scene_of[found.name]}" if found.name in scene_of else ""
    tables.print_line(console, f"neighbours of {found.name}{own}")
    target = picture or out / "neighbours.jpg"
    files.write_bytes(target, neighbours_picture.to_jpeg(found, scene_of), sync=False)
    tables.print_line(console, f"picture  {target}")


@app.command("fit")
def fit(
    photos: Annotated[
        Path, typer.Argument(help="Folder of photos to learn from, hundreds at least.", exists=True, file_okay=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for what is learned.", show_default=False)],
    preset: Preset = DEFAULT_PRESET,
    config: Config = None,
    assignments: Assignments = None,
    cache: Cache = None,
    quiet: Quiet = False,
) -> None:
    """Learn the codebook of `vlad` and the fusion of descriptors from PHOTOS, for runs on other photos.

    Then: scenesort run … --set retrieval.trained=OUT --set retrieval.fusion=independent
    """
    from scenesort.commands import tables
    from scenesort.commands.progress import Listener
    from scenesort.training import fit as fit_retrieval

    options = chosen_options(preset, config, assignments or ())
    with Listener.chosen(quiet=quiet, verbose=False) as progress:
        written = fit_retrieval(photos, out, options, cache, progress)
    for path in written:
        tables.print_line(tables.output(), str(path))


def _scenes(path: Path, is_given: bool, collection: str, known: set[str]) -> dict[str, str]:
    """The scene of each photo by a CSV of poses: of the rows of this collection, or of all if it isn't named there."""
    from scenesort import evaluation
    from scenesort.errors import EvaluationError

    if not path.is_file() and not is_given:
        return {}
    try:
        table = evaluation.read_poses(path)
    except EvaluationError:
        if is_given:
            raise
        return {}
    rows = list(zip(table.dataset, table.image, table.scene, strict=True))
    own = [row for row in rows if row[0] == collection] or rows
    return {image: scene for _, image, scene in own if image in known}
