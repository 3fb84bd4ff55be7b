"""Two-view geometry by COLMAP's RANSAC, seeded."""

from __future__ import annotations

import numpy as np
import pycolmap

from scenesort.colmap.convert import to_camera
from scenesort.types import Camera, FloatArray, IndexArray, PairMatches, TwoViewGeometry

MIN_MODEL_MATCHES = 8


def verify_pair(
    camera_a: Camera,
    points_a_px: FloatArray,
    camera_b: Camera,
    points_b_px: FloatArray,
    matches: PairMatches,
    *,
    min_inliers: int,
    max_error_px: float,
    confidence: float,
    max_trials: int,
    seed: int,
) -> TwoViewGeometry | None:
    """Estimate the geometry of one pair and keep the matches that agree with it.

    `points_*_px`: (n, 2) float64 keypoints in frame pixels. Returns None when fewer than `min_inliers` matches agree.
    The same seed and input give the same geometry, whatever was estimated before. Source: COLMAP's
    `estimate_two_view_geometry` (Schönberger and Frahm, CVPR 2016).
    """
    if len(matches.matches) < max(min_inliers, MIN_MODEL_MATCHES):
        return None
    options = pycolmap.TwoViewGeometryOptions()
    options.min_num_inliers = min_inliers
    options.ransac.max_error = max_error_px
    options.ransac.confidence = confidence
    options.ransac.max_num_trials = max_trials
    options.ransac.min_num_trials = min(options.ransac.min_num_trials, max_trials)
    options.ransac.random_seed = seed
    options.ransac.num_threads = 1
    found = pycolmap.estimate_two_view_geometry(
        to_camera(camera_a),
        points_a_px.astype(np.float64),
        to_camera(camera_b),
        points_b_px.astype(np.float64),
        matches.matches,
        options,
    )
    inliers: IndexArray = np.asarray(found.inlier_matches, dtype=np.uint32).reshape(-1, 2)
    kind = pycolmap.TwoViewGeometryConfiguration(found.config).name
    if len(inliers) < min_inliers or kind in ("UNDEFINED", "DEGENERATE", "WATERMARK"):
        return None
    return TwoViewGeometry(matches.pair, inliers, kind, E=_matrix(found.E), F=_matrix(found.F), H=_matrix(found.H))


def _matrix(value: object) -> FloatArray | None:
    return None if value is None else np.array(value, dtype=np.float64)
