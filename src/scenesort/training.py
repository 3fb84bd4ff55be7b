"""What retrieval learns from photos other than those at hand: codebooks and fusions, kept in a folder."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from scenesort import retrieval, steps, work
from scenesort.config import Options, with_values
from scenesort.errors import NoPhotosError, OptionError
from scenesort.execution import WorkerPool, cpu_count, resolve_device
from scenesort.members import descriptor_weights
from scenesort.progress import Progress, Silent
from scenesort.retrieval import global_descriptors
from scenesort.steps import Context
from scenesort.weights import require
from scenesort.workspace import Workspace, files


def fit(
    photos: Path, out: Path, options: Options, cache: Path | None = None, progress: Progress | None = None
) -> list[Path]:
    """Learn codebooks, and the fusion of `retrieval.fusion` (if it isn't none), from a folder; return what was written.

    Work lies in `cache`, or in a temporary folder. Raises ScenesortError subclasses for what a user can mend.
    """
    if options.retrieval.trained:
        raise OptionError("retrieval.trained is given: it is what this command makes; leave it out")
    require(descriptor_weights(options))
    written = []
    with (
        tempfile.TemporaryDirectory(prefix="scenesort-fit-") as scratch,
        Workspace.open(Path(scratch) / "out", cache) as workspace,
        WorkerPool(options.execution.workers or cpu_count(), scratch=workspace.work) as pool,
    ):
        device = next(pool.run(resolve_device, [options.execution.device])).result()
        context = Context(workspace, pool, options, device, progress or Silent())
        found = steps.find_turns(context, steps.find_photos(context, photos, []))
        fusion = steps.fusion_options(context)
        least = fusion.least_photos if fusion else 2
        _check_count(photos, len(found.photos), least, bool(fusion))
        found, sides = steps.find_features(context, found)
        # What an earlier call learned would not fit the new codebook.
        for name in (retrieval.FUSION_FILE, *map(global_descriptors.codebook_name, options.retrieval.descriptors)):
            files.remove(out / name)
        for name in options.retrieval.descriptors:
            member = global_descriptors.load(name)
            if member.sees == "features":
                settings = global_descriptors.member_options(name, options.retrieval.members)
                codebook = steps.learn_codebook(context, sides, member, settings)
                if codebook is None:
                    raise NoPhotosError(f"no photo of {photos} has local features: {name} can't learn from them")
                save = functools.partial(global_descriptors.save_codebook, member, codebook)
                written.append(_write(out / global_descriptors.codebook_name(name), save))
        if fusion:
            # Descriptors in terms of the codebook just written, as runs that use it will have them.
            context.options = with_values(options, {"retrieval.trained": str(out)})
            descriptors = work.load_descriptors(workspace.shard_root, steps.describe_photos(context, sides))
            known = np.logical_and.reduce([np.any(rows, axis=1) for rows in descriptors.values()])
            _check_count(photos, int(known.sum()), least, is_fusion=True)
            fitted = retrieval.fit_fusion({name: rows[known] for name, rows in descriptors.items()}, fusion)
            written.append(_write(out / retrieval.FUSION_FILE, functools.partial(retrieval.save_fusion, fitted)))
    return written


def _check_count(photos: Path, count: int, least: int, is_fusion: bool) -> None:
    if count < least:
        what = "a fusion" if is_fusion else "a codebook"
        raise NoPhotosError(
            f"{photos} has {count} photos of use; {what} needs {least} or more and learns more from hundreds"
        )


def _write(path: Path, build: Callable[[Path], None]) -> Path:
    files.write_file(path, build, sync=True)
    return path
