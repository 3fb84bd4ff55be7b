"""What a worker process reads from the artefact store; what it read lately stays at hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from scenesort import artefacts, geometry
from scenesort.errors import ArtefactLostError
from scenesort.types import Features, Float32Array, FloatArray, IndexArray, Photo
from scenesort.workspace.shards import ShardStore

CACHED_PHOTOS = 48
"""Photos whose features a worker keeps at hand; the same for every collection, so memory doesn't grow with it."""
CACHED_KEYPOINTS = 512
CACHED_BLOCKS = 16


@dataclass(frozen=True, slots=True)
class PhotoKeys:
    """A photo with the keys of its features, in the order of the mix."""

    photo: Photo
    features: tuple[str, ...]


def keypoint_starts(store: Path, feature_keys: tuple[str, ...]) -> list[int]:
    """Return where each mix member's keypoints begin in the photo's joined keypoints, and their total."""
    return [0, *np.cumsum([len(load_keypoints(store, key)) for key in feature_keys]).tolist()]


def upright_keypoints(store: Path, side: PhotoKeys) -> FloatArray:
    """Return a photo's joined keypoints (n, 2) float64 in upright pixels."""
    return np.concatenate([load_keypoints(store, key).astype(np.float64) for key in side.features])


def frame_keypoints(store: Path, side: PhotoKeys) -> FloatArray:
    """Return a photo's joined keypoints (n, 2) float64 in frame pixels."""
    size = (side.photo.width_px, side.photo.height_px)
    return geometry.frame_from_upright_px(upright_keypoints(store, side), size, side.photo.quarter_turns)


@lru_cache(maxsize=CACHED_PHOTOS)
def load_features(store: Path, key: str) -> Features:
    """Load the features of a photo."""
    return artefacts.unpack_features(*load(store, "features", key))


@lru_cache(maxsize=CACHED_KEYPOINTS)
def load_keypoints(store: Path, key: str) -> Float32Array:
    """Load the keypoints of a photo, (n, 2) float32 in upright pixels."""
    return load(store, "features", key, ["keypoints_px"])[0]["keypoints_px"]


@lru_cache(maxsize=CACHED_BLOCKS)
def load_matches(store: Path, key: str) -> list[IndexArray]:
    """Load the matches of a block of pairs."""
    return artefacts.unpack_matches(load(store, "matches", key)[0])


def load(store: Path, kind: str, key: str, names: list[str] | None = None) -> tuple[artefacts.Arrays, artefacts.Meta]:
    """Load an artefact; raises ArtefactLostError when it is damaged or gone."""
    found = ShardStore(store, note=print).load_arrays(kind, key, names)
    if found is None:
        raise ArtefactLostError(f"an artefact was damaged or removed ({kind} {key[:12]}…); run the same command again")
    return found
