"""The workers that map: all of them, or a single one where a pose model fills memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from scenesort import mapping, work
from scenesort.execution import WorkerPool
from scenesort.mapping import pose_models
from scenesort.steps.common import Context


@contextlib.contextmanager
def mapping_pool(context: Context, parts: Sequence[Sequence[str]]) -> Iterator[WorkerPool]:
    """Yield the context's workers, or one of its own for pose models: all parts then share the one model in memory.

    Tells the licence of each model before its first use, and the memory that the largest part will take. Raises
    WeightsError where memory is too small for any window.
    """
    options = context.options
    used = mapping.used_pose_models(options.mapping)
    if not used or not parts:
        yield context.pool
        return
    for name in used:
        context.notice(pose_models.check(name, mapping.model_options(options.pose_models, options.seed)))
    with WorkerPool(1, scratch=context.workspace.work) as pool:
        largest = max(len(part) for part in parts)
        job = work.WindowJob(used, options.pose_models, largest, context.device)
        for sentence in next(pool.run(work.plan_windows, [job])).result():
            context.notice(sentence)
        yield pool
