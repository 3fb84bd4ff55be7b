"""`scenesort demo`."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scenesort.commands.options import DEFAULT_PRESET
from scenesort.errors import ScenesortError, WorkspaceError

if TYPE_CHECKING:
    from scenesort.commands.progress import Listener
    from scenesort.evaluation import Evaluation
    from scenesort.synthetic import CollectionSpec

MARKER = "demo.txt"
HEADLINE = "A demo of scenesort."
TABLES = ("depths.npz", "thresholds.csv", "cameras.csv", "labels.csv")


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the demo's photos and results.")] = Path("demo"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the scores and errors.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print details of each stage, too.")] = False,
) -> None:
    """Render photos of three places with known cameras, sort them, and score the result beside plain COLMAP's.

    Running it again goes on where it stopped.
    """
    from scenesort import evaluation, pipeline
    from scenesort.commands import tables
    from scenesort.commands.failures import end_at_sigterm
    from scenesort.commands.progress import Listener
    from scenesort.synthetic import demo_spec

    end_at_sigterm()
    console = tables.output()
    run_folder, labels, thresholds = out / "run", out / "labels.csv", out / "thresholds.csv"
    with Listener.chosen(quiet=quiet, verbose=verbose) as progress:
        photos = _rendered(out, demo_spec(), progress)
        started = time.monotonic()
        result = pipeline.run(
            photos, run_folder, options=DEFAULT_PRESET, labels=labels, thresholds=thresholds, progress=progress
        )
        # What an earlier call had done took time, too: then nobody knows the sum.
        is_fresh = not any(stage.reused for found in result.collections.values() for stage in found.stages)
        seconds = f"{time.monotonic() - started:.0f}" if is_fresh else "-"
        tables.print_result(console, result, quiet=quiet, verbose=verbose)
        rows = [] if result.evaluation is None else [_row("scenesort", result.evaluation, seconds)]
        try:
            submission, plain_s = _plain_colmap(out, photos, progress)
            rows.append(_row("plain COLMAP", evaluation.score(labels, submission, thresholds), f"{plain_s:.0f}"))
        except ScenesortError as error:
            progress.notice(f"plain COLMAP has no score on these photos: {error}")
    console.print()
    tables.print_table(console, ("same photos", "score", "mAA", "clusterness", "seconds"), rows, right=range(1, 5))
    if not quiet:
        console.print()
        tables.print_line(console, f"photos          {photos}")
        tables.print_line(console, f"poses           {run_folder / 'submission.csv'}")
        for scene in (scene for scene in result.scenes if scene.photos):
            tables.print_line(console, f"COLMAP, splats  {run_folder / 'scenes' / scene.name}")


def _row(name: str, evaluation: Evaluation, seconds: str) -> tuple[str, ...]:
    (collection,) = evaluation.collections.values()
    return name, *(f"{value:.2f}" for value in (evaluation.score, collection.mAA, collection.clusterness)), seconds


def _rendered(out: Path, spec: CollectionSpec, progress: Listener) -> Path:
    """Render the demo's photos and tables unless they are there; returns the folder of the photos."""
    from scenesort.synthetic import make_collection
    from scenesort.workspace import Workspace

    marker, photos = out / MARKER, out / "photos" / spec.name
    content = f"{HEADLINE}\nRendered from {spec}\n"
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not marker.is_file()):
        raise WorkspaceError(f"{out} holds something other than a demo: name a new or empty folder")
    out.mkdir(parents=True, exist_ok=True)
    if not marker.exists():
        marker.write_text(f"{HEADLINE}\n", encoding="utf-8")
    # The run folder's lock keeps a second process away.
    with Workspace.open(out / "run"):
        is_complete = marker.read_text(encoding="utf-8") == content
        if is_complete and photos.is_dir() and all((out / name).is_file() for name in TABLES):
            return photos
        num_photos = sum(scene.num_photos for scene in spec.scenes) + spec.num_outliers
        progress.say(f"rendering {num_photos} photos of {len(spec.scenes)} places, {spec.num_outliers} of them of none")
        aside = out / ".rendering"
        for stale in (aside, out / "photos", out / "plain_colmap"):
            shutil.rmtree(stale, ignore_errors=True)
        make_collection(aside, spec)
        photos.parent.mkdir()
        os.replace(aside / spec.name, photos)
        for name in TABLES:
            os.replace(aside / name, out / name)
        aside.rmdir()
        marker.write_text(content, encoding="utf-8")
    return photos


def _plain_colmap(out: Path, photos: Path, progress: Listener) -> tuple[Path, float]:
    """Run plain COLMAP unless its result is there; returns its submission and the seconds that it took."""
    from scenesort.colmap.plain import clusters, plain_colmap
    from scenesort.export import SubmissionRow, write_rows
    from scenesort.workspace import Workspace

    folder, aside = out / "plain_colmap", out / ".plain_colmap"
    with Workspace.open(out / "run"):
        if not folder.is_dir():
            progress.say("plain COLMAP on the same photos, to compare")
            shutil.rmtree(aside, ignore_errors=True)
            (aside / "work").mkdir(parents=True)
            names = sorted(path.name for path in photos.iterdir())
            started = time.monotonic()
            models = plain_colmap(photos, names, aside / "work")
            seconds = time.monotonic() - started
            rows = [SubmissionRow(photos.name, *where) for where in clusters(names, models)]
            write_rows(aside / "submission.csv", rows)
            (aside / "summary.json").write_text(json.dumps({"models": len(models), "seconds": seconds}) + "\n")
            os.replace(aside, folder)
    summary = json.loads((folder / "summary.json").read_text())
    return folder / "submission.csv", float(summary["seconds"])
