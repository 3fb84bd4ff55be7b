"""The main job on one page: photos → features → pairs → matches → scenes → mapping → export."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from scenesort import evaluation, export, mapping, scenes, steps
from scenesort.config import Options, preset, to_toml
from scenesort.errors import ArtefactLostError, NoPhotosError, OptionError, WorkspaceError
from scenesort.execution import WorkerPool, cpu_count, resolve_device
from scenesort.members import check_mapping, check_retrieval, more_sides_px, needed_weights
from scenesort.photos import Survey, survey
from scenesort.planning import Plan
from scenesort.progress import Progress, Silent
from scenesort.results import CollectionResult, RunResult
from scenesort.steps import Context
from scenesort.types import PhotoSet, PosedScene
from scenesort.versions import library_versions
from scenesort.weights import require
from scenesort.workspace import Workspace, run_folders_below


def run(
    photos: str | Path | None = None,
    out: str | Path = "scenesort-out",
    *,
    collections: str | Path | None = None,
    options: Options | str = "balanced",
    labels: str | Path | None = None,
    thresholds: str | Path | None = None,
    sample: str | Path | None = None,
    cache: str | Path | None = None,
    assemble: bool = False,
    progress: Progress | None = None,
) -> RunResult:
    """Sort photos into scenes with camera poses and write the run folder `out`.

    Give `photos`, a folder that is one collection, or `collections`, a folder whose sub-folders are one each. `options`
    is an Options value or a preset's name. With `labels` and `thresholds` (challenge CSVs) the finished submission is
    scored. Running again on the same `out` goes on where the last run stopped; `cache` shares artefacts between runs.
    `assemble` also writes hloc's feature and match files and a COLMAP database into the run folder's `work`. The
    options `budget.time_limit_s` and `budget.memory_limit_mb` make the run do less, the most valuable first; a valid
    `submission.csv` stands from the start, with the photos that have no pose yet as outliers. Raises ScenesortError
    subclasses for everything that a user can mend (`scenesort.errors`).
    """
    if isinstance(options, str):
        options = preset(options)
    started_s = time.monotonic()
    out = Path(out).expanduser()
    folders = _collections(photos, collections, out)
    if (labels is None) != (thresholds is None):
        raise OptionError("labels and thresholds are needed together: give both or neither")
    if sample is not None and not Path(sample).expanduser().is_file():
        raise OptionError(f"--sample {sample}: there is no such file; check the path")
    if labels is not None and thresholds is not None:
        # Read now so that a mistake shows before hours of work; they are used when the poses are final.
        evaluation.read_poses(Path(labels).expanduser())
        evaluation.read_thresholds(Path(thresholds).expanduser())
    nested = collections is not None
    progress = progress or Silent()
    surveys = {name: _survey(folder, out, options) for name, folder in folders.items()}
    sizes = {name: len(survey.names) for name, survey in surveys.items()}
    _check_members(options, max(sizes.values()), nested)
    options, workers = steps.fit_memory(options, options.execution.workers or cpu_count(), surveys.values())
    clock = steps.Clock(options, sizes, workers, started_s)
    results: dict[str, CollectionResult] = {}
    plans: dict[str, Plan] = {}
    with Workspace.open(out, Path(cache).expanduser() if cache else None) as top:
        _check_earlier_run(top, nested)
        # From here on a valid submission stands at every moment.
        submission = steps.Submission(top, surveys, Path(sample).expanduser() if sample else None)
        # Workers' temporary files lie in the run folder, where the next run sweeps what a SIGKILL left.
        with WorkerPool(workers, scratch=top.work) as pool:
            # In a worker, because asking torch loads it, and this process has no other use for it.
            device = next(pool.run(resolve_device, [options.execution.device])).result()
            for name in clock.order:
                if nested:
                    progress.collection(name)
                with _workspace(top, name if nested else None) as workspace:
                    plan, schedule = clock.begin(name)
                    plans[name] = plan
                    context = Context(workspace, pool, plan.options, device, progress, schedule)
                    if plan.given_up:
                        context.notice(steps.describe(plan, schedule))
                    results[name] = _run_collection(context, name, folders[name], out, submission, assemble, nested)
        if not any(sizes.values()):
            raise NoPhotosError(f"--collections {collections}: no sub-folder holds a photo; give the folder above them")
        scored = None
        if labels is not None and thresholds is not None:
            scored = evaluation.score(Path(labels).expanduser(), submission.path, Path(thresholds).expanduser())
        result = RunResult(out, {name: results[name] for name in folders}, scored)
        top.write_text("config.toml", to_toml(options))
        top.write_json("summary.json", {"nested": nested, **_summary(result, options, plans, device, workers)})
    return result


def _run_collection(
    context: Context,
    name: str,
    folder: Path,
    out: Path,
    submission: steps.Submission,
    assemble: bool,
    nested: bool,
) -> CollectionResult:
    """Run one collection; artefacts found damaged are made again. One of several may hold no photo at all."""
    lost: set[str] = set()
    while True:
        try:
            found, posed, outliers = _sort(context, name, folder, out, submission, assemble)
            break
        except ArtefactLostError as error:
            sentence = error.args[0].partition(";")[0]
            if sentence in lost:
                raise
            lost.add(sentence)
            context.notice(f"{sentence}: making it again")
        except NoPhotosError as error:
            has_no_time = any(item.reason == steps.NO_TIME for item in error.skipped)
            if not (nested or has_no_time):
                raise
            if not has_no_time:
                context.notice(str(error))
            found, posed, outliers = PhotoSet((), error.skipped), [], []
            break
    rows = tuple(export.submission_rows(name, found, posed, outliers))
    num_posed, num_stood = steps.num_posed(rows), submission.num_posed(name)
    is_kept = context.schedule.is_limited and num_posed < num_stood
    if is_kept:
        context.notice(
            f"time limit: {num_posed} photos were posed, fewer than the {num_stood} of the run before, "
            "whose results are kept"
        )
    result = CollectionResult(
        name,
        tuple(posed),
        tuple(outliers),
        found.skipped,
        found.duplicates,
        tuple(context.notices),
        tuple(context.stages),
        rows,
    )
    if not is_kept:
        _write(context, found, result, nested)
        submission.settle(name, rows)
    return result


def _sort(
    context: Context, name: str, folder: Path, out: Path, submission: steps.Submission, assemble: bool
) -> tuple[PhotoSet, list[PosedScene], list[str]]:
    options = context.options
    found = steps.find_photos(context, folder, _not_photos(folder, out))
    found = steps.find_turns(context, found)
    found, sides = steps.find_features(context, found)
    context.on_models = lambda models: submission.offer(name, found, models, options.scenes.min_photos)
    groups = steps.find_groups(context, name, found, sides)
    proposed = steps.propose_pairs(context, found, sides, groups)
    scored = steps.screen_pairs(context, sides, proposed, groups)
    quick = steps.match_quickly(context, sides, scored)
    verified = steps.verify_pairs(context, sides, quick)
    grown = steps.grow(context, sides, scored, quick, verified, groups)
    rest = steps.match_rest(context, sides, grown.scored, grown.verified)
    verified = steps.verify_again(context, sides, grown.verified, grown.matched, rest)
    matched, verified = steps.grow_learned(context, sides, grown, rest, verified, groups)
    graph = steps.rate_pairs(context, sides, scenes.build_view_graph(sides, verified.inliers), verified)
    graph, verified = steps.trusted_pairs(context, graph, verified)
    sides, verified = steps.look_again(context, sides, matched, verified)
    graph = scenes.with_inliers(graph, verified.inliers)
    parts = scenes.connected_parts(graph, options.scenes.min_photos, options.scenes.min_joining_inliers)
    models = steps.map_parts(context, sides, parts, verified)
    models, cuts = steps.split_look_alikes(context, sides, models, verified)
    graph = scenes.with_doubts(graph, cuts)
    chosen = scenes.one_scene_a_photo(models, options.scenes.min_photos)
    chosen = steps.take_back_unproven(context, chosen)
    coloured = steps.colour_points(context, chosen, sides)
    posed, outliers = steps.join_leftovers(context, sides, coloured, graph)
    steps.write_pairs(context, graph)
    steps.tell_untrusted(context, posed, sides)
    if assemble:
        steps.assemble(context, sides, verified)
    return found, posed, outliers


def _write(context: Context, found: PhotoSet, result: CollectionResult, nested: bool) -> None:
    workspace = context.workspace
    photos = {photo.name: photo for photo in found.photos}

    def scene_folders(target: Path) -> None:
        for scene in result.scenes:
            folder = target / scene.name
            folder.mkdir()
            export.write_scene_folder(scene, photos, mapping.center_deviations(scene), folder)

    workspace.replace_folder("scenes", scene_folders)
    workspace.write_csv(
        "outliers.csv",
        ["photo", "reason"],
        [(name, "too few verified matches with any scene") for name in result.outliers],
    )
    workspace.write_csv("skipped.csv", ["photo", "reason"], [(item.name, item.reason) for item in found.skipped])
    workspace.write_file("submission.csv", lambda path: export.write_rows(path, result.rows))
    if nested:
        workspace.write_json("summary.json", {"nested": False, "collections": {result.name: result.summary()}})


def _check_earlier_run(top: Workspace, nested: bool) -> None:
    """Raise WorkspaceError where the results of the other kind of run would lie beside the new ones."""
    try:
        was_nested = json.loads(top.path("summary.json").read_text(encoding="utf-8"))["nested"]
    except (OSError, ValueError, KeyError, TypeError):  # no finished run, or none of this version
        return
    if was_nested != nested:
        kinds = ("a run on several collections", "a run on one collection")
        here, now = kinds if not nested else kinds[::-1]
        raise WorkspaceError(f"{top.root} holds {here}, and this is {now}; give another folder with -o")


def _not_photos(folder: Path, out: Path) -> list[Path]:
    """Folders below the photos that hold results of runs."""
    return [out, *run_folders_below(folder)]


def _survey(folder: Path, out: Path, options: Options) -> Survey:
    excluded = [*_not_photos(folder, out), *([Path(options.photos.masks)] if options.photos.masks else [])]
    return survey(folder, excluded, sizes=options.budget.memory_limit_mb > 0)


@contextlib.contextmanager
def _workspace(top: Workspace, collection: str | None) -> Iterator[Workspace]:
    """The run folder itself for a single collection, a folder below it for one of several."""
    if collection is None:
        yield top
    else:
        with top.collection(collection) as workspace:
            yield workspace


def _collections(photos: str | Path | None, collections: str | Path | None, out: Path) -> dict[str, Path]:
    if (photos is None) == (collections is None):
        raise OptionError("give either a folder of photos or, with --collections, a folder of collections")
    if photos is not None:
        folder = Path(photos).expanduser()
        if not folder.is_dir():
            problem = "is a file" if folder.exists() else "doesn't exist"
            raise NoPhotosError(f"{folder} {problem}; give the folder that holds the photos")
        return {folder.resolve().name or "photos": folder}
    root = Path(collections or "").expanduser()
    if not root.is_dir():
        raise NoPhotosError(
            f"--collections {root}: there is no such folder; give the folder that holds one folder a collection"
        )
    folders = {
        path.name: path
        for path in sorted(root.iterdir())
        if path.is_dir() and not path.name.startswith(".") and path.resolve() != out.expanduser().resolve()
    }
    if not folders:
        raise NoPhotosError(
            f"--collections {root}: it has no sub-folders; for a single collection give the folder itself"
        )
    return folders


def _check_members(options: Options, num_photos: int, nested: bool) -> None:
    """Stop before the first photo is read when a member is unknown or a model's weights are missing."""
    more_sides_px(options.features)
    check_mapping(options)
    if options.scenes.pair_classifier != scenes.NONE:
        scenes.load_classifier(options.scenes.pair_classifier)
    check_retrieval(options, num_photos, nested)
    require(needed_weights(options, num_photos))


def _summary(
    result: RunResult, options: Options, plans: Mapping[str, Plan], device: str, workers: int
) -> dict[str, object]:
    return {
        "collections": {name: collection.summary() for name, collection in result.collections.items()},
        "evaluation": result.evaluation.to_json() if result.evaluation else None,
        "versions": library_versions(),
        "seed": options.seed,
        "device": device,
        "workers": workers,
        "options": dataclasses.asdict(options),
        # What a time limit changed in them, by collection.
        "plans": {
            name: {"given_up": plan.given_up, "options": dataclasses.asdict(plan.options)}
            for name, plan in plans.items()
            if plan.given_up
        },
    }
