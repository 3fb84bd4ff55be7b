"""Random points seen by exactly known cameras on an arc, as the mapper gets them."""

from __future__ import annotations

import numpy as np

from pictures import camera
from scenesort import config
from scenesort.mapping import MappingTask
from scenesort.types import MappingPhoto, TwoViewGeometry


def poses_on_an_arc(count, span_deg=80.0, radius=8.0):
    """Return `cam_from_world` (count, 3, 4) of cameras that look at the origin from an uneven arc."""
    turns = np.radians(np.linspace(0, span_deg, count))
    heights = 0.6 * np.sin(np.arange(count) * 1.7)
    centers = np.stack([radius * np.sin(turns), heights, -radius * np.cos(turns)], axis=1)
    poses = []
    for center in centers:
        forward = -center / np.linalg.norm(center)
        right = np.cross([0.0, 1.0, 0.0], forward)
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        poses.append(np.column_stack([rotation, -rotation @ center]))
    return np.array(poses)


def random_points(count, seed=0):
    """Return points (count, 3) in a box around the origin."""
    return np.random.default_rng(seed).uniform(-2, 2, (count, 3))


def projected(pose, points, of):
    """Return pixels (n, 2) of points seen by a SIMPLE_PINHOLE camera."""
    focal, center_x, center_y = of.params
    seen = points @ pose[:, :3].T + pose[:, 3]
    return focal * seen[:, :2] / seen[:, 2:] + [center_x, center_y]


def fundamental(first, second, focal=600.0, center=(320.0, 240.0)):
    """Return F (3, 3), which maps pixels of the first camera to lines of the second."""
    relative = second[:, :3] @ first[:, :3].T
    x, y, z = second[:, 3] - relative @ first[:, 3]
    essential = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]) @ relative
    inverse = np.linalg.inv([[focal, 0, center[0]], [0, focal, center[1]], [0, 0, 1]])
    return inverse.T @ essential @ inverse


def mapping_task(
    poses,
    points,
    *,
    reach=99,
    noise_px=0.2,
    group=None,
    known=None,
    cut=(),
    prefix="",
    min_photos=3,
    attempt=0,
    **options,
):
    """Return a task whose photos all see all points.

    Photos up to `reach` apart are matched, but for those with indices in `cut`, whose pairs are left out. `group` is
    the camera group of all photos (None: one each), `known` the camera that they are said to have.
    """
    rng = np.random.default_rng(1)
    names = [f"{prefix}{row:02d}.jpg" for row in range(len(poses))]
    photos = []
    for name, pose in zip(names, poses, strict=True):
        pixels = projected(pose, points, camera()) + rng.normal(0, noise_px, (len(points), 2))
        photos.append(MappingPhoto(name, group or name, known or camera(), pixels))
    every = np.repeat(np.arange(len(points), dtype=np.uint32)[:, None], 2, axis=1)
    geometries = tuple(
        TwoViewGeometry((names[one], names[two]), every, "UNCALIBRATED", F=fundamental(poses[one], poses[two]))
        for one in range(len(poses))
        for two in range(one + 1, min(one + reach, len(poses) - 1) + 1)
        if one not in cut and two not in cut
    )
    return MappingTask(
        tuple(photos),
        geometries,
        config.with_values(config.Options(), {f"mapping.{name}": value for name, value in options.items()}).mapping,
        config.ScenesOptions(min_photos=min_photos),
        config.VerificationOptions(),
        seed=0,
        attempt=attempt,
    )


def center_errors(scene, poses, prefix=""):
    """Return the distance of each camera centre to the true one after the best similarity, in the world's units."""
    truth = np.array(
        [
            -poses[int(photo.name[len(prefix) : -4])][:, :3].T @ poses[int(photo.name[len(prefix) : -4])][:, 3]
            for photo in scene.photos
        ]
    )
    found = np.array([photo.center_in_world for photo in scene.photos])
    mean_found, mean_truth = found.mean(axis=0), truth.mean(axis=0)
    u, singular, vt = np.linalg.svd((truth - mean_truth).T @ (found - mean_found))
    sign = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ sign @ vt
    scale = np.trace(np.diag(singular) @ sign) / np.sum((found - mean_found) ** 2)
    return np.linalg.norm(scale * (found - mean_found) @ rotation.T + mean_truth - truth, axis=1)
