"""Photos that a mapper left without a pose, posed by a feed-forward model and kept only where their matches agree.

The model sees them together with posed photos that they match best, which also tell how its world lies in the
mapper's. Its poses are coarse, so each is adjusted to the mapper's points before its matches judge it: a pose that is
right ends within the mapper's own bound and near the prediction; one that is wrong does neither.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scenesort import colmap, geometry
from scenesort.errors import ScenesortError
from scenesort.mapping.backend import only, predict
from scenesort.mapping.base import MappingTask
from scenesort.mapping.observations import points_by_pixel, reprojection_errors_px
from scenesort.mapping.pose_models import PosePrediction, ScenePrediction
from scenesort.mapping.refinement.point_maps import points_at
from scenesort.mapping.scene_memory import Join, Shared, join, keyframes, links_of
from scenesort.mapping.scene_memory.ordering import Links
from scenesort.types import Camera, FloatArray, IndexArray, MappingPhoto, PosedPhoto, PosedScene

LEAST_INLIERS = 12
"""Fewest points that must agree with a pose. The mapper itself asks for more, as it has no prediction to hold on to."""
LEAST_SHARE = 0.5
"""Share of the keypoints matched to points that must agree."""
NEIGHBOURS = 3
"""Posed photos that the model sees for each one without a pose."""
FIRST_BOUND_SHARE = 0.08
"""Error that a predicted pose may start with, as a share of the photo's longer side; it is halved round by round."""
MAX_TURN_DEG = 15.0
MAX_SHIFT = 0.3
"""How far adjustment may take a pose from the prediction: degrees, share of the median depth of its points."""


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Points of a model that a photo's keypoints are matched to: rows of both, (n,) each."""

    keypoint: IndexArray
    point: IndexArray


def fill(task: MappingTask, models: Sequence[PosedScene], name: str) -> list[PosedScene]:
    """Add photos without a pose to the models they match, with the pose model `name`; what fails leaves them as is.

    Says how many it added, and why none where that is so. The models keep their frames and points.
    """
    posed = {photo.name for model in models for photo in model.photos}
    left = [photo.name for photo in task.photos if photo.name not in posed]
    links = links_of([photo.name for photo in task.photos], task.links)
    filled = list(models)
    for row, names in _homes(left, models, links).items():
        try:
            filled[row] = _fill_one(task, filled[row], names, links, name)
        except ScenesortError as error:
            task.surroundings.tell(f"{name} added no photos to a model of {len(models[row].photos)}: {error}")
    return filled


def _homes(left: Sequence[str], models: Sequence[PosedScene], links: Links) -> dict[int, list[str]]:
    """For each model, by its row, the photos without a pose that share most inliers with it."""
    members = [{photo.name for photo in model.photos} for model in models]
    homes: dict[int, list[str]] = {}
    for name in left:
        ties = [sum(count for other, count in links[name].items() if other in names) for names in members]
        if ties and max(ties) > 0:
            homes.setdefault(int(np.argmax(ties)), []).append(name)
    return homes


def _fill_one(task: MappingTask, model: PosedScene, names: Sequence[str], links: Links, pose_model: str) -> PosedScene:
    tell = task.surroundings.tell
    members = {photo.name: photo for photo in model.photos}
    count = max(task.pose_models.overlap_photos, NEIGHBOURS * len(names))
    around = keyframes(members, names, links, min(count, len(members)))
    added: list[str] = []
    for prediction in predict(pose_model, only(task, {*names, *around})):
        joined = _placed(prediction, model, members)
        if joined.b_from_a is None:
            tell(f"{pose_model}: its poses can't be joined to a model of {len(members)} photos: {joined.reason}")
            continue
        for photo in prediction.photos:
            if photo.name not in members and photo.name not in added and np.isfinite(photo.cam_from_world).all():
                moved = joined.b_from_a.apply_to_poses(photo.cam_from_world)
                larger = _with_photo(task, model, photo, moved)
                if larger is not None:
                    model = larger
                    added.append(photo.name)
    tell(
        f"{pose_model} posed {len(added)} of {len(names)} photos that a model of {len(members)} photos was left without"
        + (f": {', '.join(sorted(added))}" if added else "; the matches of the others don't agree with their poses")
    )
    return model


def _placed(prediction: ScenePrediction, model: PosedScene, members: Mapping[str, PosedPhoto]) -> Join:
    """Join a prediction to a mapper's model: poses of the shared photos, and the depths of the model's points."""
    shared = [photo for photo in prediction.photos if photo.name in members and np.isfinite(photo.cam_from_world).all()]
    stretch, size = np.full(len(shared), np.nan), np.full(len(shared), np.nan)
    for row, photo in enumerate(shared):
        mine = members[photo.name]
        depth = _depth(mine.cam_from_world, model.points_xyz[mine.point_index])
        if not len(depth):
            continue
        size[row] = np.median(depth)
        if photo.point_map is not None:
            points, confidence = points_at(photo.point_map, mine.keypoints_px)
            predicted = _depth(photo.cam_from_world, np.nan_to_num(points))
            known = (confidence > 0) & (predicted > 0) & (depth > 0)
            if known.any():
                stretch[row] = np.median(depth[known] / predicted[known])
    poses = np.array([photo.cam_from_world for photo in shared]).reshape(-1, 3, 4)
    placed = np.array([members[photo.name].cam_from_world for photo in shared]).reshape(-1, 3, 4)
    return join(Shared(poses, placed, stretch, size))


def _with_photo(
    task: MappingTask, model: PosedScene, predicted: PosePrediction, cam_from_world: FloatArray
) -> PosedScene | None:
    """The model with one more photo, None where its matches don't agree with its pose."""
    photo = next(photo for photo in task.photos if photo.name == predicted.name)
    seen = _matched_points(task, model, photo)
    if len(np.unique(seen.keypoint)) < LEAST_INLIERS:
        return None
    camera, camera_id = _camera(task, model, photo, predicted.camera)
    pixels, points = photo.keypoints_px[seen.keypoint], model.points_xyz[seen.point]
    pose, bound_px = cam_from_world, FIRST_BOUND_SHARE * max(camera.width_px, camera.height_px)
    last_px = task.mapping.max_reprojection_error_px
    while True:
        inside = reprojection_errors_px(camera, pose, pixels, points) <= bound_px
        if np.count_nonzero(inside) < LEAST_INLIERS:
            return None
        refined = colmap.refine_pose(camera, pose, pixels[inside], points[inside], 0.25 * bound_px)
        if refined is None:
            return None
        pose = refined
        if bound_px <= last_px:
            break
        bound_px = max(last_px, 0.5 * bound_px)
    errors = reprojection_errors_px(camera, pose, pixels, points)
    inside = errors <= last_px
    agreeing = len(np.unique(seen.keypoint[inside]))
    depth = float(np.median(_depth(pose, points)))
    turn = float(geometry.rotation_angle_deg(pose[:, :3], cam_from_world[:, :3]))
    shift = float(np.linalg.norm(geometry.center_in_world(pose) - geometry.center_in_world(cam_from_world)))
    is_far = turn > MAX_TURN_DEG or depth <= 0 or shift > MAX_SHIFT * depth
    if is_far or agreeing < max(LEAST_INLIERS, LEAST_SHARE * len(np.unique(seen.keypoint))):
        return None
    return _joined(model, photo.name, camera, camera_id, pose, pixels, seen, errors, inside)


def _matched_points(task: MappingTask, model: PosedScene, photo: MappingPhoto) -> _Seen:
    """Points of the model that posed photos see where this photo's matches are."""
    members = {other.name: other for other in model.photos}
    keypoints = {other.name: other.keypoints_px for other in task.photos}
    found: set[tuple[int, int]] = set()
    for pair in task.geometries:
        if photo.name not in pair.pair:
            continue
        side = pair.pair.index(photo.name)
        partner = members.get(pair.pair[1 - side])
        if partner is None:
            continue
        point_at = points_by_pixel(partner)
        theirs = keypoints[partner.name][pair.inlier_matches[:, 1 - side]].astype(np.float32)
        for mine, xy in zip(pair.inlier_matches[:, side].tolist(), theirs, strict=True):
            point = point_at.get(xy.tobytes())
            if point is not None:
                found.add((mine, point))
    rows = np.array(sorted(found), dtype=np.uint32).reshape(-1, 2)
    return _Seen(rows[:, 0], rows[:, 1])


def _camera(task: MappingTask, model: PosedScene, photo: MappingPhoto, predicted: Camera) -> tuple[Camera, int]:
    """The camera of a photo, and its id in the model: what is known or shared there goes before what was predicted."""
    group = {other.name for other in task.photos if other.camera_group == photo.camera_group}
    for other in model.photos:
        if other.name in group:
            return other.camera, other.camera_id
    known = photo.camera.fixed or photo.camera.has_focal_prior
    return photo.camera if known else predicted, max(other.camera_id for other in model.photos) + 1


def _joined(
    model: PosedScene,
    name: str,
    camera: Camera,
    camera_id: int,
    pose: FloatArray,
    pixels: FloatArray,
    seen: _Seen,
    errors: FloatArray,
    inside: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> PosedScene:
    # A keypoint sees one point, and a point is seen by one keypoint of a photo: the best of each.
    chosen: list[int] = []
    used: set[tuple[str, int]] = set()
    for row in sorted(np.flatnonzero(inside).tolist(), key=lambda row: float(errors[row])):
        keys = {("keypoint", int(seen.keypoint[row])), ("point", int(seen.point[row]))}
        if used.isdisjoint(keys):
            chosen.append(row)
            used |= keys
    points = seen.point[chosen].astype(np.int64)
    counts = model.photos_per_point
    error_px = model.points_error_px.copy()
    error_px[points] += (errors[chosen] - error_px[points]) / (counts[points] + 1)
    added = PosedPhoto(name, camera, camera_id, pose, pixels[chosen], points)
    photos = sorted([*model.photos, added], key=lambda photo: photo.name)
    return dataclasses.replace(model, photos=tuple(photos), points_error_px=error_px)


def _depth(cam_from_world: FloatArray, points: FloatArray) -> FloatArray:
    depth: FloatArray = points @ cam_from_world[2, :3] + cam_from_world[2, 3]
    return depth
