"""The values that stages hand to each other: small, frozen, with shapes, units and frames written down.

Two pixel frames occur, both in COLMAP's convention: (0, 0) is the top-left corner of the top-left pixel, whose centre
is (0.5, 0.5), x to the right, y down, at the photo's full size.

- `frame`: the stored pixels, as other tools see the file when they ignore EXIF orientation. Cameras, poses and
  everything that is exported refer to it. Photos with a mirrored EXIF orientation have no rigid counterpart of their
  stored pixels: their frame is the upright one.
- `upright`: the photo as a person looks at it. Features are found and matched in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
IndexArray = NDArray[np.uint32]
ImageArray = NDArray[np.uint8]

Pair = tuple[str, str]
"""Two photo names, the smaller first."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Intrinsics in COLMAP's terms, for pixels of the photo's frame.

    `model` is a COLMAP camera model name (`SIMPLE_RADIAL`, `OPENCV`, …), `params` its parameters in COLMAP's order, in
    pixels where they are lengths. `has_focal_prior` tells whether the focal length is known (EXIF or given) rather than
    guessed. `fixed` cameras were given by the user and are not refined.
    """

    model: str
    width_px: int
    height_px: int
    params: tuple[float, ...]
    has_focal_prior: bool = False
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Photo:
    """One readable photo.

    `name` is its path below the collection's folder with `/` between parts, and its identity in every output.
    `sha256` is the hash of the file's bytes. `width_px` and `height_px` are the size of its frame (module docstring).
    `quarter_turns` (0 … 3) clockwise turns of 90 degrees take the frame to upright. `mirrored` marks a mirrored EXIF
    orientation. Photos with the same `camera_group` share one camera. `mask_path` names an image of the frame's aspect
    whose black pixels (0) hold no features. `taken_at_s` is the EXIF capture time in seconds since 1970 with no time
    zone.
    """

    name: str
    path: Path
    sha256: str
    width_px: int
    height_px: int
    camera: Camera
    camera_group: str
    quarter_turns: int = 0
    mirrored: bool = False
    mask_path: Path | None = None
    mask_sha256: str | None = None
    taken_at_s: float | None = None

    @property
    def upright_size_px(self) -> tuple[int, int]:
        """Width and height of the upright photo."""
        if self.quarter_turns % 2:
            return self.height_px, self.width_px
        return self.width_px, self.height_px


@dataclass(frozen=True, slots=True)
class SkippedPhoto:
    """A file that looked like a photo and can't be used, with the reason in a sentence."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """All photos of one collection, sorted by name.

    `duplicates` maps the name of each exact copy (same bytes) to the name of the photo in `photos` that stands for it.
    `notices` are sentences for the user (mirrored photos, masks that fit no photo, …).
    """

    photos: tuple[Photo, ...]
    skipped: tuple[SkippedPhoto, ...] = ()
    duplicates: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Features:
    """Keypoints of one photo found by one member.

    `keypoints_px`: (n, 2) float32, upright frame at full size. `descriptors`: (n, d) float16 of unit length, or uint8
    for SIFT (COLMAP's root-normalised form). `scores`: (n,) float32, higher is better, in descending order.
    `upright_size_px`: width and height of the upright photo.
    """

    keypoints_px: Float32Array
    descriptors: NDArray[np.float16] | NDArray[np.uint8]
    scores: Float32Array
    upright_size_px: tuple[int, int]

    def __len__(self) -> int:
        return len(self.keypoints_px)


@dataclass(frozen=True, slots=True)
class PairMatches:
    """Matches of one pair: `matches` (m, 2) uint32 indices into the two photos' features, in `pair`'s order."""

    pair: Pair
    matches: IndexArray


@dataclass(frozen=True, slots=True)
class TwoViewGeometry:
    """Verified geometry of one pair.

    `inlier_matches`: (m, 2) uint32 keypoint indices. `kind` is COLMAP's configuration name (`CALIBRATED`,
    `UNCALIBRATED`, `PLANAR`, `PANORAMIC`, `PLANAR_OR_PANORAMIC`, …). `E`, `F`, `H` are 3×3 float64 or None where not
    estimated; F and H map pixels of the first photo's frame to the second's.
    """

    pair: Pair
    inlier_matches: IndexArray
    kind: str
    E: FloatArray | None = None
    F: FloatArray | None = None
    H: FloatArray | None = None

    @property
    def num_inliers(self) -> int:
        """Number of matches that agree with the geometry."""
        return len(self.inlier_matches)


@dataclass(frozen=True, slots=True)
class ViewGraph:
    """Photos joined by verified pairs: `edges` maps each verified pair to its number of inliers.

    `confidence`: how sure it is that the two photos show one place, 0 … 1, of the pairs of which it is known; 0 where
    they were found to show two places that look alike.
    """

    photos: tuple[str, ...]
    edges: dict[Pair, int]
    confidence: dict[Pair, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MappingPhoto:
    """One photo as a mapper sees it: its name, camera group, camera and keypoints (n, 2) float64 in frame pixels.

    `taken_at_s`: seconds since 1970, None where unknown.
    """

    name: str
    camera_group: str
    camera: Camera
    keypoints_px: FloatArray
    taken_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class PosedPhoto:
    """A photo with its pose.

    `cam_from_world`: (3, 4) float64, rotation beside translation, OpenCV axes of the photo's frame (x right, y down, z
    forward), in the units of its scene. `camera`: refined intrinsics. `keypoints_px`: (k, 2) float64 frame pixels of
    its observations; `point_index`: (k,) int64 index into the scene's points.
    """

    name: str
    camera: Camera
    camera_id: int
    cam_from_world: FloatArray
    keypoints_px: FloatArray
    point_index: NDArray[np.int64]

    @property
    def center_in_world(self) -> FloatArray:
        """Camera centre, (3,) float64, in the units of its scene."""
        rotation, translation = self.cam_from_world[:, :3], self.cam_from_world[:, 3]
        center: FloatArray = -rotation.T @ translation
        return center


@dataclass(frozen=True, slots=True)
class PosedScene:
    """One place: its posed photos (none where no model was made), its points, and the photos of it without a pose.

    `points_xyz`: (p, 3) float64; `points_rgb`: (p, 3) uint8; `points_error_px`: (p,) float64 mean reprojection error.
    `unposed`: names of photos that share verified geometry with the scene but could not be posed.
    """

    name: str
    photos: tuple[PosedPhoto, ...]
    points_xyz: FloatArray
    points_rgb: NDArray[np.uint8]
    points_error_px: FloatArray
    unposed: tuple[str, ...] = ()

    @property
    def photos_per_point(self) -> NDArray[np.int64]:
        """How many photos see each point, (p,) int64."""
        counts = np.zeros(len(self.points_xyz), dtype=np.int64)
        for photo in self.photos:
            counts[np.unique(photo.point_index)] += 1
        return counts

    @property
    def members(self) -> tuple[str, ...]:
        """Names of all photos of the scene, sorted."""
        return tuple(sorted([*(photo.name for photo in self.photos), *self.unposed]))
