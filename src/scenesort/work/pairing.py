"""Pairs: matched, verified."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from scenesort import matching
from scenesort.colmap import verify_pair
from scenesort.config import MatchingOptions, VerificationOptions
from scenesort.descriptors import unit_descriptors
from scenesort.execution import own_device
from scenesort.types import IndexArray, PairMatches, TwoViewGeometry
from scenesort.work.loading import PhotoKeys, frame_keypoints, keypoint_starts, load_features, load_matches

GUIDED_MAX_RATIO, GUIDED_MAX_ANGLE_DEG = 0.8, 40.0
"""COLMAP's own bounds of nearest-neighbour matching, which guided matching shares there."""


@dataclass(frozen=True, slots=True)
class MatchJob:
    """Match a block of pairs with one member of the mix; `slot` is the mix member's place in `PhotoKeys.features`."""

    store: Path
    pairs: tuple[tuple[PhotoKeys, PhotoKeys], ...]
    slot: int
    matcher: str
    options: MatchingOptions
    device: str


def match(job: MatchJob) -> list[IndexArray]:
    """Match a block of pairs: (m, 2) uint32 indices for each."""
    member = _matching_member(job.matcher, job.options, job.device)
    found = []
    for a, b in job.pairs:
        features_a = load_features(job.store, a.features[job.slot])
        features_b = load_features(job.store, b.features[job.slot])
        found.append(member.match(a.photo, features_a, b.photo, features_b).matches)
    return found


@dataclass(frozen=True, slots=True)
class VerifyPair:
    """One pair to verify: where the matches of each mix member lie, as (slot, shard key, row)."""

    a: PhotoKeys
    b: PhotoKeys
    sources: tuple[tuple[int, str, int], ...]


@dataclass(frozen=True, slots=True)
class VerifyJob:
    """Verify a block of pairs."""

    store: Path
    pairs: tuple[VerifyPair, ...]
    options: VerificationOptions
    seed: int


def verify(job: VerifyJob) -> list[TwoViewGeometry | None]:
    """Put the mix members' matches of each pair together and verify them; indices run over the joined keypoints."""
    return [_verify_one(job, pair) for pair in job.pairs]


def _verify_one(job: VerifyJob, pair: VerifyPair) -> TwoViewGeometry | None:
    starts_a, starts_b = (keypoint_starts(job.store, side.features) for side in (pair.a, pair.b))
    joined = [
        load_matches(job.store, key)[row].astype(np.int64) + np.array([starts_a[slot], starts_b[slot]])
        for slot, key, row in pair.sources
    ]
    matches = np.concatenate(joined).astype(np.uint32)
    # A second look may find a first one's match again: it counts once. Others keep their order, which RANSAC sees.
    _, first = np.unique(matches, axis=0, return_index=True)
    matches = matches[np.sort(first)]
    if len(matches) < job.options.min_inliers:
        return None
    found = verify_pair(
        pair.a.photo.camera,
        frame_keypoints(job.store, pair.a),
        pair.b.photo.camera,
        frame_keypoints(job.store, pair.b),
        PairMatches((pair.a.photo.name, pair.b.photo.name), matches),
        min_inliers=job.options.min_inliers,
        max_error_px=job.options.max_error_px,
        confidence=job.options.confidence,
        max_trials=job.options.max_trials,
        seed=job.seed,
    )
    return found if found is None or not job.options.guided else _guided(job, pair, found)


def _guided(job: VerifyJob, pair: VerifyPair, found: TwoViewGeometry) -> TwoViewGeometry:
    """Add the matches that each member's descriptors have where the geometry allows."""
    starts_a, starts_b = (keypoint_starts(job.store, side.features) for side in (pair.a, pair.b))
    points_a, points_b = frame_keypoints(job.store, pair.a), frame_keypoints(job.store, pair.b)
    for slot in dict.fromkeys(slot for slot, _, _ in pair.sources):
        a, b = (load_features(job.store, side.features[slot]) for side in (pair.a, pair.b))
        if not a.descriptors.shape[1]:  # points that were found for pairs
            continue
        guided = matching.guided_matches(
            found,
            points_a[starts_a[slot] : starts_a[slot + 1]],
            unit_descriptors(a),
            points_b[starts_b[slot] : starts_b[slot + 1]],
            unit_descriptors(b),
            max_error_px=job.options.max_error_px,
            max_ratio=GUIDED_MAX_RATIO,
            max_angle_deg=GUIDED_MAX_ANGLE_DEG,
        )
        found = matching.with_guided(found, guided + np.array([starts_a[slot], starts_b[slot]], dtype=np.uint32))
    return found


@lru_cache(maxsize=4)
def _matching_member(name: str, options: MatchingOptions, device: str) -> matching.MatchingMember:
    return matching.load(name)(options, own_device(device))
