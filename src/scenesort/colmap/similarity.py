"""The similarity between two sets of points, robust against wrong ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pycolmap

from scenesort.geometry import Similarity
from scenesort.types import FloatArray

MAX_TRIALS = 10_000


def estimate_similarity(points_a: FloatArray, points_b: FloatArray, max_error: float, seed: int) -> Similarity | None:
    """Return the similarity from a to b that most of the points (n, 3) of both agree with, None if there is none.

    `max_error` is the largest distance of a point that agrees, in units of b. Source: COLMAP's LO-RANSAC.
    """
    if len(points_a) < 3:
        return None
    options = pycolmap.RANSACOptions()
    options.max_error = max_error
    options.max_num_trials = MAX_TRIALS
    options.random_seed = seed
    options.num_threads = 1
    # A dictionary, whatever pycolmap's own annotation says.
    found: Any = pycolmap.estimate_sim3d_robust(points_a, points_b, options)
    if found is None:
        return None
    matrix, scale = np.array(found["tgt_from_src"].matrix(), dtype=np.float64), float(found["tgt_from_src"].scale)
    return Similarity(scale, matrix[:, :3] / scale, matrix[:, 3].copy())
