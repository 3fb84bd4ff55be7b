"""Pairs: matched, verified."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from scenesort import matching
from scenesort.colmap import verify_pair
from scenesort.config import MatchingOptions, VerificationOptions
from scenesort.execution import own_device
from scenesort.types import IndexArray, PairMatches, TwoViewGeometry
from scenesort.work.loading import PhotoKeys, frame_keypoints, keypoint_starts, load_features, load_matches


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
    if len(matches) < job.options.min_inliers:
        return None
    return verify_pair(
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


@lru_cache(maxsize=4)
def _matching_member(name: str, options: MatchingOptions, device: str) -> matching.MatchingMember:
    return matching.load(name)(options, own_device(device))
