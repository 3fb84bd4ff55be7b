"""Walks whose photos an oracle knows, without pictures: true views, mapping photos and links between neighbours."""

from __future__ import annotations

import itertools

import numpy as np

from mapped_worlds import mapping_task, poses_on_an_arc, projected, random_points
from pictures import camera
from scenesort.mapping.pose_models import PhotoInput
from scenesort.synthetic import look_at, simple_radial
from scenesort.synthetic.oracle import IncrementalOracle, Oracle
from scenesort.synthetic.truth import TrueView
from scenesort.types import MappingPhoto

CELL_PX = 40
CAMERA = simple_radial(640, 480, 560.0)
NO_IMAGE = np.zeros((480, 640, 3), np.uint8)


def walk(count, step_m=1.0):
    """Return true views, by name, of a walk along façades about 10 m away."""
    rows, columns = np.mgrid[: 480 // CELL_PX, : 640 // CELL_PX]
    views = {}
    for index in range(count):
        center = np.array([step_m * index, 0.4 * np.sin(1.7 * index), 1.6])
        depth = 10 * (1 + 0.3 * np.sin(0.9 * columns + index) * np.cos(0.7 * rows))
        pose = look_at(center, center + np.array([3.0, 10.0, 0.0]))
        views[f"{index:04d}.jpg"] = TrueView(pose, CAMERA, depth.astype(np.float32), CELL_PX)
    return views


def photos_of(views):
    """Return mapping photos without keypoints."""
    return [MappingPhoto(name, name, view.camera, np.zeros((0, 2))) for name, view in views.items()]


def inputs_of(views):
    """Return the photos as a pose model gets them."""
    return [PhotoInput(name, NO_IMAGE, view.camera) for name, view in views.items()]


def links(views, reach=6):
    """Return inliers of pairs up to `reach` photos apart: fewer, the further apart."""
    names = list(views)
    pairs = itertools.combinations(range(len(names)), 2)
    return {(names[a], names[b]): 400 // (b - a) for a, b in pairs if b - a <= reach}


def arc_world(count=8, noise_px=0.2, **options):
    """Return a mapping task of photos on an arc that all see the same points, and their true views."""
    poses, points = poses_on_an_arc(count), random_points(220)
    task = mapping_task(poses, points, group="one", noise_px=noise_px, **options)
    focal = camera().params[0]
    views = {}
    for photo, pose in zip(task.photos, poses, strict=True):
        known = camera()
        depth = np.full((known.height_px // CELL_PX, known.width_px // CELL_PX), 8.0, np.float32)
        pixels, z = projected(pose, points, known), points @ pose[2, :3] + pose[2, 3]
        for (x, y), far in zip((pixels / CELL_PX).astype(int), z, strict=True):
            if 0 <= y < depth.shape[0] and 0 <= x < depth.shape[1]:
                depth[y, x] = far
        views[photo.name] = TrueView(pose, simple_radial(known.width_px, known.height_px, focal), depth, CELL_PX)
    return task, views


def oracle(views, noise, incremental=False, seed=0):
    """Return an oracle of some views."""
    return (IncrementalOracle if incremental else Oracle).from_truth(views, noise, seed)
