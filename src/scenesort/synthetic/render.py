"""Draws a world as a camera sees it: exact projection, hidden surfaces by depth, then what lens and sensor do to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from scenesort.synthetic.cameras import pixel_rays
from scenesort.synthetic.textures import fractal, scaled
from scenesort.synthetic.world import Face, World
from scenesort.types import Camera, Float32Array, FloatArray, ImageArray

ROW = 4096
"""Width of the maps given to cv2.remap, whose sides are limited to 32767."""

HAZE = (196.0, 208.0, 220.0)


@dataclass(frozen=True)
class Look:
    """What sensor and sky do to one photo. The defaults change nothing.

    `exposure`: factor on light. `metering`: how far the camera evens out brightness by itself, 0 … 1. `white_balance`:
    factors on red, green, blue. `vignetting`: light lost in the corners, 0 … 1. `blur_px`, `noise`: standard
    deviations, pixels and grey levels of 255. `contrast`: strength of an S-curve, 0 … 1. `haze_m`: distance in metres
    at which half of the contrast is gone, or 0 for clear air. `sky_yaw_deg` turns the clouds; `cloudiness`: 0 … 1.
    """

    exposure: float = 1.0
    metering: float = 0.0
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    vignetting: float = 0.0
    blur_px: float = 0.0
    noise: float = 0.0
    contrast: float = 0.0
    haze_m: float = 0.0
    sky_seed: int = 0
    sky_yaw_deg: float = 0.0
    cloudiness: float = 0.4
    noise_seed: int = 0


@lru_cache(maxsize=4)
def _clouds(seed: int) -> Float32Array:
    """Cloud cover over azimuth (columns, wraps round) and height above the horizon (rows), about unit variance."""
    rng = np.random.default_rng((seed, 77))
    flat = fractal(rng, 512, 2304, 330.0, 7, 0.58)
    blend = np.linspace(0, 1, 256, dtype=np.float32)[None, :]
    wrapped = flat[:, :2048].copy()
    wrapped[:, :256] = flat[:, :256] * blend + flat[:, 2048:] * (1 - blend)
    return wrapped


def _sample(image: ImageArray | Float32Array, x: Float32Array, y: Float32Array, wrap: bool = False) -> Float32Array:
    """Bilinear samples of an image at n texel positions (centres at whole numbers): (n,) or (n, 3) float32."""
    n = len(x)
    width = min(ROW, n)
    rows = -(-n // width)
    maps = np.zeros((2, rows * width), np.float32)
    maps[0, :n], maps[1, :n] = x, y
    border = cv2.BORDER_WRAP if wrap else cv2.BORDER_REPLICATE
    shaped = maps.reshape(2, rows, width)
    values = cv2.remap(image, shaped[0], shaped[1], cv2.INTER_LINEAR, borderMode=border)
    samples: Float32Array = np.asarray(values, np.float32).reshape(rows * width, -1)[:n]
    return samples


def _columns(values: Float32Array) -> Float32Array:
    """The values (n,) in three equal columns (n, 3), laid out in memory: numpy multiplies these far faster."""
    return np.asarray(cv2.merge([values, values, values]), np.float32).reshape(-1, 3)


def _sky(world: World, look: Look, directions: Float32Array) -> Float32Array:
    """Colour of the sky (n, 3) float32, 0 … 255, in world directions (n, 3)."""
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    height = np.clip(unit[:, 2], 0, 1)
    zenith, horizon = np.array((92, 142, 206), np.float32), np.array((206, 220, 232), np.float32)
    blend = np.clip(height * 1.7, 0, 1)[:, None] ** np.float32(0.6)
    colour = horizon + (zenith - horizon) * blend
    azimuth = np.arctan2(unit[:, 0], unit[:, 1]) + np.float32(np.radians(look.sky_yaw_deg))
    column = np.mod(azimuth / np.float32(2 * np.pi), 1) * 2048
    cover = _sample(_clouds(look.sky_seed), column, 500 * (1 - np.sqrt(height)), wrap=True)[:, 0]
    cloud = np.clip((cover + 2.6 * look.cloudiness - 1.2) * 0.8, 0, 1)[:, None]
    grey = 232 + 9 * cover[:, None] - 60 * max(0.0, look.cloudiness - 0.5)
    colour += cloud * (grey * np.array((1.0, 1.0, 1.01), np.float32) - colour)
    glow = np.clip(unit @ world.sun.direction.astype(np.float32), 0, 1)[:, None]
    colour *= 1 + np.float32(0.12) * glow**6
    return np.asarray(colour, np.float32)


_PYRAMIDS: dict[int, tuple[Face, tuple[ImageArray, ...]]] = {}


def _pyramid(face: Face) -> tuple[ImageArray, ...]:
    """The face's texture at halved sizes. Kept for the faces of the latest world."""
    found = _PYRAMIDS.get(id(face))
    if found is not None and found[0] is face:
        return found[1]
    levels = [face.texture]
    while min(levels[-1].shape[:2]) > 3:
        h, w = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], ((w + 1) // 2, (h + 1) // 2), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, np.uint8))
    _PYRAMIDS[id(face)] = (face, tuple(levels))
    return tuple(levels)


def forget_textures() -> None:
    """Free the reduced textures kept from earlier worlds."""
    _PYRAMIDS.clear()


def _bounds(corners: FloatArray, camera: Camera, slack: float) -> tuple[int, int, int, int] | None:
    """Pixel box x0, y0, x1, y1 around camera-frame corners (4, 3), cut at the near plane; None where out of sight."""
    near = 0.05
    kept: list[FloatArray] = []
    for start, end in zip(corners, np.roll(corners, -1, 0), strict=True):
        if start[2] >= near:
            kept.append(start)
        if (start[2] >= near) != (end[2] >= near):
            kept.append(start + (end - start) * (near - start[2]) / (end[2] - start[2]))
    if not kept:
        return None
    points = np.array(kept)
    focal, cx, cy, _ = camera.params
    plane = focal * points[:, :2] / points[:, 2:] + (cx, cy)
    low = np.floor(np.clip(plane.min(0) - slack, 0, 1e6)).astype(int)
    high = np.ceil(np.clip(plane.max(0) + slack, -1, (camera.width_px, camera.height_px))).astype(int)
    if high[0] <= low[0] or high[1] <= low[1]:
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


@dataclass(eq=False)
class _Visible:
    """Per sub-pixel: inverse depth (0 for sky) and index of the face seen (-1 for sky); per seen face its M⁻¹."""

    inverse_depth: Float32Array
    index: NDArray[np.int16]
    inverses: dict[int, FloatArray]


def _visible(world: World, cam_from_world: FloatArray, camera: Camera, supersampling: int) -> _Visible:
    """Find the nearest face at every sub-pixel.

    With M = [u v origin] in the camera's frame, M⁻¹ (x, y, 1) = (a, b, 1) / depth for the ray (x, y, 1).
    """
    ray_x, ray_y = pixel_rays(camera, supersampling)
    focal, cx, cy, _ = camera.params
    corner_x = np.array([ray_x[0, 0], ray_x[0, -1], ray_x[-1, 0], ray_x[-1, -1]]) * focal + cx
    corner_y = np.array([ray_y[0, 0], ray_y[0, -1], ray_y[-1, 0], ray_y[-1, -1]]) * focal + cy
    slack = 2.0 + max(
        float(np.abs(corner_x - np.array([0, camera.width_px] * 2)).max()),
        float(np.abs(corner_y - np.repeat([0, camera.height_px], 2)).max()),
    )
    depth = np.zeros(ray_x.shape, np.float32)
    index = np.full(ray_x.shape, -1, np.int16)
    inverses: dict[int, FloatArray] = {}
    rotation, translation = cam_from_world[:, :3], cam_from_world[:, 3]
    for number, face in enumerate(world.faces):
        matrix = np.stack([rotation @ face.u, rotation @ face.v, rotation @ face.origin + translation], 1)
        determinant = float(np.linalg.det(matrix))
        if abs(determinant) < 1e-9 or (determinant < 0 and not face.two_sided):
            continue
        box = _bounds(face.corners @ rotation.T + translation, camera, slack)
        if box is None:
            continue
        x0, y0, x1, y1 = (value * supersampling for value in box)
        window = (slice(y0, y1), slice(x0, x1))
        inverse = np.asarray(np.linalg.inv(matrix), np.float64)
        xs, ys = ray_x[window], ray_y[window]
        a, b, c = (xs * np.float32(r[0]) + (ys * np.float32(r[1]) + np.float32(r[2])) for r in inverse)
        hit = (a >= 0) & (b >= 0) & (a <= c) & (b <= c) & (c > depth[window]) & (c < 20.0)
        if face.alpha is not None and hit.any():
            h, w = face.alpha.shape
            rows, columns = np.nonzero(hit)
            at = c[rows, columns]
            texel_y = np.minimum(b[rows, columns] / at * h, h - 1).astype(np.int64)
            texel_x = np.minimum(a[rows, columns] / at * w, w - 1).astype(np.int64)
            hit[rows, columns] = face.alpha[texel_y, texel_x] > 127
        if hit.any():
            np.copyto(depth[window], c, where=hit)
            np.copyto(index[window], np.int16(number), where=hit)
            inverses[number] = inverse
    return _Visible(depth, index, inverses)


def depth_map(world: World, cam_from_world: FloatArray, camera: Camera, supersampling: int = 1) -> Float32Array:
    """Depth along the optical axis in metres at every pixel centre, (h, w) float32, inf for sky."""
    visible = _visible(world, cam_from_world, camera, supersampling)
    with np.errstate(divide="ignore"):
        return np.asarray(np.reciprocal(visible.inverse_depth), np.float32)


def _colour(
    world: World, cam_from_world: FloatArray, camera: Camera, look: Look, visible: _Visible, supersampling: int
) -> Float32Array:
    """Colour of every sub-pixel, (h, w, 3) float32, 0 … 255."""
    ray_x, ray_y = pixel_rays(camera, supersampling)
    image = np.zeros((*ray_x.shape, 3), np.float32)
    pixels_per_unit = camera.params[0] * supersampling
    flat_x, flat_y, flat_image = ray_x.ravel(), ray_y.ravel(), image.reshape(-1, 3)
    order = np.argsort(visible.index, axis=None, kind="stable")
    numbers, starts = np.unique(visible.index.ravel()[order], return_index=True)
    for number, chosen in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        xs, ys = flat_x[chosen], flat_y[chosen]
        if number < 0:
            local = np.stack([xs, ys, np.ones_like(xs)], 1)
            flat_image[chosen] = _sky(world, look, local @ cam_from_world[:, :3].astype(np.float32))
            continue
        inverse = visible.inverses[number]
        a, b, c = (xs * np.float32(r[0]) + (ys * np.float32(r[1]) + np.float32(r[2])) for r in inverse)
        u, v = np.clip(a / c, 0, 1), np.clip(b / c, 0, 1)
        levels = _pyramid(world.faces[number])
        h, w = levels[0].shape[:2]
        texels_per_area = abs(float(np.linalg.det(inverse))) * h * w / pixels_per_unit**2
        # The footprint's area picks the level; sharper by half a level, as sub-pixels are averaged afterwards.
        wanted = 0.5 * np.log2(np.float32(texels_per_area) / (c * c * c)) - 0.35
        level = np.clip(wanted, 0, len(levels) - 1).astype(np.float32)
        base = level.astype(np.int16)
        first, last = int(base.min()), int(base.max())
        half = np.float32(0.5)
        for step in range(first, last + 1):
            at: NDArray[np.intp] | slice = np.flatnonzero(base == step) if first < last else slice(None)
            u_at, v_at = u[at], v[at]
            if len(u_at) == 0:
                continue
            here = levels[step]
            values = _sample(here, u_at * here.shape[1] - half, v_at * here.shape[0] - half)
            if step + 1 < len(levels):
                there = levels[step + 1]
                rough = _sample(there, u_at * there.shape[1] - half, v_at * there.shape[0] - half)
                rough -= values
                rough *= _columns(level[at] - np.float32(step))
                values += rough
            if look.haze_m > 0:
                clear = np.exp2(-1 / (c[at] * np.float32(look.haze_m)))
                for channel, haze in enumerate(HAZE):
                    values[:, channel] += (np.float32(haze) - values[:, channel]) * (1 - clear)
            flat_image[chosen[at]] = values
    return image


def _develop(image: Float32Array, camera: Camera, look: Look) -> ImageArray:
    """Exposure, colour, lens and sensor."""
    gain = look.exposure
    if look.metering > 0:
        gain *= float(np.clip(122.0 / max(float(image.mean()), 1.0), 0.6, 2.2)) ** look.metering
    gains = np.diag(np.array(look.white_balance, np.float32) * np.float32(gain))
    image = np.asarray(cv2.transform(image, gains), np.float32)
    if look.vignetting > 0:
        ray_x, ray_y = pixel_rays(camera, 1)
        radius = (ray_x**2 + ray_y**2) / np.float32(ray_x[0, 0] ** 2 + ray_y[0, 0] ** 2)
        image = scaled(image, 1 - np.float32(look.vignetting) * radius)
    if look.contrast > 0:
        level = np.clip(image / np.float32(255), 0, 1)
        image = 255 * (level + np.float32(look.contrast) * (level * level * (3 - 2 * level) - level))
    if look.blur_px > 0:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), look.blur_px), np.float32)
    if look.noise > 0:
        rng = np.random.default_rng((look.noise_seed, 5))
        grain = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(look.noise)
        image += grain * (0.5 + np.sqrt(np.clip(image, 0, 255) / np.float32(255)))
    developed: ImageArray = np.clip(image + np.float32(0.5), 0, 255).astype(np.uint8)
    return developed


def render_photo(
    world: World, cam_from_world: FloatArray, camera: Camera, look: Look | None = None, supersampling: int = 2
) -> ImageArray:
    """Render a world: (camera.height_px, camera.width_px, 3) uint8 RGB.

    `cam_from_world`: (3, 4), metres. Each pixel averages `supersampling`² exact rays, spread over the pixel's square.
    """
    look = look or Look()
    visible = _visible(world, cam_from_world, camera, supersampling)
    image = _colour(world, cam_from_world, camera, look, visible, supersampling)
    if supersampling > 1:
        size = (camera.width_px, camera.height_px)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
    return _develop(image, camera, look)
