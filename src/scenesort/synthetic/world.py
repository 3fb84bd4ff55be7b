"""A world of textured parallelograms, and the light that falls on them.

Units are metres; the world's axes are x east, y north, z up. A `Builder` collects surfaces without light; `bake`
computes sunlight with cast shadows and the open part of the sky on every surface and multiplies it into the textures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from scenesort.synthetic.textures import Material, Rng
from scenesort.types import Float32Array, FloatArray, ImageArray


@dataclass(frozen=True, eq=False)
class Face:
    """A textured parallelogram: `origin` + a·`u` + b·`v` with a, b in 0 … 1, all (3,) float64 in world metres.

    a runs along the texture's rows, b down its columns. Seen from its front, u points right and v down: the front's
    normal is v × u. `texture`: (h, w, 3) uint8 RGB. `alpha`: (h, w) uint8, opaque where above 127, or None. `is_leaf`
    faces are lit from all sides.
    """

    origin: FloatArray
    u: FloatArray
    v: FloatArray
    texture: ImageArray
    alpha: ImageArray | None = None
    two_sided: bool = False
    is_leaf: bool = False

    @property
    def normal(self) -> FloatArray:
        """Unit normal of the front, (3,)."""
        cross = np.cross(self.v, self.u)
        normal: FloatArray = cross / max(float(np.linalg.norm(cross)), 1e-12)
        return normal

    @property
    def corners(self) -> FloatArray:
        """Corners (4, 3) in world metres: top left, top right, bottom right, bottom left."""
        return np.stack([self.origin, self.origin + self.u, self.origin + self.u + self.v, self.origin + self.v])


@dataclass(frozen=True)
class Frame:
    """A place on the ground: local x to the right and y into the picture for a viewer in front, turned by `yaw_deg`."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    yaw_deg: float = 0.0

    def vector(self, local: tuple[float, float, float]) -> FloatArray:
        """Local direction to world, (3,) metres."""
        angle = np.radians(self.yaw_deg)
        cos, sin = float(np.cos(angle)), float(np.sin(angle))
        return np.array([cos * local[0] - sin * local[1], sin * local[0] + cos * local[1], local[2]])

    def point(self, local: tuple[float, float, float]) -> FloatArray:
        """Local point to world, (3,) metres."""
        place: FloatArray = self.vector(local) + np.array([self.x, self.y, self.z])
        return place

    def at(self, x: float, y: float, z: float = 0.0, yaw_deg: float = 0.0) -> Frame:
        """A frame placed in this one."""
        place = self.point((x, y, z))
        return Frame(float(place[0]), float(place[1]), float(place[2]), self.yaw_deg + yaw_deg)


Painter = Callable[[int, int, float], ImageArray]
"""Height and width in texels, texels a metre → texture."""


def painter(rng: Rng, material: Material) -> Painter:
    """A material with its generator bound."""
    return lambda h, w, ppm: material(rng, h, w, ppm)


def texels(length_m: float, ppm: float) -> int:
    """Texture size for a length, at least 4."""
    return max(4, round(length_m * ppm))


@dataclass
class Builder:
    """Collects surfaces. `ppm`: texels a metre of a surface seen from nearby; far or hidden ones use a part of it.

    `likeness`: share of the buildings that look exactly as their seed says, 0 … 1; the others have its design alone.
    """

    ppm: float
    likeness: float = 1.0
    faces: list[Face] = field(default_factory=list)
    footprints: list[FloatArray] = field(default_factory=list)

    def quad(
        self,
        origin: FloatArray,
        u: FloatArray,
        v: FloatArray,
        paint: Painter,
        detail: float = 1.0,
        alpha: ImageArray | None = None,
        two_sided: bool = False,
    ) -> None:
        """Add a parallelogram painted at `detail` × `ppm`."""
        ppm = self.ppm * detail
        h, w = texels(float(np.linalg.norm(v)), ppm), texels(float(np.linalg.norm(u)), ppm)
        if alpha is not None:
            alpha = np.asarray(cv2.resize(alpha, (w, h), interpolation=cv2.INTER_NEAREST), np.uint8)
        self.faces.append(Face(origin, u, v, paint(h, w, ppm), alpha, two_sided))

    def box(
        self,
        frame: Frame,
        size: tuple[float, float, float],
        paint: Painter | dict[str, Painter],
        detail: float | dict[str, float] = 1.0,
        sides: str = "flrbt",
    ) -> None:
        """Add a box that stands on `frame`'s origin: width (x), depth (y), height (z) in metres.

        `sides`: front (−y), left, right, back, top and `d`own; `paint` and `detail` may differ by side.
        """
        w, d, h = size
        x, y = w / 2, d / 2
        layout = {
            "f": ((-x, -y, h), (w, 0.0, 0.0), (0.0, 0.0, -h)),
            "r": ((x, -y, h), (0.0, d, 0.0), (0.0, 0.0, -h)),
            "b": ((x, y, h), (-w, 0.0, 0.0), (0.0, 0.0, -h)),
            "l": ((-x, y, h), (0.0, -d, 0.0), (0.0, 0.0, -h)),
            "t": ((-x, y, h), (w, 0.0, 0.0), (0.0, -d, 0.0)),
            "d": ((-x, -y, 0.0), (w, 0.0, 0.0), (0.0, d, 0.0)),
        }
        for side in sides:
            origin, u, v = layout[side]
            brush = paint[side] if isinstance(paint, dict) else paint
            level = detail[side] if isinstance(detail, dict) else detail
            self.quad(frame.point(origin), frame.vector(u), frame.vector(v), brush, level)
        if min(w, d) > 0.25 and frame.z < 1.5 < frame.z + h + 0.8:
            corners = [frame.point((a * x, b * y, 0.0))[:2] for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            self.footprints.append(np.array(corners))

    def prism(
        self,
        frame: Frame,
        radius: float,
        height: float,
        sides: int,
        paint: Painter,
        detail: float = 1.0,
        top: bool = True,
        bottom: bool = False,
    ) -> None:
        """Add an upright prism with a regular base, for columns, basins and poles; one texture wraps all round it."""
        angles = np.arange(sides + 1) * 2 * np.pi / sides - np.pi / 2
        ring = [(float(radius * np.cos(angle)), float(radius * np.sin(angle))) for angle in angles]
        ppm = self.ppm * detail
        step = texels(2 * radius * float(np.sin(np.pi / sides)), ppm)
        wrap = paint(texels(height, ppm), step * sides, ppm)
        for index, ((x0, y0), (x1, y1)) in enumerate(pairwise(ring)):
            texture = np.ascontiguousarray(wrap[:, index * step : (index + 1) * step])
            u, v = frame.vector((x1 - x0, y1 - y0, 0.0)), frame.vector((0.0, 0.0, -height))
            self.faces.append(Face(frame.point((x0, y0, height)), u, v, texture))
        side = 2 * radius
        size = texels(side, ppm)
        for wanted, sign, z in ((top, 1.0, height), (bottom, -1.0, 0.0)):
            if wanted:
                disc = np.zeros((size, size), np.uint8)
                outline = (np.array(ring[:-1]) * (1, -sign) / side + 0.5) * size
                cv2.fillPoly(disc, [outline.astype(np.int32)], 255.0)
                origin = frame.point((-radius, sign * radius, z))
                u, v = frame.vector((side, 0.0, 0.0)), frame.vector((0.0, -sign * side, 0.0))
                self.quad(origin, u, v, paint, detail, disc)
        if radius > 0.15:
            self.footprints.append(np.array([frame.point((x, y, 0.0))[:2] for x, y in ring[:-1]]))


@dataclass(frozen=True)
class Sun:
    """Light of a scene: where the sun stands (degrees east of north, above the horizon), its and the sky's colour."""

    azimuth_deg: float
    elevation_deg: float
    sunlight: tuple[float, float, float]
    skylight: tuple[float, float, float]

    @property
    def direction(self) -> FloatArray:
        """Unit vector towards the sun, (3,), world."""
        azimuth, elevation = np.radians(self.azimuth_deg), np.radians(self.elevation_deg)
        flat = np.cos(elevation)
        return np.array([np.sin(azimuth) * flat, np.cos(azimuth) * flat, np.sin(elevation)])


@dataclass(frozen=True, eq=False)
class World:
    """Lit faces, the sun, the footprints (lists of (k, 2) polygons in metres) that a camera can't stand in."""

    faces: tuple[Face, ...]
    sun: Sun
    footprints: tuple[FloatArray, ...] = ()

    @property
    def corners(self) -> FloatArray:
        """Corners of all opaque faces, (n, 3) float64 in world metres: known points for checks."""
        solid = [face.corners for face in self.faces if face.alpha is None]
        return np.concatenate(solid) if solid else np.zeros((0, 3))


@dataclass(frozen=True, eq=False)
class _Grid:
    """Points on one face at which light is computed: (3, rows × columns) float32, a hand's breadth above it."""

    corners: FloatArray
    points: Float32Array
    rows: int
    columns: int


def _grid(face: Face, per_m: float, limit: int) -> _Grid:
    rows = int(np.clip(np.linalg.norm(face.v) * per_m, 2, limit))
    columns = int(np.clip(np.linalg.norm(face.u) * per_m, 2, limit))
    a, b = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
    start = (face.origin + 0.02 * face.normal)[:, None]
    points = start + face.u[:, None] * a.reshape(1, -1) + face.v[:, None] * b.reshape(1, -1)
    return _Grid(face.corners, np.ascontiguousarray(points, np.float32), rows, columns)


def _shadows(grids: list[_Grid], direction: FloatArray, occluders: list[Face]) -> list[NDArray[np.bool_]]:
    """For each grid, which of its points get no light from a direction, (n,) bool."""
    across = np.cross(direction, (0.3, 0.5, 0.8))
    across /= np.linalg.norm(across)
    axes = np.stack([across, np.cross(direction, across), direction])  # two along the shadow plane, one to the light
    casting = np.stack([face.corners for face in occluders]) @ axes.T
    low, high = casting.min(1), casting.max(1)
    bases = np.stack([np.stack([face.u for face in occluders]), np.stack([face.v for face in occluders])], 2)
    bases = np.concatenate([bases, np.broadcast_to(-direction[:, None], (len(occluders), 3, 1))], 2)
    areas = np.linalg.norm(bases[:, :, 0], axis=1) * np.linalg.norm(bases[:, :, 1], axis=1)
    usable = np.abs(np.linalg.det(bases)) > 1e-3 * areas
    bases[~usable] = np.eye(3)
    inverses = np.linalg.inv(bases)
    shifts = (inverses @ np.stack([face.origin for face in occluders])[:, :, None]).astype(np.float32)
    inverses = inverses.astype(np.float32)
    receiving = np.stack([grid.corners for grid in grids]) @ axes.T if grids else np.zeros((0, 4, 3))
    results = []
    for grid, own in zip(grids, receiving, strict=True):
        blocked = np.zeros(grid.points.shape[1], bool)
        near = (low[:, :2] < own.max(0)[:2]).all(1) & (high[:, :2] > own.min(0)[:2]).all(1)
        near &= (high[:, 2] > own[:, 2].min()) & usable
        for index in np.flatnonzero(near):
            a, b, distance = inverses[index] @ grid.points - shifts[index]
            hit = (distance > 0.01) & (a > 0) & (a < 1) & (b > 0) & (b < 1)
            alpha = occluders[index].alpha
            if alpha is not None:
                where = np.flatnonzero(hit)
                h, w = alpha.shape
                hit[where] = alpha[(b[where] * h).astype(int), (a[where] * w).astype(int)] > 127
            blocked |= hit
        results.append(blocked)
    return results


def _hemisphere(count: int) -> FloatArray:
    """Directions spread over the whole sphere, (count, 3)."""
    index = np.arange(count) + 0.5
    z = 1 - 2 * index / count
    angle = np.pi * (1 + 5**0.5) * index
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], 1)


def _open_sky(faces: list[Face], occluders: list[Face], directions: int) -> list[Float32Array]:
    """Part of the sky that each face sees on a coarse grid, (rows, columns) float32; 1 is a whole sky overhead."""
    grids = [_grid(face, 1.2, 44) for face in faces]
    seen = [np.zeros(grid.points.shape[1], np.float32) for grid in grids]
    weights = np.zeros(len(faces))
    normals = np.stack([face.normal for face in faces])
    for direction in _hemisphere(directions):
        facing = np.clip(normals @ direction, 0, None)
        weights += facing
        lit = np.flatnonzero(facing > 0).tolist() if direction[2] > 0.02 else []
        shadows = _shadows([grids[index] for index in lit], direction, occluders)
        for index, shadow in zip(lit, shadows, strict=True):
            seen[index] += np.float32(facing[index]) * ~shadow
    return [
        (sky / np.float32(max(weight, 1e-6))).reshape(grid.rows, grid.columns)
        for sky, weight, grid in zip(seen, weights, grids, strict=True)
    ]


def bake(builder: Builder, sun: Sun, directions: int = 18) -> World:
    """Light all faces: sun with cast shadows, sky where it is open, and a little bounced light."""
    areas = [float(np.linalg.norm(np.cross(face.u, face.v))) for face in builder.faces]
    casters = [face for face, area in zip(builder.faces, areas, strict=True) if 0.25 < area < 2500]
    large = [face for face, area in zip(builder.faces, areas, strict=True) if 3.0 < area < 2500 and not face.is_leaf]
    sunlight, skylight = np.array(sun.sunlight, np.float32), np.array(sun.skylight, np.float32)
    facing = [0.75 if face.is_leaf else max(0.0, float(face.normal @ sun.direction)) for face in builder.faces]
    lit = [index for index, value in enumerate(facing) if value > 0]
    grids = [
        _grid(builder.faces[index], min(5.0, builder.ppm / 6) if areas[index] < 4000 else 0.4, 240) for index in lit
    ]
    shadows = dict(zip(lit, zip(grids, _shadows(grids, sun.direction, casters), strict=True), strict=True))
    faces: list[Face] = []
    for index, (face, sky) in enumerate(zip(builder.faces, _open_sky(builder.faces, large, directions), strict=True)):
        h, w = face.texture.shape[:2]
        if face.is_leaf:
            sky = np.full_like(sky, 0.8)
        size = (max(sky.shape[1], 2), max(sky.shape[0], 2))
        direct = np.zeros((*sky.shape, 1), np.float32)
        if index in shadows:
            grid, shadow = shadows[index]
            sunny = (~shadow).astype(np.float32).reshape(grid.rows, grid.columns)
            if face.is_leaf:
                sunny = np.maximum(sunny, 0.35)
            size = (grid.columns, grid.rows)
            direct = np.float32(facing[index]) * cv2.GaussianBlur(sunny, (0, 0), 0.8)[:, :, None]
        ambient = cv2.resize(cv2.GaussianBlur(sky, (0, 0), 0.7), size, interpolation=cv2.INTER_LINEAR)[:, :, None]
        light = (direct * sunlight + (0.30 + 0.70 * ambient) * skylight) ** np.float32(0.75)
        light = np.asarray(cv2.resize(light, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)
        lit_texture = np.asarray(cv2.multiply(face.texture, light, dtype=cv2.CV_8U), np.uint8)
        faces.append(replace(face, texture=lit_texture))
    return World(tuple(faces), sun, tuple(builder.footprints))
