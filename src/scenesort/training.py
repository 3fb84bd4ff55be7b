"""What retrieval learns from photos other than those at hand: codebooks and fusions, kept in a folder."""

from __future__ import annotations

import tempfile
from pathlib import Path

from scenesort import retrieval, steps, work
from scenesort.config import Options, with_values
from scenesort.errors import NoPhotosError, OptionError
from scenesort.execution import WorkerPool, cpu_count, resolve_device
from scenesort.members import needed_weights
from scenesort.progress import Progress, Silent
from scenesort.retrieval import global_descriptors
from scenesort.steps import Context
from scenesort.weights import require
from scenesort.workspace import Workspace


def fit(
    photos: Path, out: Path, options: Options, cache: Path | None = None, progress: Progress | None = None
) -> list[Path]:
    """Learn codebooks, and the fusion of `retrieval.fusion` (if it isn't none), from a folder; return what was written.

    Work lies in `cache`, or in a temporary folder. Raises ScenesortError subclasses for what a user can mend.
    """
    if options.retrieval.trained:
        raise OptionError("retrieval.trained is given: it is what this command makes; leave it out")
    require(needed_weights(options))
    written = []
    with (
        tempfile.TemporaryDirectory(prefix="scenesort-fit-") as scratch,
        Workspace.open(Path(scratch) / "out", cache) as workspace,
        WorkerPool(options.execution.workers or cpu_count(), scratch=workspace.work) as pool,
    ):
        device = next(pool.run(resolve_device, [options.execution.device])).result()
        context = Context(workspace, pool, options, device, progress or Silent())
        found = steps.find_photos(context, photos, [])
        fusion = steps.fusion_options(context)
        least = fusion.least_photos if fusion else 2
        if len(found.photos) < least:
            what = "a fusion" if fusion else "a codebook"
            raise NoPhotosError(
                f"{photos} has {len(found.photos)} photos; {what} needs {least} or more and learns more from hundreds"
            )
        found, sides = steps.find_features(context, found)
        out.mkdir(parents=True, exist_ok=True)
        for name in options.retrieval.descriptors:
            member = global_descriptors.load(name)
            if member.sees == "features":
                settings = global_descriptors.member_options(name, options.retrieval.members)
                codebook = steps.learn_codebook(context, sides, member, settings)
                if codebook is None:
                    raise NoPhotosError(f"no photo of {photos} has local features: {name} can't learn from them")
                written.append(out / steps.codebook_name(name))
                member.save_codebook(codebook, written[-1])
        if fusion:
            # Descriptors in terms of the codebook just written, as runs that use it will have them.
            context.options = with_values(options, {"retrieval.trained": str(out)})
            descriptors = work.load_descriptors(workspace.shard_root, steps.describe_photos(context, sides))
            written.append(out / steps.FUSION_FILE)
            retrieval.save_fusion(retrieval.fit_fusion(descriptors, fusion), written[-1])
    return written
