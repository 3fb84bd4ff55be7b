"""Steps that tell look-alike places apart which the mapper folded into one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scenesort.scenes import Cut, Fold, Looks, deepest_fold, divide, weakest_cut, weigh, without_photos, without_poses
from scenesort.steps.common import Context, VerifiedPairs
from scenesort.steps.comparing import compare_views
from scenesort.steps.densifying import densify
from scenesort.steps.mapping import LEAST_MAPPING_S, map_parts
from scenesort.types import PosedScene
from scenesort.work import PhotoKeys

Sides = tuple[tuple[str, ...], tuple[str, ...]]
"""Names of the photos on the two sides of a cut."""

SPLIT_ROUNDS = 3
MOST_DENSE_PHOTOS = 150
"""Larger models would take minutes to search for a cut by dense points."""
CONTRADICTING_LOOKS = 20
"""Looks across a cut, both ways, that tell that the photos of its sides show the same."""


def split_look_alikes(
    context: Context, sides: Mapping[str, PhotoKeys], models: Sequence[PosedScene], verified: VerifiedPairs
) -> tuple[list[PosedScene], list[Sides]]:
    """Split models into which two look-alike places were folded, and map their sides anew, each by itself.

    Models with a few wrong poses are mapped anew without these photos. Returns the models and the sides of each cut.
    """
    cuts: list[Sides] = []
    settled: list[PosedScene] = []
    waiting = list(models)
    for number in range(1, SPLIT_ROUNDS + 1):
        parts: list[tuple[str, ...]] = []
        folded: list[PosedScene] = []
        pulled: list[PosedScene] = []
        # The last round's models are not looked at again, and what is mapped anew must be.
        maps_anew = number < SPLIT_ROUNDS and not context.schedule.is_limited
        for model in waiting:
            without, found = _examined(context, sides, model)
            if found is not None:
                strays = {photo.name for photo in model.photos} - set(found[0]) - set(found[1])
                parts += [tuple(sorted({*part, *strays})) for part in found]
                cuts.append(found)
                folded.append(without)
            elif maps_anew and len(without.photos) < len(model.photos):
                pulled.append(without)
            else:
                settled.append(without)
        if not parts and not pulled:
            return settled, cuts
        if context.schedule.left_s < LEAST_MAPPING_S:
            context.notice("time limit: no time was left to map them apart")
            return settled + folded, cuts[: len(cuts) - len(folded)]
        parts += [tuple(photo.name for photo in model.photos) for model in pulled]
        waiting = map_parts(context, sides, parts, verified, "mapping (anew)", settled)
        for model in pulled:
            best, waiting = _better(model, waiting)
            (settled if best is model else waiting).append(best)
    return settled + waiting, cuts


def _better(model: PosedScene, found: Sequence[PosedScene]) -> tuple[PosedScene, list[PosedScene]]:
    """The largest model that was made of a model's photos, or that itself if it has more; and the models of others."""
    names = {photo.name for photo in model.photos}
    anew = [other for other in found if names.issuperset(photo.name for photo in other.photos)]
    others = [other for other in found if not any(other is mine for mine in anew)]
    return max([*anew, model], key=lambda candidate: len(candidate.photos)), others


def _examined(context: Context, sides: Mapping[str, PhotoKeys], model: PosedScene) -> tuple[PosedScene, Sides | None]:
    """Return a model without photos whose poses are wrong, and the photos of the two places that it holds, or None."""
    options = context.options.scenes
    if len(model.photos) < 2 * options.min_photos:
        return model, None
    looks = compare_views(context, sides, model) if options.min_fold_excess > 0 else None
    if looks is not None:
        fold = deepest_fold(looks, options.min_photos, options.min_fold_excess)
        while fold is not None and fold.is_of_strays:
            strays = _names(model, fold.strays)
            model, looks = without_poses(model, strays), without_photos(looks, fold.strays)
            context.notice(
                f"{len(strays)} of {len(model.photos) + len(strays)} photos ({strays[0]} …) show something else than "
                "what their poses say: the poses are taken back"
            )
            fold = deepest_fold(looks, options.min_photos, options.min_fold_excess)
        is_dense = options.dense_looks and len(model.photos) <= MOST_DENSE_PHOTOS and not context.schedule.is_limited
        divided = _divided(context, sides, model) if is_dense else None
        if divided is None and fold is not None:
            divided = _told_apart(context, model, fold, fold.side, fold.other)
        if divided is not None:
            return model, divided
    cut = weakest_cut(model, options.min_photos) if options.max_cut_ratio > 0 else None
    if cut is None or cut.ratio >= options.max_cut_ratio or (looks is not None and _is_contradicted(model, cut, looks)):
        return model, None
    context.notice(
        f"{len(model.photos)} photos had been joined, but {cut.side[0]} … and {cut.other[0]} … "
        f"share {100 * cut.ratio:.1f}% of what photos of one place would: they are mapped apart"
    )
    return model, (cut.side, cut.other)


def _divided(context: Context, sides: Mapping[str, PhotoKeys], model: PosedScene) -> Sides | None:
    """Return the photos of a model's two places, by points all over them, but for those whose place isn't sure."""
    options = context.options.scenes
    dense = densify(context, sides, model)
    looks = compare_views(context, sides, dense) if dense is not None else None
    division = divide(looks, options.min_photos, options.min_fold_excess) if looks is not None else None
    if division is None:
        return None
    fold = division.fold
    sure = [sorted(set(side) - set(division.unsure)) for side in (fold.side, fold.other)]
    return _told_apart(context, model, fold, *sure)


def _told_apart(context: Context, model: PosedScene, fold: Fold, side: Sequence[int], other: Sequence[int]) -> Sides:
    first, second = _names(model, side), _names(model, other)
    context.notice(
        f"{len(model.photos)} photos had been joined, but where photos of {first[0]} … should show what those of "
        f"{second[0]} … do, {fold.num_points} points or more differ, {fold.excess:.1f} times as many as in one place: "
        "they are mapped apart"
    )
    return first, second


def _is_contradicted(model: PosedScene, cut: Cut, looks: Looks) -> bool:
    """Whether photos show the same across a cut that few matches cross."""
    rows = [row for row, photo in enumerate(model.photos) if photo.name in set(cut.side)]
    fold = weigh(looks, rows)
    return fold.num_looks >= CONTRADICTING_LOOKS and fold.excess < 1


def _names(model: PosedScene, rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(sorted(model.photos[row].name for row in rows))
