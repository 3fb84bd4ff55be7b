"""The step that gives photos without a pose to scenes, or calls them outliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scenesort.scenes import NONE, assign, worth_a_look
from scenesort.steps.common import Context
from scenesort.steps.retrieving import global_looks
from scenesort.types import Float32Array, PosedScene, ViewGraph
from scenesort.work import PhotoKeys


def join_leftovers(
    context: Context, sides: Mapping[str, PhotoKeys], scenes: Sequence[PosedScene], graph: ViewGraph
) -> tuple[list[PosedScene], list[str]]:
    """Return the scenes with the photos that belong to them and have no pose, and the names of the outliers."""
    return assign(
        scenes,
        sides,
        graph,
        context.options.scenes.min_leftover_inliers,
        context.options.verification.min_inliers,
        _looks(context, sides, scenes, graph),
    )


def _looks(
    context: Context, sides: Mapping[str, PhotoKeys], scenes: Sequence[PosedScene], graph: ViewGraph
) -> dict[str, Float32Array]:
    """Global descriptors of the photos that matches alone don't place, and of the scenes in question."""
    descriptor = context.options.scenes.likeness
    names = worth_a_look(scenes, graph) if descriptor != NONE and not context.schedule.is_limited else set[str]()
    return global_looks(context, {name: sides[name] for name in names}, descriptor) if names else {}
