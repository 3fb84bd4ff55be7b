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
    for _ in range(SPLIT_ROUNDS):
        parts: list[tuple[str, ...]] = []
        pulled: list[PosedScene] = []
        for model in waiting:
            without, found = _examined(context, sides, model)
            if found is None:
                (settled if len(without.photos) == len(model.photos) else pulled).append(without)
                continue
            strays = {photo.name for photo in model.photos} - set(found[0]) - set(found[1])
            parts += [tuple(sorted({*part, *strays})) for part in found]
            cuts.append(found)
        if parts and context.schedule.left_s < LEAST_MAPPING_S:
            context.notice("time limit: no time was left to map them apart")
            return list(models), []
        waiting = [_rebuilt(context, sides, model, verified, [*settled, *pulled]) for model in pulled]
        if parts:
            waiting += map_parts(context, sides, parts, verified, "mapping (split)", [*settled, *waiting])
        if not waiting:
            break
    return settled + waiting, cuts


def _rebuilt(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    model: PosedScene,
    verified: VerifiedPairs,
    models: Sequence[PosedScene],
) -> PosedScene:
    """Map the photos of a model anew that wrong poses have pulled at; the model stays if that poses fewer of them."""
    if context.schedule.is_limited:
        return model
    part = tuple(photo.name for photo in model.photos)
    others = [other for other in models if other is not model]
    found = map_parts(context, sides, [part], verified, "mapping (without wrong poses)", others)
    return max([*found, model], key=lambda candidate: len(candidate.photos))


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
