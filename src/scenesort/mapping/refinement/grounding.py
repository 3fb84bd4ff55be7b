"""Which photos the matches can adjust, and whether there is enough to adjust with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scenesort.mapping.refinement.track_points import triangulate
from scenesort.mapping.refinement.tracks import Tracks
from scenesort.mapping.refinement.views import Views
from scenesort.types import FloatArray

MIN_POINTS = 20
MIN_PHOTO_POINTS = 10
MIN_SHARED_POINTS = 6
"""Two photos hang together when they share this many points: a relative pose needs five."""

DISAGREES = 5.0
"""A photo disagrees when its matches' error is this many times that of the photos in general."""

LEAST_ERROR_SHARE = 0.05
"""… and above this share of the photo's longer side: smaller errors are what adjustments are there for."""

MAX_LEFT_OUT = 1 / 3


def disagreeing(views: Views, matches: Tracks) -> NDArray[np.bool_]:
    """Return which photos (p,) have poses that their matches disagree with; `matches` are tracks of two observations.

    A wrong pose spoils all pairs of its photo, and one pair of each partner. So the photo whose pairs are worst is
    taken away with its pairs, until the rest agrees or a third is gone: then it is not single photos that are wrong.
    """
    count = len(views.names)
    wrong = np.zeros(count, dtype=bool)
    if not len(matches):
        return wrong
    errors = views.errors_px(matches, triangulate(views, matches)).reshape(-1, 2).max(axis=1)
    sizes = [max(camera.width_px, camera.height_px) for camera in views.cameras]
    pairs = matches.photo.reshape(-1, 2)
    distinct, of_pair = np.unique(pairs, axis=0, return_inverse=True)
    of_pair = of_pair.reshape(-1)
    medians = np.array([np.median(errors[of_pair == row]) for row in range(len(distinct))])
    for _ in range(count):
        scores = np.full(count, np.nan)
        usable = ~wrong[distinct].any(axis=1)
        for photo in np.flatnonzero(~wrong):
            own = medians[usable & (distinct == photo).any(axis=1)]
            if len(own):
                scores[photo] = np.median(own)
        finite = scores[~np.isnan(scores)]
        if len(finite) < 3:
            break
        worst = int(np.nanargmax(scores))
        if scores[worst] <= max(LEAST_ERROR_SHARE * sizes[worst], DISAGREES * float(np.median(finite))):
            break
        wrong[worst] = True
    return wrong if wrong.sum() <= MAX_LEFT_OUT * count else np.zeros(count, dtype=bool)


def adjustable(num_photos: int, tracks: Tracks) -> NDArray[np.bool_]:
    """Return which photos (p,) see enough points and hang together by them.

    That is the largest such group, the first of equals. Groups that share no points could drift apart; photos with few
    points bend to their noise.
    """
    enough = np.bincount(tracks.photo, minlength=num_photos) >= MIN_PHOTO_POINTS
    seen = np.zeros((num_photos, len(tracks)), dtype=np.float32)
    seen[tracks.photo, tracks.track] = 1
    joined = (seen @ seen.T >= MIN_SHARED_POINTS) & enough[:, None] & enough[None, :]
    best = np.zeros(num_photos, dtype=bool)
    unvisited = set(np.flatnonzero(enough).tolist())
    while unvisited:
        group = np.zeros(num_photos, dtype=bool)
        group[min(unvisited)] = True
        while True:
            grown = group | joined[group].any(axis=0)
            if (grown == group).all():
                break
            group = grown
        unvisited -= set(np.flatnonzero(group).tolist())
        if group.sum() > best.sum():
            best = group
    return best


def find_fault(adjusted: NDArray[np.bool_], points_xyz: FloatArray) -> str | None:
    """Return why there is too little to adjust with, in a sentence, or None."""
    if len(points_xyz) < MIN_POINTS:
        return f"only {len(points_xyz)} points have enough parallax and agree with the poses; {MIN_POINTS} are needed"
    if adjusted.sum() < 2:
        return f"no two photos share {MIN_SHARED_POINTS} points"
    return None
