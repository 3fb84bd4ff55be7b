"""Places to photograph: a square, a street, a courtyard and small one-photo places, each with a walk for the camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from scenesort.synthetic import furniture, textures
from scenesort.synthetic.cameras import look_at
from scenesort.synthetic.chance import Chance
from scenesort.synthetic.facades import add_building, building_size
from scenesort.synthetic.render import depth_map
from scenesort.synthetic.textures import Rng
from scenesort.synthetic.world import Builder, Frame, Sun, World, bake, painter
from scenesort.types import Camera, FloatArray, ImageArray

PlaceKind = Literal["square", "street", "courtyard"]
PLACE_KINDS: tuple[PlaceKind, ...] = ("square", "street", "courtyard")


@dataclass(frozen=True)
class Walk:
    """An arc walked round `target_m` (x, y, z), metres and degrees.

    The camera stands `radius_m` from the target at azimuths spread over `arc_deg` about `azimuth_deg` (0 = south of the
    target, growing to the east). While it goes from one end to the other, the target shifts by `drift_m` (x, y).
    """

    target_m: tuple[float, float, float]
    radius_m: tuple[float, float]
    azimuth_deg: float
    arc_deg: float
    drift_m: tuple[float, float] = (0.0, 0.0)
    height_m: tuple[float, float] = (1.45, 2.3)


@dataclass(frozen=True, eq=False)
class Place:
    """A lit world with the walk from which it is photographed and the look of its sky."""

    world: World
    walk: Walk
    cloudiness: float
    haze_m: float


def random_sun(rng: Rng, azimuth_deg: float) -> tuple[Sun, float]:
    """Sunny, low and warm, or overcast light, with the cloudiness that goes with it."""
    azimuth = azimuth_deg + float(rng.uniform(-50, 50))
    kind, spread = rng.random(), float(rng.random())
    if kind < 0.45:
        return Sun(azimuth, 35 + 20 * spread, (0.86, 0.81, 0.72), (0.46, 0.52, 0.60)), float(rng.uniform(0.2, 0.45))
    if kind < 0.7:
        return Sun(azimuth, 20 + 10 * spread, (0.98, 0.80, 0.58), (0.42, 0.47, 0.58)), float(rng.uniform(0.3, 0.5))
    return Sun(azimuth, 40 + 20 * spread, (0.26, 0.25, 0.24), (0.80, 0.83, 0.87)), float(rng.uniform(0.85, 1.0))


def _backdrop(builder: Builder, rng: Rng, radius_m: float) -> None:
    """Far ground, and a hazy line of roofs and trees all round."""
    far = Frame(0.0, 0.0, -0.06)
    side = 2.2 * radius_m
    origin = far.point((-side / 2, side / 2, 0.0))
    material = textures.grass if rng.random() < 0.5 else textures.asphalt
    across, down = far.vector((side, 0, 0)), far.vector((0, -side, 0))
    builder.quad(origin, across, down, painter(rng, material), min(1.0, 8.0 / builder.ppm))
    for index in range(8):
        frame = Frame(0.0, 0.0, -0.1, 45.0 * index).at(0.0, radius_m)
        span = 2 * radius_m * float(np.tan(np.pi / 8)) + 1
        columns, rows = 640, 128
        alpha = np.zeros((rows, columns), np.uint8)
        image = np.empty((rows, columns, 3), np.uint8)
        trees = 0.30 + 0.07 * textures.fractal(rng, 1, columns, 60.0, 6, 0.75)[0]
        for column in range(columns):
            alpha[int(rows * (1 - np.clip(trees[column], 0.1, 0.9))) :, column] = 255
        leaf = 1 + 0.22 * textures.fractal(rng, rows, columns, 12.0, 4, 0.8)
        image[:] = textures.to_image(textures.tint(leaf, (0.34, 0.40, 0.28)))
        for _ in range(16):
            left, wide = int(rng.uniform(0, columns)), int(rng.uniform(18, 60))
            top = int(rows * rng.uniform(0.25, 0.65))
            alpha[top:, left : left + wide] = 255
            tone = rng.uniform(0.45, 0.8)
            image[top:, left : left + wide] = np.array((230, 215, 200)) * tone * rng.uniform(0.9, 1.05, 3)
            for y in range(top + 4, rows, 9):
                for x in range(left + 3, left + wide - 4, 7):
                    cv2.rectangle(image, (x, y), (x + 2, y + 4), (70.0 * tone, 76.0 * tone, 86.0 * tone), -1)
        height = 22.0
        origin = frame.point((-span / 2, 0.0, height))
        across, down = frame.vector((span, 0, 0)), frame.vector((0, 0, -height))
        stored = image.copy()

        def paint(h: int, w: int, ppm: float, stored: ImageArray = stored) -> ImageArray:
            return np.asarray(cv2.resize(stored, (w, h), interpolation=cv2.INTER_AREA), np.uint8)

        builder.quad(origin, across, down, paint, min(1.0, 8.0 / builder.ppm), alpha, two_sided=True)


def _ground(builder: Builder, rng: Rng, material: textures.Material, frame: Frame, width: float, depth: float) -> None:
    def paint(h: int, w: int, ppm: float) -> ImageArray:
        image = material(rng, h, w, ppm)
        textures.litter(rng, image, ppm, 1.2)
        return image

    origin = frame.point((-width / 2, depth / 2, 0.0))
    builder.quad(origin, frame.vector((width, 0, 0)), frame.vector((0, -depth, 0)), paint, 0.6)


def _scatter(builder: Builder, chance: Chance, spots: list[tuple[float, float]], count: int) -> None:
    """Put furniture on some of the spots (x, y)."""
    adders = [
        furniture.add_bench,
        furniture.add_lamp,
        furniture.add_crates,
        furniture.add_planter,
        furniture.add_tree,
        furniture.add_van,
    ]
    kinds = chance.layout.permutation(len(adders))
    for index, spot in enumerate(chance.layout.permutation(len(spots))[:count]):
        x, y = spots[int(spot)]
        rng = chance.piece(100 + index)
        frame = Frame(x, y, 0.0, float(rng.choice([0.0, 90.0, 180.0])) + float(rng.normal(0, 8)))
        adders[int(kinds[index % len(adders)])](builder, frame, rng)


def _square(builder: Builder, chance: Chance, shared_seed: int) -> Walk:
    """Buildings on three sides of a paved square, a monument or fountain and a kiosk near its middle."""
    depth = float(chance.layout.uniform(11, 14))
    half = float(chance.layout.uniform(13.5, 16))
    material = textures.slabs if chance.layout.random() < 0.5 else textures.cobbles
    _ground(builder, chance.layout, material, Frame(0.0, -2.0), 46.0, 46.0)
    numbers = [int(number) for number in chance.layout.permutation(5)]
    designs = [shared_seed * 16 + number for number in numbers]
    sizes = [building_size(design, 8.5, 12.0, 3) for design in designs]
    left = -sum(width for width, _ in sizes[:3]) / 2
    for design, (width, storeys) in zip(designs[:3], sizes[:3], strict=True):
        frame = Frame(left + width / 2, depth + float(chance.layout.uniform(0, 1.2)))
        add_building(builder, frame, width - 0.05, 9.0, storeys, design, chance.piece(design % 16))
        left += width
    for sign, design, (width, storeys) in zip((1, -1), designs[3:], sizes[3:], strict=True):
        frame = Frame(sign * half, depth - 3.5 - width / 2, 0.0, -90.0 * sign + float(chance.layout.uniform(-9, 9)))
        add_building(builder, frame, width, 8.0, storeys, design, chance.piece(design % 16))
    x, y = float(chance.layout.uniform(-2, 2)), float(chance.layout.uniform(1, 3.5))
    centrepiece = furniture.add_monument if chance.layout.random() < 0.5 else furniture.add_fountain
    centrepiece(builder, Frame(x, y, 0.0, float(chance.layout.uniform(0, 45))), chance.own)
    side = float(chance.layout.choice([-1, 1]))
    spot = Frame(x + side * float(chance.layout.uniform(3.8, 5.0)), y + float(chance.layout.uniform(1, 3)))
    furniture.add_kiosk(builder, spot, chance.piece(50))
    spots = [
        (-8.5, 8.0),
        (8.5, 8.0),
        (-4.0, 10.0),
        (4.5, 10.0),
        (-9.5, 2.0),
        (9.5, 2.0),
        (0.5, 9.0),
        (-6, 5.5),
        (6.5, 5),
    ]
    _scatter(builder, chance, spots, 6)
    return Walk((x, y + 1.0, 2.1), (11.5, 16.0), float(chance.layout.uniform(-10, 10)), 120.0)


def _street(builder: Builder, chance: Chance, shared_seed: int) -> Walk:
    """Two rows of buildings along a street with pavements, parked vans and trees; the walk goes along one side."""
    _ground(builder, chance.layout, textures.asphalt, Frame(0.0, -1.0), 70.0, 8.0)
    for y in (4.8, -6.8):
        kerb = Frame(0.0, y, 0.0)
        builder.box(
            kerb, (70.0, 3.6, 0.14), painter(chance.layout, textures.slabs), {"f": 0.5, "b": 0.5, "t": 0.6}, "fbt"
        )
    designs = iter(range(shared_seed * 16, shared_seed * 16 + 16))
    left = -30.0
    while left < 28:
        design = next(designs)
        width, storeys = building_size(design, 7.5, 12.0, 4)
        frame = Frame(left + width / 2, 6.6 + float(chance.layout.choice([0.0, 0.0, 0.8])))
        add_building(builder, frame, width - 0.02, 9.0, storeys, design, chance.piece(design % 16))
        left += width
    behind = Builder(builder.ppm * 0.6, builder.likeness)
    left = -30.0
    while left < 28:
        design = next(designs)
        width, storeys = building_size(design, 9.0, 13.0, 3)
        frame = Frame(left + width / 2, -8.6, 0.0, 180.0)
        add_building(behind, frame, width - 0.02, 9.0, storeys, design, chance.piece(design % 16))
        left += width
    builder.faces += behind.faces
    builder.footprints += behind.footprints
    spots = [(-13.0, 4.3), (-8.0, 4.2), (-3.5, 4.3), (2.0, 4.2), (6.5, 4.3), (12.0, 4.2)]
    _scatter(builder, chance, spots, 5)
    spot = Frame(float(chance.layout.uniform(-6, 6)), 1.9, 0.0, float(chance.layout.choice([0.0, 180.0])))
    furniture.add_van(builder, spot, chance.own)
    furniture.add_kiosk(builder, Frame(float(chance.layout.choice([-10.5, 9.5])), 4.4, 0.14), chance.piece(50))
    return Walk((0.0, 5.2, 2.6), (11.0, 13.5), 0.0, 92.0, (6.5, 0.0))


def _courtyard(builder: Builder, chance: Chance, shared_seed: int) -> Walk:
    """Four wings round a court with an arcade, a well or monument, tubs and a tree."""
    half_x, half_y = float(chance.layout.uniform(11.5, 13)), float(chance.layout.uniform(10.5, 12))
    material = textures.cobbles if chance.layout.random() < 0.6 else textures.grass
    _ground(builder, chance.layout, material, Frame(), 2 * half_x + 2, 2 * half_y + 2)
    storeys = int(chance.layout.integers(2, 4))
    north, south = (0.0, half_y, 0.0, half_x), (0.0, -half_y, 180.0, half_x)
    wings = [north, (half_x, 0.0, -90.0, half_y), (-half_x, 0.0, 90.0, half_y), south]
    for index, (x, y, yaw, half) in enumerate(wings):
        part = Builder(builder.ppm if index < 3 else builder.ppm * 0.6, builder.likeness)
        design = shared_seed * 16 + index % 3
        add_building(part, Frame(x, y, 0.0, yaw), 2 * half + 1.0, 6.0, storeys, design, chance.piece(index))
        builder.faces += part.faces
        builder.footprints += part.footprints
    x, y, yaw, half = wings[int(chance.layout.integers(0, 2))]
    furniture.add_arcade(builder, Frame(x, y, 0.0, yaw), 2 * half - 3.5, chance.piece(51))
    x, y = float(chance.layout.uniform(-1, 1)), float(chance.layout.uniform(0.5, 2))
    centrepiece = furniture.add_fountain if chance.layout.random() < 0.6 else furniture.add_monument
    centrepiece(builder, Frame(x, y), chance.own)
    furniture.add_tree(builder, Frame(-5.5, 6.0), chance.piece(50), 5.5)
    spots = [(-8.0, 3.0), (7.5, 5.0), (4.0, 7.0), (-2.5, 7.5), (6.5, -0.5), (-7.0, -1.0), (2.0, 6.5)]
    for index, spot in enumerate(chance.layout.permutation(len(spots))[:5]):
        adder = (furniture.add_planter, furniture.add_bench, furniture.add_crates)[index % 3]
        adder(builder, Frame(*spots[int(spot)], 0.0, float(chance.layout.uniform(-30, 30))), chance.piece(100 + index))
    return Walk((x, y + 1.5, 2.0), (8.0, 10.0), float(chance.layout.uniform(-8, 8)), 130.0)


def make_place(
    kind: PlaceKind, seed: int, shared_seed: int, ppm: float, likeness: float = 1.0, common: float = 0.0
) -> Place:
    """Build and light a place. `shared_seed`: decides the buildings' fronts, `seed` the rest; `ppm`: texels a metre.

    `likeness`: share of the fronts that are the same to the texel in all places of one `shared_seed`, 0 … 1; the others
    share colours and windows' design. `common`: share of wear and furniture that is the same, see `Chance`.
    """
    chance = Chance(seed, shared_seed, common)
    builder = Builder(ppm, likeness)
    walk = {"square": _square, "street": _street, "courtyard": _courtyard}[kind](builder, chance, shared_seed)
    if kind != "courtyard":
        _backdrop(builder, chance.layout, 90.0)
    sun, cloudiness = random_sun(chance.layout, 180.0)
    return Place(bake(builder, sun), walk, cloudiness, float(chance.layout.uniform(90, 260)))


def make_lone_place(seed: int, ppm: float) -> Place:
    """Build a small place that is worth one photo: a hut in a meadow, a wall with bills, a pile of crates by a road."""
    rng = np.random.default_rng((seed, 2))
    builder = Builder(ppm)
    kind = int(rng.integers(3))
    material = (textures.grass, textures.slabs, textures.asphalt)[kind]
    _ground(builder, rng, material, Frame(0.0, 0.0), 18.0, 18.0)
    if kind == 1:
        add_building(builder, Frame(0.0, 3.0), 9.0, 4.0, 1, int(rng.integers(10**6, 10**9)), rng)
        walk = Walk((0.0, 3.0, 1.6), (6.0, 8.0), float(rng.uniform(-35, 35)), 0.0)
    else:
        if kind == 0:
            hut = Frame(float(rng.uniform(-2, 2)), 4.0, 0.0, float(rng.uniform(-40, 40)))
            builder.box(hut, (3.4, 2.6, 2.3), painter(rng, textures.wood))
            furniture.add_tree(builder, Frame(-4.0, 3.0), rng, 5.0)
            furniture.add_tree(builder, Frame(4.5, 6.0), rng, 6.0)
        else:
            furniture.add_van(builder, Frame(1.5, 3.0, 0.0, float(rng.uniform(-30, 30))), rng)
            furniture.add_lamp(builder, Frame(-3.0, 2.0), rng)
        furniture.add_crates(builder, Frame(-1.5, 0.5, 0.0, float(rng.uniform(-40, 40))), rng)
        furniture.add_bench(builder, Frame(2.0, 0.0, 0.0, float(rng.uniform(-40, 40))), rng)
        walk = Walk((0.0, 2.0, 1.4), (7.0, 9.0), float(rng.uniform(-50, 50)), 0.0)
    _backdrop(builder, rng, 60.0)
    sun, cloudiness = random_sun(rng, 180.0)
    return Place(bake(builder, sun, 16), walk, cloudiness, float(rng.uniform(60, 200)))


def _is_inside(world: World, center: FloatArray) -> bool:
    """Whether a camera centre is inside or within 0.7 m of something that stands on the ground."""
    spot = (float(center[0]), float(center[1]))
    return any(cv2.pointPolygonTest(base.astype(np.float32), spot, True) > -0.7 for base in world.footprints)


def walk_poses(place: Place, camera: Camera, count: int, rng: Rng) -> list[FloatArray]:
    """Poses (3, 4) of `count` photos along the place's walk; stands inside or close to something are drawn again."""
    walk = place.walk
    steps = np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
    arc = min(walk.arc_deg, 15.0 * max(count - 1, 1)) if count > 1 else 0.0
    probe = Camera(camera.model, 40, 30, (camera.params[0] * 40 / camera.width_px, 20.0, 15.0, 0.0))
    poses: list[FloatArray] = []
    for step in steps:
        for attempt in range(60):
            stray = rng.normal(0, 0.08) * arc / max(count - 1, 1) * (1 + attempt * 0.08)
            azimuth = np.radians(walk.azimuth_deg + step * arc / 2 + stray)
            base = np.array(walk.target_m) + np.array([*walk.drift_m, 0.0]) * step * (arc / max(walk.arc_deg, 1e-6))
            radius = rng.uniform(*walk.radius_m) * rng.uniform(1 - 0.02 * attempt, 1.0)
            center = base + radius * np.array([np.sin(azimuth), -np.cos(azimuth), 0.0])
            center[2] = rng.uniform(*walk.height_m) if rng.random() < 0.85 else rng.uniform(2.5, 4.0)
            target = base + rng.normal(0, (0.9, 0.5, 0.45))
            pose = look_at(center, target, float(rng.normal(0, 1.3)))
            if _is_inside(place.world, center):
                continue
            depth = depth_map(place.world, pose, probe)
            if (depth < 2.6).mean() < 0.10 and np.median(depth[8:22, 10:30]) > 4.0:
                break
        poses.append(pose)
    return poses
