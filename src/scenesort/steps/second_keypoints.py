"""Points that a second look found for pairs become keypoints of photos, and the pairs' matches among them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scenesort import artefacts, work
from scenesort.keypoints import merge_points, nearest_rows, one_to_one
from scenesort.pair_matching import PixelMatches
from scenesort.steps.common import Context, MatchedPairs, VerifiedPairs, load_geometries
from scenesort.types import Features, Float32Array, Pair
from scenesort.work import PhotoKeys
from scenesort.workspace import key

KNOWN_PX = 1.0
"""A point this near to a keypoint that verified matches use is that keypoint, so that tracks go on and nothing counts
twice. Less than `second_look.merge_px`: it takes the keypoint's place."""

BLOCK_PAIRS = 64

IndicesOf = dict[tuple[Pair, int], NDArray[np.int64]]
"""For a pair and which of its photos, 0 or 1, the joined keypoints that its points became, (m,)."""


def as_keypoints(
    context: Context,
    sides: Mapping[str, PhotoKeys],
    verified: VerifiedPairs,
    seen: Mapping[Pair, PixelMatches],
    made_from: str,
) -> tuple[dict[str, PhotoKeys], list[MatchedPairs]]:
    """Give every photo one more set of keypoints, what its pairs found, and the pairs their matches.

    `made_from` tells what `seen` was made from. Points near keypoints of inliers are those; the others merge within
    `second_look.merge_px`. A match's indices run over the photo's joined keypoints, which slot 0 begins.
    """
    known = _known_keypoints(context, sides, verified)
    pieces: dict[str, list[tuple[Pair, int]]] = {name: [] for name in sides}
    for pair in seen:
        for place, name in enumerate(pair):
            pieces[name].append((pair, place))
    indices: IndicesOf = {}
    extended = {}
    made_from = key("second keypoints", made_from, context.options.second_look.merge_px)
    for name, side in sides.items():
        found = _merged(context, side, known[name], pieces[name], seen, indices)
        shard = key("features", "second look", made_from, name)
        if not context.workspace.has("features", shard):
            context.workspace.save_arrays("features", shard, *artefacts.pack_features(found))
        extended[name] = PhotoKeys(side.photo, (*side.features, shard))
    where = {}
    pairs = list(seen)
    for start in range(0, len(pairs), BLOCK_PAIRS):
        block = pairs[start : start + BLOCK_PAIRS]
        shard = key("matches", "second look", made_from, block)
        if not context.workspace.has("matches", shard):
            matches = [np.stack([indices[pair, 0], indices[pair, 1]], axis=1).astype(np.uint32) for pair in block]
            kept = [one_to_one(rows, seen[pair].scores) for rows, pair in zip(matches, block, strict=True)]
            context.workspace.save_arrays("matches", shard, *artefacts.pack_matches(kept))
        where.update({pair: (shard, row) for row, pair in enumerate(block)})
    return extended, [MatchedPairs(0, where)]


def _known_keypoints(
    context: Context, sides: Mapping[str, PhotoKeys], verified: VerifiedPairs
) -> dict[str, NDArray[np.int64]]:
    """The joined keypoints of each photo that are inliers of some verified pair."""
    used: dict[str, list[NDArray[np.int64]]] = {name: [np.zeros(0, dtype=np.int64)] for name in sides}
    for geometry in load_geometries(context, verified.where):
        for side, name in enumerate(geometry.pair):
            used[name].append(geometry.inlier_matches[:, side].astype(np.int64))
    return {name: np.unique(np.concatenate(rows)) for name, rows in used.items()}


def _merged(
    context: Context,
    side: PhotoKeys,
    known: NDArray[np.int64],
    pieces: list[tuple[Pair, int]],
    seen: Mapping[Pair, PixelMatches],
    indices: IndicesOf,
) -> Features:
    """Return the new keypoints of a photo, and put into `indices` what the points of its pairs became."""
    photo = side.photo
    # Options in pixels mean those of the photo as the first look sees it.
    scale = max(1.0, max(photo.upright_size_px) / context.options.features.max_side_px)
    points, scores = _points(pieces, seen)
    there = work.upright_keypoints(context.workspace.shard_root, side)
    at_known = nearest_rows(points, there[known].astype(np.float32), KNOWN_PX * scale)
    is_new = at_known < 0
    kept, becomes = merge_points(points[is_new], scores[is_new], context.options.second_look.merge_px * scale)
    became = np.empty(len(points), dtype=np.int64)
    became[~is_new] = known[at_known[~is_new]]
    became[is_new] = len(there) + becomes
    start = 0
    for pair, place in pieces:
        indices[pair, place] = became[start : start + len(seen[pair])]
        start += len(seen[pair])
    new = points[is_new][kept]
    return Features(new, np.zeros((len(new), 0), np.float16), scores[is_new][kept], photo.upright_size_px)


def _points(pieces: list[tuple[Pair, int]], seen: Mapping[Pair, PixelMatches]) -> tuple[Float32Array, Float32Array]:
    points = [seen[pair].points_b_px if place else seen[pair].points_a_px for pair, place in pieces]
    scores = [seen[pair].scores for pair, _ in pieces]
    return (
        np.concatenate([np.zeros((0, 2), np.float32), *points]),
        np.concatenate([np.zeros(0, np.float32), *scores]),
    )
