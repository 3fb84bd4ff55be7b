"""Scenes with known cameras, predictions that are wrong by a known amount, and how wrong poses are: for refinement.py.

Simulated scenes take their shape and occlusions from rendered places: points of their surfaces are projected into the
photos that see them, with noise, misses and wrong matches that agree with the epipolar geometry, as verified ones do.
Rendered scenes have SIFT keypoints, nearest-neighbour matches and COLMAP's verification instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from scenesort import colmap, config
from scenesort.descriptors import ratio_matches, unit_descriptors
from scenesort.evaluation import register
from scenesort.geometry import center_in_world, invert, nearest_rotation, rotation_angle_deg, transform_points
from scenesort.mapping import MappingTask
from scenesort.mapping.pose_models import PointMap, PosePrediction, ScenePrediction
from scenesort.synthetic import Place, SceneSpec, depth_map, make_place, make_scene, project, simple_radial, walk_poses
from scenesort.types import Camera, FloatArray, MappingPhoto, PairMatches, TwoViewGeometry

WIDTH_PX, HEIGHT_PX = 640, 480
GRID_CELL_PX = 8
TEXELS_PER_M = 16.0
"""Only depths are looked at."""

NUM_POINTS = 1500
DETECTED, MATCHED, WRONG = 0.6, 0.7, 0.08
MIN_MATCHES = 20
THRESHOLD_SHARES = np.array([0.005, 0.01, 0.02, 0.04, 0.08, 0.16])
KINDS = ("square", "courtyard", "street")


@dataclass(frozen=True, eq=False)
class World:
    """A task for the mapper and the truth: poses (p, 3, 4), the camera of all photos, depth maps (h, w) of a grid."""

    task: MappingTask
    poses: FloatArray
    camera: Camera
    depths: tuple[FloatArray, ...]

    @property
    def size(self) -> float:
        """Median distance of the cameras from their middle, in metres."""
        centers = center_in_world(self.poses)
        return float(np.median(np.linalg.norm(centers - np.median(centers, axis=0), axis=1)))


@dataclass(frozen=True)
class Noise:
    """How wrong a prediction is: standard deviations of rotation angle, centre (share of the size) and focal length.

    `depth_share`: of the depths in the point maps, half of it the same for all cells of a photo.
    """

    rotation_deg: float
    center_share: float
    focal_share: float
    depth_share: float = 0.03


def simulated(
    seed: int,
    num_photos: int = 12,
    *,
    arc_share: float = 1.0,
    num_points: int = NUM_POINTS,
    min_matches: int = MIN_MATCHES,
) -> World:
    """Project points of a place into photos along a walk; with a small `arc_share` there is little parallax."""
    rng = np.random.default_rng((seed, 0))
    place = _place(seed)
    camera = simple_radial(WIDTH_PX, HEIGHT_PX, 0.82 * WIDTH_PX, -0.03)
    walk = replace(place.walk, arc_deg=place.walk.arc_deg * arc_share)
    walk = replace(walk, drift_m=tuple(arc_share * shift for shift in walk.drift_m))
    poses = np.array(walk_poses(replace(place, walk=walk), camera, num_photos, rng))
    grid = _grid_camera(camera)
    depths = tuple(depth_map(place.world, pose, grid).astype(np.float64) for pose in poses)
    points = _surface_points(poses, grid, depths, num_points, rng)
    pixels, keypoint_of = [], np.full((num_photos, num_points), -1)
    for row, (pose, depth) in enumerate(zip(poses, depths, strict=True)):
        seen = np.flatnonzero(_visible(points, pose, camera, depth) & (rng.random(num_points) < DETECTED))
        keypoint_of[row, seen] = np.arange(len(seen))
        noise = rng.normal(0, rng.uniform(0.5, 1.0, (len(seen), 1)), (len(seen), 2))
        pixels.append(project(points[seen], pose, camera)[0] + noise)
    names = [f"{row:02d}.jpg" for row in range(num_photos)]
    geometries = []
    for first in range(num_photos):
        for second in range(first + 1, num_photos):
            both = np.flatnonzero((keypoint_of[first] >= 0) & (keypoint_of[second] >= 0))
            both = both[rng.random(len(both)) < MATCHED]
            if len(both) < min_matches:
                continue
            matches = keypoint_of[[first, second]][:, both].T
            wrong = np.flatnonzero(rng.random(len(both)) < WRONG)
            matches[wrong, 1] = _near_epipolar_lines(
                pixels[first][matches[wrong, 0]], pixels[second], poses[first], poses[second], camera, rng
            )
            _, distinct = np.unique(matches[:, 1], return_index=True)
            matches = matches[np.sort(distinct)].astype(np.uint32)
            geometries.append(TwoViewGeometry((names[first], names[second]), matches, "CALIBRATED"))
    return _world(names, pixels, geometries, poses, camera, depths, seed)


def rendered(seed: int, num_photos: int = 10) -> World:
    """Render photos, find SIFT keypoints, match and verify all pairs."""
    spec = SceneSpec("place", KINDS[seed % len(KINDS)], seed + 1, num_photos, width_px=WIDTH_PX, height_px=HEIGHT_PX)
    photos = make_scene(spec)
    camera, poses = photos[0].camera, np.array([photo.cam_from_world for photo in photos])
    extractor = colmap.SiftExtractor(2048)
    features = [extractor.extract(photo.image) for photo in photos]
    names = [f"{row:02d}.jpg" for row in range(num_photos)]
    matching, verification = config.MatchingOptions(), config.VerificationOptions()
    geometries = []
    for first in range(num_photos):
        for second in range(first + 1, num_photos):
            found = ratio_matches(
                unit_descriptors(features[first]),
                unit_descriptors(features[second]),
                matching.max_ratio,
                np.radians(matching.max_angle_deg),
            )
            geometry = colmap.verify_pair(
                camera,
                features[first].keypoints_px,
                camera,
                features[second].keypoints_px,
                PairMatches((names[first], names[second]), found),
                min_inliers=verification.min_inliers,
                max_error_px=verification.max_error_px,
                confidence=verification.confidence,
                max_trials=verification.max_trials,
                seed=seed,
            )
            if geometry is not None:
                geometries.append(geometry)
    place = _place(seed)
    depths = tuple(depth_map(place.world, pose, _grid_camera(camera)).astype(np.float64) for pose in poses)
    pixels = [found.keypoints_px.astype(np.float64) for found in features]
    return _world(names, pixels, geometries, poses, camera, depths, seed)


def predict(world: World, noise: Noise, seed: int) -> ScenePrediction:
    """Return poses, cameras and point maps that are wrong by `noise`, in a frame and scale of their own."""
    rng = np.random.default_rng((seed, 1))
    predictions = []
    for photo, pose, depth in zip(world.task.photos, world.poses, world.depths, strict=True):
        turn = rotation_by(rng.normal(0, np.radians(noise.rotation_deg) / np.sqrt(3), 3)) @ pose[:, :3]
        center = center_in_world(pose) + rng.normal(0, noise.center_share * world.size / np.sqrt(3), 3)
        predicted = np.column_stack([turn, -turn @ center])
        focal = world.camera.params[0] * float(np.exp(rng.normal(0, noise.focal_share)))
        camera = simple_radial(world.camera.width_px, world.camera.height_px, focal)
        half = noise.depth_share / np.sqrt(2)
        wrong_depth = depth * np.exp(rng.normal(0, half) + rng.normal(0, half, depth.shape))
        predictions.append(
            PosePrediction(photo.name, predicted, camera, 1.0, _point_map(predicted, camera, wrong_depth))
        )
    return ScenePrediction(tuple(predictions), "metric")


def rotation_by(axis_rad: FloatArray) -> FloatArray:
    """Return the rotation (3, 3) by a rotation vector (3,) in radians (Rodrigues)."""
    angle = float(np.linalg.norm(axis_rad))
    x, y, z = axis_rad / max(angle, 1e-12)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: FloatArray = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return rotation


def pose_errors(world: World, poses: FloatArray) -> tuple[float, float, float]:
    """Return mean rotation error in degrees, mean centre error in % of the size, and mAA in %, after alignment.

    The alignment is the similarity with the least squares on centres (Umeyama, 1991). mAA is the challenge's, with
    thresholds of 0.5 to 16% of the size.
    """
    found, true = center_in_world(poses), center_in_world(world.poses)
    source, target = found - found.mean(axis=0), true - true.mean(axis=0)
    left, singular, right = np.linalg.svd(target.T @ source)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = (left * sign) @ right
    scale = float((singular * sign).sum() / max(float(np.sum(source**2)), 1e-300))
    centers = np.linalg.norm(scale * source @ rotation.T - target, axis=1)
    # Centres in a line say nothing of the turn about it: rotations are aligned by their own mean.
    aligned = nearest_rotation(np.sum(np.swapaxes(world.poses[:, :, :3], 1, 2) @ poses[:, :, :3], axis=0))
    turns = rotation_angle_deg(poses[:, :, :3] @ aligned.T, world.poses[:, :, :3])
    inliers = register(found, true, THRESHOLD_SHARES * world.size).inliers
    accuracy = np.mean([max(0, count - 3) for count in inliers]) / (len(poses) - 3)
    return float(turns.mean()), 100 * float(centers.mean()) / world.size, 100 * float(accuracy)


def _world(
    names: list[str],
    pixels: list[FloatArray],
    geometries: list[TwoViewGeometry],
    poses: FloatArray,
    camera: Camera,
    depths: tuple[FloatArray, ...],
    seed: int,
) -> World:
    # What the task knows of the camera is a guess, as for photos without EXIF.
    guess = simple_radial(camera.width_px, camera.height_px, 1.2 * max(camera.width_px, camera.height_px))
    photos = tuple(
        MappingPhoto(name, "one", guess, np.asarray(found, np.float64))
        for name, found in zip(names, pixels, strict=True)
    )
    task = MappingTask(
        photos,
        tuple(geometries),
        config.MappingOptions(),
        config.ScenesOptions(),
        config.VerificationOptions(),
        seed=seed,
    )
    return World(task, poses, camera, depths)


@cache
def _place(seed: int) -> Place:
    return make_place(KINDS[seed % len(KINDS)], seed + 1, seed + 1, TEXELS_PER_M)


def _grid_camera(camera: Camera) -> Camera:
    focal, cx, cy, radial = camera.params
    return Camera(
        camera.model,
        camera.width_px // GRID_CELL_PX,
        camera.height_px // GRID_CELL_PX,
        (focal / GRID_CELL_PX, cx / GRID_CELL_PX, cy / GRID_CELL_PX, radial),
    )


def _surface_points(
    poses: FloatArray, grid: Camera, depths: tuple[FloatArray, ...], count: int, rng: np.random.Generator
) -> FloatArray:
    """Points (count, 3) on surfaces that the photos show, as many from each."""
    points = []
    for pose, depth in zip(poses, depths, strict=True):
        rows, columns = np.nonzero(np.isfinite(depth) & (depth < 60))
        chosen = rng.choice(len(rows), count // len(poses) + 1, replace=False)
        local = _unproject(
            grid, np.column_stack([columns[chosen], rows[chosen]]) + 0.5, depth[rows[chosen], columns[chosen]]
        )
        points.append(transform_points(invert(pose), local))
    return np.concatenate(points)[rng.permutation(len(points) * len(points[0]))[:count]]


def _unproject(camera: Camera, pixels: FloatArray, depth: FloatArray) -> FloatArray:
    rays = colmap.rays_from_pixels(camera, pixels)
    local: FloatArray = rays / rays[:, 2:] * depth[:, None]
    return local


def _visible(points: FloatArray, pose: FloatArray, camera: Camera, depth: FloatArray) -> FloatArray:
    pixels, own_depth = project(points, pose, camera)
    inside = (own_depth > 0.1) & (np.nan_to_num(pixels, nan=-1) > 0).all(axis=1)
    inside &= (np.nan_to_num(pixels, nan=1e9) < [camera.width_px, camera.height_px]).all(axis=1)
    cell = np.where(inside[:, None], np.nan_to_num(pixels), 0).astype(int) // GRID_CELL_PX
    seen: FloatArray = inside & (np.abs(depth[cell[:, 1], cell[:, 0]] - own_depth) < 0.05 * own_depth)
    return seen


def _near_epipolar_lines(
    from_px: FloatArray,
    to_px: FloatArray,
    first: FloatArray,
    second: FloatArray,
    camera: Camera,
    rng: np.random.Generator,
) -> FloatArray:
    """Keypoints of the second photo near the epipolar lines of points of the first, one of the three nearest each."""
    here = colmap.rays_from_pixels(camera, from_px) @ first[:, :3]
    there = colmap.rays_from_pixels(camera, to_px) @ second[:, :3]
    baseline = center_in_world(second) - center_in_world(first)
    normals = np.cross(baseline, here)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    near = np.argsort(np.abs(normals @ there.T), axis=1)[:, :8]
    chosen: FloatArray = near[np.arange(len(near)), rng.integers(0, near.shape[1], len(near))]
    return chosen


def _point_map(pose: FloatArray, camera: Camera, depth: FloatArray) -> PointMap:
    height, width = depth.shape
    column, row = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    pixels = GRID_CELL_PX * np.column_stack([column.ravel(), row.ravel()])
    solid = np.isfinite(depth)
    local = _unproject(camera, pixels, np.where(solid, depth, 1.0).ravel())
    points = transform_points(invert(pose), local).reshape(height, width, 3)
    frame_from_grid = np.array([[GRID_CELL_PX, 0, 0], [0, GRID_CELL_PX, 0]], dtype=np.float64)
    return PointMap(points.astype(np.float32), solid.astype(np.float32), frame_from_grid)
