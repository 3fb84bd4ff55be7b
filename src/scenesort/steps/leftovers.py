"""The step that gives photos without a pose to scenes, or calls them outliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scenesort.errors import ArtefactLostError, ScenesortError
from scenesort.scenes import NONE, Ties, assign, rows_of_posed
from scenesort.steps.common import Context
from scenesort.steps.retrieving import global_looks
from scenesort.types import Float32Array, PosedScene, ViewGraph
from scenesort.work import PhotoKeys


def join_leftovers(
    context: Context, sides: Mapping[str, PhotoKeys], scenes: Sequence[PosedScene], graph: ViewGraph
) -> tuple[list[PosedScene], list[str]]:
    """Return the scenes with the photos that belong to them and have no pose, and the names of the outliers.

    Where matches alone don't tell, photos are compared by `scenes.likeness`; if that can't be, matches decide.
    """
    min_inliers = context.options.scenes.min_leftover_inliers, context.options.verification.min_inliers
    looks = _looks(context, sides, scenes, Ties(scenes, graph, *min_inliers, {}))
    return assign(scenes, sides, Ties(scenes, graph, *min_inliers, looks))


def _looks(
    context: Context, sides: Mapping[str, PhotoKeys], scenes: Sequence[PosedScene], ties: Ties
) -> dict[str, Float32Array]:
    """Global descriptors of the photos that matches leave over, and of the posed ones of the scenes in question."""
    descriptor = context.options.scenes.likeness
    if descriptor == NONE or context.schedule.is_limited:
        return {}
    scene_of = rows_of_posed(scenes)
    lonely = set(sides) - set(scene_of)
    ties.join(lonely, scene_of)
    rows = ties.undecided(lonely, scene_of)
    if not rows:
        return {}
    posed = {photo.name for row in rows for photo in scenes[row].photos}
    try:
        return global_looks(context, sides, descriptor, (lonely - set(scene_of)) | posed)
    except ArtefactLostError:
        raise
    except ScenesortError as error:
        context.notice(f"photos with few matches are not compared with scenes by their looks: {error}")
        return {}
