"""One camera or many: photos that don't tell are mapped both ways, and the simpler answer wins if it holds.

Photos without EXIF might each come from a camera of their own, or all from one. Intrinsics of their own for every photo
are weakly determined and bend the poses; wrongly shared ones can't explain the matches. So each part is mapped with own
cameras and with one camera for each frame size, and sharing is kept when it poses as many photos and explains their
keypoints as well. Where own cameras agree with each other, sharing may cost a little more.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from scenesort.types import MappingPhoto, PosedScene

MAX_ERROR_GROWTH = 1.05
"""Sharing may raise the mean reprojection error by this factor: fewer parameters always fit a little worse."""
MAX_AGREEING_ERROR_GROWTH = 1.1
"""… and by this one where own cameras agree: they say themselves that they are one."""
MAX_FOCAL_SPREAD = 0.05
"""Own cameras agree when half of them have focal lengths within this share of their median."""


def with_shared_cameras(photos: Sequence[MappingPhoto]) -> tuple[MappingPhoto, ...] | None:
    """Let photos of one frame size whose cameras are only guessed share one; None if there is nothing to share.

    Cameras known from EXIF or given by the user stay as they are, and so do photos that share one already.
    """
    alone = {group for group, count in Counter(photo.camera_group for photo in photos).items() if count == 1}
    sizes = {
        photo.name: (photo.camera.model, photo.camera.width_px, photo.camera.height_px)
        for photo in photos
        if photo.camera_group in alone and not photo.camera.has_focal_prior and not photo.camera.fixed
    }
    common = {size for size, count in Counter(sizes.values()).items() if count > 1}
    if not common:
        return None
    shared = []
    for photo in photos:
        size = sizes.get(photo.name)
        if size in common and size is not None:
            photo = dataclasses.replace(photo, camera_group=f"shared {size[0]} {size[1]}x{size[2]}")
        shared.append(photo)
    return tuple(shared)


def choose(own: Sequence[PosedScene], shared: Sequence[PosedScene]) -> Sequence[PosedScene]:
    """Return the models with shared cameras, unless those with own cameras pose more photos or fit clearly better."""
    if not shared or _num_posed(own) > _num_posed(shared):
        return own
    growth = MAX_AGREEING_ERROR_GROWTH if _cameras_agree(own) else MAX_ERROR_GROWTH
    if own and mean_error_px(shared) > growth * mean_error_px(own):
        return own
    return shared


def mean_error_px(models: Sequence[PosedScene]) -> float:
    """Return the mean reprojection error over all observations of all models, in pixels."""
    total, count = 0.0, 0
    for model in models:
        for photo in model.photos:
            total += float(np.sum(model.points_error_px[photo.point_index]))
            count += len(photo.point_index)
    return total / max(count, 1)


def _cameras_agree(models: Sequence[PosedScene]) -> bool:
    """Whether, in the largest model, the focal lengths of photos of one frame size are about the same."""
    focals: dict[tuple[str, int, int], list[float]] = {}
    for photo in models[0].photos if models else ():
        camera = photo.camera
        focals.setdefault((camera.model, camera.width_px, camera.height_px), []).append(camera.params[0])
    for values in focals.values():
        median = float(np.median(values))
        if float(np.median(np.abs(np.array(values) - median))) > MAX_FOCAL_SPREAD * median:
            return False
    return True


def _num_posed(models: Sequence[PosedScene]) -> int:
    return len({photo.name for model in models for photo in model.photos})
