"""Verified matches joined to tracks: keypoints of several photos that show one point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesort.types import FloatArray, MappingPhoto, TwoViewGeometry

Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Observations of tracks, sorted by track and then by photo.

    `photo`, `keypoint`, `track`: (n,) int64; tracks are numbered from 0 without gaps. `points_px`: (n, 2) float64,
    where the photo shows the point, in frame pixels.
    """

    photo: Int64Array
    keypoint: Int64Array
    track: Int64Array
    points_px: FloatArray

    def __len__(self) -> int:
        return int(self.track[-1]) + 1 if len(self.track) else 0

    @property
    def starts(self) -> Int64Array:
        """Index of each track's first observation, (t,) int64."""
        starts: Int64Array = np.flatnonzero(np.diff(self.track, prepend=-1)).astype(np.int64)
        return starts

    @property
    def lengths(self) -> Int64Array:
        """Number of observations of each track, (t,) int64."""
        return np.bincount(self.track, minlength=len(self)).astype(np.int64)

    def keep(self, observations: NDArray[np.bool_], tracks: NDArray[np.bool_]) -> tuple[Tracks, Int64Array]:
        """Return the given observations (n,) of the given tracks (t,), renumbered, and the old number of each track.

        Tracks that are left with fewer than two observations are dropped.
        """
        chosen = observations & tracks[self.track]
        long_enough = np.bincount(self.track[chosen], minlength=len(self)) > 1
        chosen &= long_enough[self.track]
        old, renumbered = np.unique(self.track[chosen], return_inverse=True)
        kept = Tracks(self.photo[chosen], self.keypoint[chosen], renumbered.astype(np.int64), self.points_px[chosen])
        return kept, old.astype(np.int64)


def build_tracks(photos: Sequence[MappingPhoto], geometries: Sequence[TwoViewGeometry]) -> Tracks:
    """Join inlier matches to tracks that hold at most one keypoint a photo.

    Strong pairs come first; a match that would give a track a second keypoint of a photo is left out, so one wrong
    match can't tie two points into one. Geometries of photos that aren't in `photos` are left out.
    """
    row_of = {photo.name: row for row, photo in enumerate(photos)}
    first_id = np.cumsum([0, *(len(photo.keypoints_px) for photo in photos)])
    usable = [geometry for geometry in geometries if all(name in row_of for name in geometry.pair)]
    parent: dict[int, int] = {}
    photos_of: dict[int, int] = {}

    def root_of(keypoint: int) -> int:
        root = keypoint
        while parent[root] != root:
            root = parent[root]
        while parent[keypoint] != root:
            parent[keypoint], keypoint = root, parent[keypoint]
        return root

    for geometry in sorted(usable, key=lambda geometry: (-geometry.num_inliers, geometry.pair)):
        rows = [row_of[name] for name in geometry.pair]
        ids = geometry.inlier_matches.astype(np.int64) + first_id[rows]
        for pair in ids.tolist():
            for keypoint, row in zip(pair, rows, strict=True):
                if keypoint not in parent:
                    parent[keypoint], photos_of[keypoint] = keypoint, 1 << row
            kept, joined = sorted(root_of(keypoint) for keypoint in pair)
            if kept != joined and not photos_of[kept] & photos_of[joined]:
                parent[joined] = kept
                photos_of[kept] |= photos_of.pop(joined)
    keypoints = np.array(sorted(parent), dtype=np.int64)
    roots = np.array([root_of(keypoint) for keypoint in keypoints.tolist()], dtype=np.int64)
    return _from_roots(photos, first_id, keypoints, roots)


def _from_roots(
    photos: Sequence[MappingPhoto], first_id: Int64Array, keypoints: Int64Array, roots: Int64Array
) -> Tracks:
    _, track, counts = np.unique(roots, return_inverse=True, return_counts=True)
    long_enough = counts[track] > 1
    keypoints, track = keypoints[long_enough], track[long_enough]
    order = np.lexsort((keypoints, track))
    keypoints = keypoints[order]
    _, renumbered = np.unique(track[order], return_inverse=True)
    photo = (np.searchsorted(first_id, keypoints, side="right") - 1).astype(np.int64)
    points_px = np.concatenate([np.zeros((0, 2)), *(photo.keypoints_px for photo in photos)])[keypoints]
    return Tracks(photo, keypoints - first_id[photo], renumbered.astype(np.int64), points_px.astype(np.float64))
