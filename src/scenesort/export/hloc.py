"""Features, matches and pairs in the files that hloc reads and writes (github.com/cvg/Hierarchical-Localization)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np

from scenesort.types import FloatArray, IndexArray, Pair, TwoViewGeometry


def write_features(path: Path, photos: Iterable[tuple[str, FloatArray]]) -> None:
    """Write `features.h5`: a group a photo with `keypoints` (n, 2) float32, the first pixel's centre at (0, 0).

    Keypoints come in frame pixels in COLMAP's convention; those of all members of the mix stand behind each other, so
    there are no descriptors.
    """
    with h5py.File(path, "w", libver="latest") as file:
        for name, keypoints_px in photos:
            group = file.create_group(name)
            group.create_dataset("keypoints", data=(keypoints_px - 0.5).astype(np.float32))


def write_matches(path: Path, pairs: Iterable[tuple[TwoViewGeometry, int]]) -> None:
    """Write `matches.h5` from verified pairs, each with its first photo's number of keypoints.

    hloc's layout: group `a/b` with `/` in names written as `-`, dataset `matches0` (n,) int32, for each keypoint of the
    first photo its partner in the second or -1, and `matching_scores0` (n,) float16, 1 for inliers.
    """
    with h5py.File(path, "w", libver="latest") as file:
        for geometry, keypoints in pairs:
            group = file.create_group("/".join(name.replace("/", "-") for name in geometry.pair))
            partner = _partners(geometry.inlier_matches, keypoints)
            group.create_dataset("matches0", data=partner)
            group.create_dataset("matching_scores0", data=(partner >= 0).astype(np.float16))


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    """Write `pairs.txt`: two names a line, separated by a space."""
    with path.open("w", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(f"{first} {second}\n" for first, second in pairs)


def _partners(matches: IndexArray, keypoints: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    partner = np.full(keypoints, -1, dtype=np.int32)
    partner[matches[:, 0]] = matches[:, 1]
    return partner
