"""A model that grows window by window: what each window said of its photos, and where the window lies in the world."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scenesort import geometry
from scenesort.geometry import Similarity
from scenesort.mapping.pose_models import PointMap, PosePrediction, ScenePrediction
from scenesort.mapping.scene_memory.joining import MAX_SHIFT, MAX_TURN_DEG, Shared, depths, join, shared_photos
from scenesort.mapping.scene_memory.loops import Edge, spread_loops
from scenesort.types import FloatArray

LEAST_IN_EDGE = 3
"""Photos that two windows must share, and agree on, before they pull at each other."""
MAX_MAP_SIDE = 256
"""Point maps are thinned to so many cells a side: what is kept of a long scene must not grow past memory."""


@dataclass(slots=True, eq=False)
class _Sighting:
    """What one window said of a photo, in the window's frame; `size` is the median depth there, nan without points."""

    window: int
    photo: PosePrediction
    size: float
    is_believed: bool = True


class JoinedModel:
    """Windows joined on the photos they share. The world is the first window's frame, in its units."""

    def __init__(self, first: ScenePrediction) -> None:
        self._scale = first.scale
        self._world: list[Similarity] = [Similarity(1.0, np.eye(3), np.zeros(3))]
        self._sightings: dict[str, list[_Sighting]] = {}
        self._take(first.photos, 0, set())

    @property
    def names(self) -> set[str]:
        """All photos that were in one of its windows, posed or not."""
        return set(self._sightings)

    def add(self, window: ScenePrediction) -> str:
        """Join a window; returns an empty text, or the reason why it can't be joined and nothing was taken."""
        shared = [photo for photo in window.photos if photo.name in self._sightings and _is_finite(photo)]
        shared = [photo for photo in shared if self._believed(photo.name)]
        joined = join(shared_photos(shared, [self._photo(photo.name) for photo in shared]))
        if joined.b_from_a is None:
            return joined.reason
        wrong = {photo.name for photo, agrees in zip(shared, joined.agreeing, strict=True) if not agrees}
        self._world.append(joined.b_from_a)
        self._take(window.photos, len(self._world) - 1, wrong)
        return ""

    def prediction(self, order: Sequence[str]) -> ScenePrediction:
        """All photos in the world, in the given order, after what loops are off by was spread along them."""
        edges = self._edges()
        self._world = spread_loops(self._world, edges)
        if edges:
            self._believe_anew()
        return ScenePrediction(tuple(self._photo(name) for name in order if name in self._sightings), self._scale)

    def _take(self, photos: Sequence[PosePrediction], window: int, wrong: set[str]) -> None:
        for photo in photos:
            point_map = _thinned(photo.point_map) if photo.point_map is not None else None
            depth = depths(point_map, photo.cam_from_world)
            size = float(np.nanmedian(depth)) if np.isfinite(depth).any() else np.nan
            seen = self._sightings.setdefault(photo.name, [])
            sighting = _Sighting(window, dataclasses.replace(photo, point_map=point_map), size, photo.name not in wrong)
            # Of a photo's maps the surest stays: they are what takes memory.
            if any(one.photo.point_map is not None and _surer(one, sighting) for one in seen):
                sighting.photo = dataclasses.replace(photo, point_map=None)
            else:
                for one in seen:
                    one.photo = dataclasses.replace(one.photo, point_map=None)
            seen.append(sighting)

    def _believed(self, name: str) -> list[_Sighting]:
        return [one for one in self._sightings[name] if one.is_believed and _is_finite(one.photo)]

    def _photo(self, name: str) -> PosePrediction:
        """A photo in the world: the mean of what is believed, by confidence, with the surest camera and map."""
        seen = self._believed(name)
        if not seen:
            return self._sightings[name][0].photo
        poses = np.array([self._world[one.window].apply_to_poses(one.photo.cam_from_world) for one in seen])
        # Confidence is the inverse of a standard deviation.
        weights = np.array([max(one.photo.confidence, 1e-6) ** 2 for one in seen])
        weights /= weights.sum()
        rotation = geometry.nearest_rotation(np.einsum("n,nij->ij", weights, poses[:, :, :3]))
        center = weights @ geometry.center_in_world(poses)
        pose = np.column_stack([rotation, -rotation @ center])
        surest = max(seen, key=lambda one: one.photo.confidence)
        holder = next((one for one in self._sightings[name] if one.photo.point_map is not None), None)
        point_map = None
        if holder is not None and _is_finite(holder.photo):
            scale = self._world[holder.window].scale
            point_map = _moved(holder.photo, scale, pose)
        return dataclasses.replace(surest.photo, cam_from_world=pose, point_map=point_map)

    def _edges(self) -> list[Edge]:
        common: dict[tuple[int, int], list[tuple[_Sighting, _Sighting]]] = {}
        for seen in self._sightings.values():
            usable = [one for one in seen if _is_finite(one.photo)]
            for a, b in itertools.combinations(usable, 2):
                common.setdefault((a.window, b.window), []).append((a, b))
        edges = []
        for (i, j), pairs in sorted(common.items()):
            poses = [np.array([pair[side].photo.cam_from_world for pair in pairs]) for side in (0, 1)]
            sizes = np.array([[one.size for one in pair] for pair in pairs])
            shared = Shared(poses[1], poses[0], sizes[:, 0] / sizes[:, 1], sizes[:, 0])
            joined = join(shared)
            num = int(joined.agreeing.sum())
            if joined.b_from_a is None or num < LEAST_IN_EDGE:
                continue
            middle_j = geometry.center_in_world(poses[1][joined.agreeing]).mean(axis=0)
            known = sizes[np.isfinite(sizes[:, 0]), 0]
            size = float(np.median(known)) if len(known) else 1.0
            middle_i = joined.b_from_a.apply_to_points(middle_j)
            edges.append(Edge(i, j, joined.b_from_a, middle_i, middle_j, size, float(num)))
        return edges

    def _believe_anew(self) -> None:
        """Windows have moved: believe what now agrees with the surest sighting, which stays believed."""
        for seen in self._sightings.values():
            usable = [one for one in seen if _is_finite(one.photo)]
            if len(usable) < 2:
                continue
            believed = [one for one in usable if one.is_believed] or usable
            surest = max(believed, key=lambda one: one.photo.confidence)
            pose, size = self._in_world(surest)
            for one in usable:
                other, _ = self._in_world(one)
                turn = float(geometry.rotation_angle_deg(other[:, :3], pose[:, :3]))
                shift = float(np.linalg.norm(geometry.center_in_world(other) - geometry.center_in_world(pose)))
                one.is_believed = turn < MAX_TURN_DEG and (np.isnan(size) or shift < MAX_SHIFT * size)

    def _in_world(self, one: _Sighting) -> tuple[FloatArray, float]:
        place = self._world[one.window]
        return place.apply_to_poses(one.photo.cam_from_world), one.size * place.scale


def _surer(one: _Sighting, other: _Sighting) -> bool:
    return one.photo.confidence >= other.photo.confidence


def _is_finite(photo: PosePrediction) -> bool:
    return bool(np.isfinite(photo.cam_from_world).all())


def _moved(photo: PosePrediction, scale: float, cam_from_world: FloatArray) -> PointMap | None:
    """A photo's point map, scaled, as seen from a pose in another world."""
    if photo.point_map is None:
        return None
    points = photo.point_map.points_xyz
    local = scale * geometry.transform_points(photo.cam_from_world, points.reshape(-1, 3).astype(np.float64))
    world = geometry.transform_points(geometry.invert(cam_from_world), local).reshape(points.shape)
    return dataclasses.replace(photo.point_map, points_xyz=world.astype(np.float32))


def _thinned(point_map: PointMap) -> PointMap:
    """Every k-th cell of a map with more cells a side than are kept."""
    step = -(-max(point_map.confidence.shape) // MAX_MAP_SIDE)
    if step == 1:
        return point_map
    chosen = slice(None, None, step)
    frame_from_grid = point_map.frame_from_grid.copy()
    # Cell (column + 0.5) of the thin grid is cell (step * column + 0.5) of the full one.
    offset = 0.5 - 0.5 * step
    frame_from_grid[:, 2] += frame_from_grid[:, :2] @ [offset, offset]
    frame_from_grid[:, :2] *= step
    return PointMap(
        np.ascontiguousarray(point_map.points_xyz[chosen, chosen]),
        np.ascontiguousarray(point_map.confidence[chosen, chosen]),
        frame_from_grid,
    )
