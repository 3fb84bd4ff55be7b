"""Pairs matched a second time, on crops."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scenesort import pair_matching, photos
from scenesort.crops import Box, crop
from scenesort.execution import own_device
from scenesort.pair_matching import FeaturesAndMatcher, PairMatcher, PairMatcherOptions, PixelMatches
from scenesort.types import Float32Array, Photo


@dataclass(frozen=True, slots=True)
class LookAgainJob:
    """Match the crops of two photos; `side_px`: to which a crop's longer side is brought."""

    photo_a: Photo
    box_a: Box
    photo_b: Photo
    box_b: Box
    matcher: str
    options: PairMatcherOptions
    side_px: int
    device: str


def look_again(job: LookAgainJob) -> PixelMatches:
    """Match the crops; points come in upright pixels of the whole photos, those on masked pixels are dropped."""
    # One photo at full size at a time: they may be large.
    part_a, factor_a, start_a = crop(photos.load_upright(job.photo_a, None)[0], job.box_a, job.side_px)
    part_b, factor_b, start_b = crop(photos.load_upright(job.photo_b, None)[0], job.box_b, job.side_px)
    found = _matcher(job.matcher, job.options, job.device).match(part_a, part_b)
    points_a = (found.points_a_px * factor_a + start_a).astype(np.float32)
    points_b = (found.points_b_px * factor_b + start_b).astype(np.float32)
    good = _allowed(job.photo_a, points_a) & _allowed(job.photo_b, points_b)
    return PixelMatches(points_a[good], points_b[good], found.scores[good])


def _allowed(photo: Photo, points_px: Float32Array) -> NDArray[np.bool_]:
    if photo.mask_path is None or not len(points_px):
        return np.ones(len(points_px), dtype=bool)
    mask = photos.load_mask_upright(photo, photo.upright_size_px)
    columns, rows = np.floor(points_px).astype(int).T
    allowed: NDArray[np.bool_] = mask[np.clip(rows, 0, mask.shape[0] - 1), np.clip(columns, 0, mask.shape[1] - 1)]
    return allowed


@lru_cache(maxsize=1)
def _matcher(name: str, options: PairMatcherOptions, device: str) -> PairMatcher | FeaturesAndMatcher:
    return pair_matching.build(name, options, own_device(device))
