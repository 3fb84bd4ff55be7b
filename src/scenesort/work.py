"""What a worker process does: one small function a stage, between artefacts on disk and the stages' values.

A job names the artefacts it reads by kind and key; its result goes back to the parent, which alone writes. Models and
recently read features stay in the process from job to job.
"""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from scenesort import artefacts, features, geometry, mapping, matching, photos, retrieval
from scenesort.colmap import verify_pair
from scenesort.config import MatchingOptions, VerificationOptions
from scenesort.errors import ArtefactLostError
from scenesort.execution import own_device
from scenesort.mapping import MappingTask
from scenesort.types import (
    Features,
    Float32Array,
    FloatArray,
    ImageArray,
    IndexArray,
    PairMatches,
    Photo,
    PosedScene,
    TwoViewGeometry,
)
from scenesort.workspace.shards import ShardStore

CACHED_PHOTOS = 48
"""Photos whose features a worker keeps at hand; the same for every collection, so memory doesn't grow with it."""
CACHED_KEYPOINTS = 512
CACHED_BLOCKS = 16


@dataclass(frozen=True, slots=True)
class FeaturesJob:
    """Find one member's features in one photo."""

    photo: Photo
    member: str
    max_keypoints: int
    max_side_px: int
    device: str


def extract(job: FeaturesJob) -> Features:
    """Decode the photo upright, find features, drop masked ones; keypoints come in full-size upright pixels."""
    image, scale = photos.load_upright(job.photo, job.max_side_px)
    found = _feature_member(job.member, job.max_keypoints, job.device).extract(image)
    if job.photo.mask_path is not None and len(found):
        allowed = photos.load_mask_upright(job.photo, found.upright_size_px)
        columns, rows = np.floor(found.keypoints_px).astype(int).T
        keep = allowed[np.clip(rows, 0, allowed.shape[0] - 1), np.clip(columns, 0, allowed.shape[1] - 1)]
        found = dataclasses.replace(
            found,
            keypoints_px=found.keypoints_px[keep],
            descriptors=found.descriptors[keep],
            scores=found.scores[keep],
        )
    full = (found.keypoints_px * np.array(scale)).astype(np.float32)
    return dataclasses.replace(found, keypoints_px=full, upright_size_px=job.photo.upright_size_px)


@dataclass(frozen=True, slots=True)
class ScreenJob:
    """Score all pairs between two blocks of photos, given by the keys of their features."""

    store: Path
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    keypoints: int


def screen(job: ScreenJob) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Score a block of pairs, (rows, columns) float32; see retrieval.screen_block."""
    rows = [retrieval.screen_descriptors(_load_features(job.store, key), job.keypoints) for key in job.rows]
    same = job.rows == job.columns
    columns = (
        rows
        if same
        else [retrieval.screen_descriptors(_load_features(job.store, key), job.keypoints) for key in job.columns]
    )
    return retrieval.screen_block(rows, columns, same)


@dataclass(frozen=True, slots=True)
class PhotoKeys:
    """A photo with the keys of its features, in the order of the mix."""

    photo: Photo
    features: tuple[str, ...]


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
        features_a = _load_features(job.store, a.features[job.slot])
        features_b = _load_features(job.store, b.features[job.slot])
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
        _load_matches(job.store, key)[row].astype(np.int64) + np.array([starts_a[slot], starts_b[slot]])
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


def keypoint_starts(store: Path, feature_keys: tuple[str, ...]) -> list[int]:
    """Return where each mix member's keypoints begin in the photo's joined keypoints, and their total."""
    return [0, *np.cumsum([len(_load_keypoints(store, key)) for key in feature_keys]).tolist()]


def frame_keypoints(store: Path, side: PhotoKeys) -> FloatArray:
    """Return a photo's joined keypoints (n, 2) float64 in frame pixels."""
    upright = [_load_keypoints(store, key).astype(np.float64) for key in side.features]
    size = (side.photo.width_px, side.photo.height_px)
    return geometry.frame_from_upright_px(np.concatenate(upright), size, side.photo.quarter_turns)


def map_part(task: MappingTask) -> list[PosedScene]:
    """Run the mapper on one part, in a temporary folder that ends with the process."""
    member = mapping.load(task.mapping.backend)()
    with tempfile.TemporaryDirectory(prefix="scenesort-map-") as folder:
        return list(member.map(task, Path(folder)))


@dataclass(frozen=True, slots=True)
class ColourJob:
    """Read the colours of some pixels of a photo; `pixels_px` is (n, 2) in frame pixels."""

    photo: Photo
    pixels_px: FloatArray


def colours(job: ColourJob) -> ImageArray:
    """Return the RGB colours (n, 3) uint8 of the pixels that hold the given points."""
    image = photos.load_frame(job.photo)
    columns, rows = np.floor(job.pixels_px).astype(np.int64).T
    rgb: ImageArray = image[np.clip(rows, 0, image.shape[0] - 1), np.clip(columns, 0, image.shape[1] - 1)]
    return rgb


@lru_cache(maxsize=4)
def _feature_member(name: str, max_keypoints: int, device: str) -> features.FeatureMember:
    return features.load(name)(max_keypoints, own_device(device))


@lru_cache(maxsize=4)
def _matching_member(name: str, options: MatchingOptions, device: str) -> matching.MatchingMember:
    return matching.load(name)(options, own_device(device))


@lru_cache(maxsize=CACHED_PHOTOS)
def _load_features(store: Path, key: str) -> Features:
    return artefacts.unpack_features(*_load(store, "features", key))


@lru_cache(maxsize=CACHED_KEYPOINTS)
def _load_keypoints(store: Path, key: str) -> Float32Array:
    return _load(store, "features", key, ["keypoints_px"])[0]["keypoints_px"]


@lru_cache(maxsize=CACHED_BLOCKS)
def _load_matches(store: Path, key: str) -> list[IndexArray]:
    return artefacts.unpack_matches(_load(store, "matches", key)[0])


def _load(store: Path, kind: str, key: str, names: list[str] | None = None) -> tuple[artefacts.Arrays, artefacts.Meta]:
    found = ShardStore(store, note=print).load_arrays(kind, key, names)
    if found is None:
        raise ArtefactLostError(f"an artefact was damaged or removed ({kind} {key[:12]}…); run the same command again")
    return found
