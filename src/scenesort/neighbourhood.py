"""Which photos look like a photo, to each global descriptor: what retrieval sees, for people to look at.

Like the pipeline, this stands above the stages: it runs the steps up to the descriptors on the photos at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scenesort import retrieval, steps, work
from scenesort.config import Options
from scenesort.errors import NoPhotosError, OptionError
from scenesort.execution import WorkerPool, cpu_count, resolve_device
from scenesort.members import descriptor_weights
from scenesort.plugins import did_you_mean
from scenesort.progress import Progress, Silent
from scenesort.retrieval.neighbourhoods import Neighbour, Neighbourhood
from scenesort.steps import Context
from scenesort.types import PhotoSet
from scenesort.weights import require
from scenesort.workspace import Workspace, run_folders_below


def neighbourhood(
    photo: Path,
    folder: Path,
    out: Path,
    options: Options,
    count: int,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Neighbourhood:
    """Find the `count` photos of `folder` most like `photo`, by each descriptor of the options and by screening.

    Artefacts are those of a run on the same folder with the same options: what `out` (or `cache`) has is used. Raises
    ScenesortError subclasses for what a user can mend.
    """
    with (
        Workspace.open(out, cache) as workspace,
        WorkerPool(options.execution.workers or cpu_count(), scratch=workspace.work) as pool,
    ):
        require(descriptor_weights(options))
        device = next(pool.run(resolve_device, [options.execution.device])).result()
        context = Context(workspace, pool, options, device, progress or Silent())
        found = steps.find_photos(context, folder, [out, *run_folders_below(folder)])
        name = _name_of(photo, folder, found)
        found, sides = steps.find_features(context, steps.find_turns(context, found))
        if name not in sides:
            raise NoPhotosError(f"{photo} can't be described: its features could not be found; see {out / 'run.log'}")
        names = sorted(sides)
        row = names.index(name)
        descriptors = work.load_descriptors(workspace.shard_root, steps.describe_photos(context, sides))
        if (fusion := steps.fusion_options(context)) is not None:
            file = steps.trained_file(context, retrieval.FUSION_FILE)
            trained = retrieval.load_fusion(file) if file else None
            descriptors[retrieval.FUSED] = retrieval.fused(descriptors, fusion, trained)
        lists = {
            member: _of_neighbours(retrieval.nearest_of(rows, row, count), names)
            for member, rows in descriptors.items()
        }
        others = np.array([other for other in range(len(names)) if other != row], dtype=np.int64)
        pairs = np.sort(np.stack([np.full(len(others), row), others], axis=1), axis=1)
        scores = steps.score_pairs(context, sides, pairs)
        best = np.argsort(-scores, kind="stable")[:count]
        lists["screening"] = tuple(Neighbour(names[others[place]], float(scores[place])) for place in best.tolist())
        return Neighbourhood(name, {item.name: item for item in found.photos}, lists)


def _name_of(photo: Path, folder: Path, found: PhotoSet) -> str:
    """The name in the collection of a photo given by its path or its name; of an exact copy, that of the original."""
    known = {item.name: item.name for item in found.photos} | found.duplicates
    for path, root in ((photo.absolute(), folder.absolute()), (photo.resolve(), folder.resolve())):
        if path.is_relative_to(root) and (name := path.relative_to(root).as_posix()) in known:
            return known[name]
    if (name := photo.as_posix()) in known:
        return known[name]
    raise OptionError(
        f"{photo} is none of the {len(known)} photos that can be read in {folder}"
        f"{did_you_mean(photo.name, list(known))}; give its path, and --photos if the collection is another folder"
    )


def _of_neighbours(found: retrieval.Neighbours, names: Sequence[str]) -> tuple[Neighbour, ...]:
    """The list of the one photo that was searched for."""
    return tuple(
        Neighbour(names[row], similarity)
        for row, similarity in zip(found.rows[0].tolist(), found.similarity[0].tolist(), strict=True)
        if row >= 0
    )
