"""An adjusted scene brought back to the frame and scale that it was predicted in."""

from __future__ import annotations

import numpy as np

from scenesort.geometry import Similarity, center_in_world, nearest_rotation, rotation_angle_deg
from scenesort.types import FloatArray

ITERATIONS = 20
SMALL_ANGLE_DEG = 0.01
SMALL_SHARE = 1e-3
"""Distances below this share of the scene's extent weigh alike."""


def extent(centers: FloatArray) -> float:
    """Return the median distance of camera centres (p, 3) from their middle, in world units."""
    return float(np.median(np.linalg.norm(centers - np.median(centers, axis=0), axis=1))) if len(centers) else 0.0


def predicted_from_adjusted(adjusted: FloatArray, predicted: FloatArray) -> Similarity:
    """Return the similarity that takes the world of adjusted poses (p, 3, 4) to that of the predicted ones.

    Its rotation is the robust mean of the photos' own, so that cameras in a line or at one place are no problem; scale
    and translation are robust, too, by iteratively reweighted least squares on the centres. Where all cameras stand at
    one place the scale stays 1.
    """
    relative = np.swapaxes(predicted[:, :, :3], -1, -2) @ adjusted[:, :, :3]
    rotation = nearest_rotation(relative.sum(axis=0))
    for _ in range(ITERATIONS):
        weights = 1.0 / (rotation_angle_deg(relative, rotation) + SMALL_ANGLE_DEG)
        rotation = nearest_rotation((weights[:, None, None] * relative).sum(axis=0))
    source, target = center_in_world(adjusted) @ rotation.T, center_in_world(predicted)
    floor = SMALL_SHARE * extent(target)
    scale, weights = 1.0, np.ones(len(source))
    translation = np.zeros(3)
    for _ in range(ITERATIONS):
        share = weights / weights.sum()
        mean_source, mean_target = share @ source, share @ target
        spread = float(share @ np.sum((source - mean_source) ** 2, axis=1))
        if spread > floor**2 and spread > 0:
            scale = float(share @ np.sum((source - mean_source) * (target - mean_target), axis=1)) / spread
        if scale <= 0:
            scale = 1.0
        translation = mean_target - scale * mean_source
        off = np.linalg.norm(scale * source + translation - target, axis=1)
        weights = 1.0 / np.maximum(off, max(floor, 1e-12))
    return Similarity(scale, rotation, translation)
