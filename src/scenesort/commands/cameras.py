"""`scenesort cameras`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenesort.commands.arguments import Labels, PhotoNames, Thresholds


def cameras(
    labels: Labels,
    submission: Annotated[
        Path,
        typer.Argument(
            help="The estimated ones: a CSV such as OUT/submission.csv, a run folder, or poses of another tool.",
            show_default=False,
        ),
    ],
    thresholds: Thresholds,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the pictures.")] = Path("scenesort-cameras"),
    photos: Annotated[
        Path | None,
        typer.Option(
            "--photos",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Photos for the frusta: DIR/COLLECTION/PHOTO or DIR/PHOTO.",
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", metavar="NAME", help="Draw this collection alone.", show_default=False)
    ] = None,
    scene: Annotated[
        str | None, typer.Option("--scene", metavar="NAME", help="Draw this true scene alone.", show_default=False)
    ] = None,
    threshold: Annotated[
        int | None,
        typer.Option(
            "--threshold",
            metavar="N",
            min=1,
            help="Which threshold's transform moves the estimated cameras, from 1.",
            show_default="the largest",
        ),
    ] = None,
    names: PhotoNames = None,
) -> None:
    """Draw true and estimated cameras in one frame: 3-D files, pictures, and a page to look around in."""
    from scenesort import evaluation, pose_files
    from scenesort.commands import tables
    from scenesort.errors import EvaluationError
    from scenesort.evaluation.alignment import Status, align
    from scenesort.report import cameras_files, cameras_glb, cameras_view

    true = evaluation.read_poses(labels)
    submitted = pose_files.read_submission(submission, true, dataset=dataset, names=names)
    true = pose_files.restrict(true, dataset)
    found = evaluation.score(true, submitted, thresholds)
    for sentence in found.warnings:
        typer.echo(f"warning: {sentence}", err=True)
    aligned = align(true, submitted, found, None if threshold is None else threshold - 1)
    chosen = [each for each in aligned if scene in (None, each.scene)]
    if not chosen:
        known = ", ".join(each.scene for each in aligned)
        why = f"no scene '{scene}'. Name one of {known}." if known else "no true scene, so nothing to draw."
        raise EvaluationError(f"{labels}: {why}")

    views, num_missing = [], 0
    for each in chosen:
        thumbnails: dict[str, cameras_view.Thumbnail] = {}
        if photos is not None:
            wanted_photos = [*each.photos, *each.strangers]
            thumbnails, missing = cameras_view.find_thumbnails(photos, each.dataset, wanted_photos)
            num_missing += len(missing)
        views.append(cameras_view.lay_out(each, thumbnails))
    cameras_files.write(out, views)
    if num_missing:
        typer.echo(
            f"notice: photos that are not in {photos} or can't be read: {num_missing}; their frusta stay empty.",
            err=True,
        )
    if num_far := sum(len(cameras_glb.far_out(view)) for view in views):
        typer.echo(f"notice: {num_far} estimated cameras lie so far out that the 3-D files leave them out.", err=True)

    console = tables.output()
    rows = [
        (
            tables.printable(f"{each.dataset}/{each.scene}"),
            str(len(each.photos)),
            str(each.count(Status.WITHIN, Status.BEYOND, Status.UNMEASURED)),
            str(each.count(Status.WITHIN)),
            f"{each.threshold:g}",
        )
        for each in chosen
    ]
    tables.print_table(console, ("scene", "photos", "posed", "within", "threshold"), rows, right=range(1, 5))
    console.print()
    for each in chosen:
        if each.true_from_submitted is None:
            tables.print_line(console, f"{each.dataset}/{each.scene}: {cameras_view.describe(each)}")
    tables.print_line(console, f"page      {out / cameras_files.PAGE}")
    tables.print_line(console, f"pictures  {out / 'COLLECTION' / 'SCENE.png'}")
    tables.print_line(console, f"3-D       {out / 'COLLECTION' / 'SCENE.glb'}")
