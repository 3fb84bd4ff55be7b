"""Predictions of a pose model for the cameras of `mapped_worlds`, wrong by as much as a test likes."""

from __future__ import annotations

import dataclasses

import numpy as np

from mapped_worlds import mapping_task, poses_on_an_arc, random_points
from pictures import camera
from scenesort.geometry import center_in_world, transform_points
from scenesort.mapping.pose_models import PointMap, PosePrediction, ScenePrediction
from scenesort.mapping.refinement.views import Views

ARC = poses_on_an_arc(7)
POINTS = random_points(220)
GRID = (48, 64)
CELL_PX = 10


def task(poses=ARC, points=POINTS, **values):
    return mapping_task(poses, points, **values)


def turned(vector_rad):
    """Return the rotation by a rotation vector (Rodrigues)."""
    angle = np.linalg.norm(vector_rad)
    x, y, z = np.asarray(vector_rad) / max(angle, 1e-12)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def moved(pose, rotation_deg=0.0, center=0.0, rng=None):
    """Return a pose turned and moved by random amounts of these standard deviations."""
    rng = rng or np.random.default_rng(0)
    rotation = turned(rng.normal(0, np.radians(rotation_deg) / np.sqrt(3), 3)) @ pose[:, :3]
    return np.column_stack([rotation, -rotation @ (center_in_world(pose) + rng.normal(0, center / np.sqrt(3), 3))])


def noisy(poses=ARC, rotation_deg=1.0, center=0.2, seed=0):
    rng = np.random.default_rng(seed)
    return np.array([moved(pose, rotation_deg, center, rng) for pose in poses])


def prediction(poses, cameras=None, confidence=None, names=None, point_maps=None):
    """Return a prediction of photos that are called as in `mapping_task`."""
    count = len(poses)
    cameras = cameras or [camera()] * count
    confidence = confidence if confidence is not None else np.ones(count)
    names = names or [f"{row:02d}.jpg" for row in range(count)]
    maps = point_maps or [None] * count
    photos = (
        PosePrediction(name, pose, of, float(sure), point_map)
        for name, pose, of, sure, point_map in zip(names, poses, cameras, confidence, maps, strict=True)
    )
    return ScenePrediction(tuple(photos), "metric")


def views(poses=ARC, cameras=None, ids=None):
    count = len(poses)
    names = tuple(f"{row:02d}.jpg" for row in range(count))
    return Views(names, np.asarray(poses), tuple(cameras or [camera()] * count), tuple(ids or [1] * count))


def plane_map(pose, depth=8.0, scale=1.0):
    """Return the point map of a plane that faces the camera at some depth, scaled about the world's origin."""
    of = camera()
    focal, x, y = of.params
    column, row = np.meshgrid(np.arange(GRID[1]) + 0.5, np.arange(GRID[0]) + 0.5)
    pixels = CELL_PX * np.stack([column, row], axis=-1)
    local = depth * np.concatenate([(pixels - [x, y]) / focal, np.ones((*GRID, 1))], axis=-1)
    rotation, center = pose[:, :3], center_in_world(pose)
    points = local.reshape(-1, 3) @ rotation + center
    frame_from_grid = np.array([[CELL_PX, 0, 0], [0, CELL_PX, 0]], dtype=np.float64)
    return PointMap(
        (scale * points).reshape(*GRID, 3).astype(np.float32), np.ones(GRID, dtype=np.float32), frame_from_grid
    )


def map_of_points(pose, points=POINTS, scale=1.0):
    """Return a point map whose cells have the depth of the point that is seen nearest to them."""
    focal, x, y = camera().params
    local = transform_points(pose, points)
    pixels = focal * local[:, :2] / local[:, 2:] + [x, y]
    column, row = np.meshgrid(np.arange(GRID[1]) + 0.5, np.arange(GRID[0]) + 0.5)
    cells = CELL_PX * np.stack([column, row], axis=-1).reshape(-1, 2)
    nearest = np.linalg.norm(cells[:, None] - pixels[None], axis=2).argmin(axis=1)
    # The depth of the nearest point on the ray of the cell itself, so that the map is true to its own pixels.
    depth = local[nearest, 2]
    rays = np.column_stack([(cells - [x, y]) / focal, np.ones(len(cells))])
    world = (rays * depth[:, None]) @ pose[:, :3] + center_in_world(pose)
    frame_from_grid = np.array([[CELL_PX, 0, 0], [0, CELL_PX, 0]], dtype=np.float64)
    return PointMap(
        (scale * world).reshape(*GRID, 3).astype(np.float32), np.ones(GRID, dtype=np.float32), frame_from_grid
    )


def with_matches(of, pair, matches):
    """Return a task whose geometry of a pair has these matches."""
    geometries = tuple(
        dataclasses.replace(geometry, inlier_matches=np.asarray(matches, dtype=np.uint32))
        if geometry.pair == pair
        else geometry
        for geometry in of.geometries
    )
    return dataclasses.replace(of, geometries=geometries)


def poses_of(scene):
    return np.array([photo.cam_from_world for photo in scene.photos])
