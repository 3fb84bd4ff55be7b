"""Writes photo collections of rendered places with labels, thresholds and true cameras."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from scenesort.errors import OptionError
from scenesort.synthetic.cameras import grid_camera, simple_radial, turn_camera, turn_pose
from scenesort.synthetic.places import PLACE_KINDS, Place, PlaceKind, make_lone_place, make_place, walk_poses
from scenesort.synthetic.render import Look, depth_map, forget_textures, render_photo
from scenesort.synthetic.textures import Rng
from scenesort.synthetic.truth import write_depths
from scenesort.types import Camera, Float32Array, FloatArray, ImageArray

OUTLIERS = "outliers"
CELL_PX = 8
"""Side in pixels of the cells of true depth."""
THRESHOLD_PERCENT = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
ORIENTATION_TAG = {0: 1, 1: 8, 2: 3, 3: 6}
"""EXIF orientation of pixels stored turned clockwise by this many quarter turns."""


@dataclass(frozen=True)
class SceneSpec:
    """One place and how it is photographed.

    `seed` decides all but the buildings' fronts, which `shared_seed` decides (`seed` where None): scenes with one
    `shared_seed` look alike. `likeness`: share of its fronts that are the same but for wear, 0 … 1; the rest have the
    same design. `common`: share of their wear and furniture that is the same, 0 … 1; with any, so are layout, ground
    and light, and only what stands in the middle is its own. `focal_ratio`: focal length / longer side. `radial`:
    SIMPLE_RADIAL's k. `num_turned` photos are stored turned by 90 degrees with no sign of it, `num_turned_exif` with
    an EXIF orientation. `has_exif`: focal length and time in EXIF.
    """

    name: str
    kind: PlaceKind
    seed: int
    num_photos: int = 10
    shared_seed: int | None = None
    likeness: float = 1.0
    common: float = 0.0
    width_px: int = 800
    height_px: int = 600
    focal_ratio: float = 0.82
    radial: float = -0.03
    has_exif: bool = False
    num_turned: int = 0
    num_turned_exif: int = 0


@dataclass(frozen=True)
class CollectionSpec:
    """A mixed pile of photos: scenes and outliers. `width_px` × `height_px`: size of the outlier photos."""

    name: str
    scenes: tuple[SceneSpec, ...]
    num_outliers: int = 0
    seed: int = 0
    width_px: int = 800
    height_px: int = 600


@dataclass(frozen=True, eq=False)
class TruePhoto:
    """A rendered photo with what is known of it; pose and camera are those of the stored pixels.

    `image`: (h, w, 3) uint8 RGB as stored. `cam_from_world`: (3, 4), metres. `stored_turns`: quarter turns clockwise
    that took the upright photo to the stored pixels; `orientation` is its EXIF tag, 1 where it has none. `distance_m`:
    median depth of what it shows. `depth_m`: (rows, columns) float32, depth along the optical axis in the middle of
    cells of `CELL_PX` pixels, inf for sky.
    """

    scene: str
    image: ImageArray
    cam_from_world: FloatArray
    camera: Camera
    stored_turns: int
    orientation: int
    distance_m: float
    has_exif: bool
    taken_at_s: float
    depth_m: Float32Array


def texels_per_m(width_px: int) -> float:
    """Texture density that suits photos of this width."""
    return float(np.clip(0.1 * width_px, 16.0, 160.0))


def _random_look(rng: Rng, place: Place, width_px: int) -> Look:
    warmth = float(rng.normal(0, 0.035))
    return Look(
        exposure=float(np.exp(rng.normal(0, 0.10))),
        metering=0.7,
        white_balance=(1 + warmth, 1.0 + float(rng.normal(0, 0.01)), 1 - warmth),
        vignetting=float(rng.uniform(0.05, 0.25)),
        blur_px=float(rng.uniform(0.3, 0.65)) * max(0.6, width_px / 1000),
        noise=float(rng.uniform(1.0, 4.0)),
        contrast=float(rng.uniform(0.1, 0.5)),
        haze_m=place.haze_m,
        sky_seed=int(rng.integers(2**31)) if rng.random() < 0.25 else 0,
        sky_yaw_deg=float(rng.uniform(0, 360)),
        cloudiness=place.cloudiness,
        noise_seed=int(rng.integers(2**31)),
    )


def _photo(
    place: Place, pose: FloatArray, camera: Camera, rng: Rng, spec: SceneSpec, turns: int = 0, tag: int = 1
) -> TruePhoto:
    look = _random_look(rng, place, spec.width_px)
    look = replace(look, sky_seed=look.sky_seed or spec.seed + 1)
    depth = depth_map(place.world, pose, grid_camera(camera, CELL_PX))
    solid = depth[np.isfinite(depth) & (depth < 80)]
    return TruePhoto(
        scene=spec.name,
        image=render_photo(place.world, pose, camera, look),
        cam_from_world=pose,
        camera=camera,
        stored_turns=turns,
        orientation=tag,
        distance_m=float(np.median(solid)) if len(solid) else 10.0,
        has_exif=spec.has_exif,
        taken_at_s=0.0,
        depth_m=depth,
    )


def make_scene(spec: SceneSpec) -> list[TruePhoto]:
    """Render one scene's photos, in the order of the walk.

    Turned photos alternate between pictures held upright (portrait) and lying ones stored on their side.
    """
    if spec.num_turned + spec.num_turned_exif > spec.num_photos:
        raise OptionError(f"Scene {spec.name}: more turned photos than photos; lower num_turned or num_turned_exif.")
    shared = spec.seed if spec.shared_seed is None else spec.shared_seed
    place = make_place(spec.kind, spec.seed, shared, texels_per_m(spec.width_px), spec.likeness, spec.common)
    focal_px = spec.focal_ratio * max(spec.width_px, spec.height_px)
    base = simple_radial(spec.width_px, spec.height_px, focal_px, spec.radial)
    rng = np.random.default_rng((spec.seed, 3))
    poses = walk_poses(place, base, spec.num_photos, rng)
    chosen = rng.permutation(spec.num_photos).tolist()
    hard, tagged = set(chosen[: spec.num_turned]), set(chosen[spec.num_turned :][: spec.num_turned_exif])
    photos: list[TruePhoto] = []
    time_s = float(1_700_000_000 + 1000 * (spec.seed % 50_000))
    for index, upright in enumerate(poses):
        turns, camera, tag = 0, base, 1
        if index in hard or index in tagged:
            turns = int(rng.choice([1, 3]))
            # Held upright, the sensor itself is turned; a lying photo turned later has swapped sides.
            held_upright = index in tagged or len(photos) % 2 == 0
            camera = base if held_upright else turn_camera(base, turns)
            tag = ORIENTATION_TAG[turns] if index in tagged else 1
        time_s += float(rng.integers(5, 40))
        photo = _photo(place, turn_pose(upright, turns), camera, rng, spec, turns, tag)
        photos.append(replace(photo, taken_at_s=time_s))
    forget_textures()
    return photos


def make_outlier(seed: int, width_px: int, height_px: int) -> TruePhoto:
    """Render a photo of a place that no other photo shows; its pose is known but means nothing to others."""
    rng = np.random.default_rng((seed, 4))
    has_exif = bool(rng.random() < 0.5)
    spec = SceneSpec(OUTLIERS, "square", seed, width_px=width_px, height_px=height_px, has_exif=has_exif)
    place = make_lone_place(seed, texels_per_m(width_px))
    focal = float(rng.uniform(0.75, 1.1)) * max(width_px, height_px)
    camera = simple_radial(width_px, height_px, focal, float(rng.uniform(-0.05, 0.02)))
    pose = walk_poses(place, camera, 1, rng)[0]
    photo = _photo(place, pose, camera, rng, spec)
    forget_textures()
    return replace(photo, taken_at_s=1_710_000_000.0 + seed % 10_000)


def _save(photo: TruePhoto, path: Path, quality: int) -> None:
    image = Image.fromarray(photo.image)
    exif = Image.Exif()
    if photo.orientation != 1:
        exif[0x0112] = photo.orientation
    if photo.has_exif:
        camera = photo.camera
        diagonal_px = float(np.hypot(camera.width_px, camera.height_px))
        stamp = np.datetime64(int(photo.taken_at_s), "s").item().strftime("%Y:%m:%d %H:%M:%S")
        exif[0x010F], exif[0x0110] = "Scenesort", "Synthetic 1"
        details = exif.get_ifd(0x8769)
        details[0x9003] = stamp
        # 43.27 mm: diagonal of the 36 × 24 mm film to which the equivalent refers.
        details[0xA405] = round(camera.params[0] * 43.27 / diagonal_px)
        details[0x920A] = round(camera.params[0] * 7.2 / diagonal_px, 2)
    if len(exif) or photo.has_exif:
        image.save(path, quality=quality, exif=exif)
    else:
        image.save(path, quality=quality)


def _joined(values: Sequence[float] | FloatArray) -> str:
    return ";".join(repr(float(value)) for value in np.asarray(values, np.float64).ravel())


class _Writer:
    """Saves photos under opaque names and keeps the rows of the tables, which are written sorted by name."""

    def __init__(self, folder: Path, collection: str, seed: int) -> None:
        self.folder, self.collection, self.seed = folder, collection, seed
        self.labels: list[tuple[str, ...]] = []
        self.cameras: list[tuple[str, ...]] = []
        self.thresholds: list[tuple[str, ...]] = []
        self.depths: dict[str, Float32Array] = {}
        self.rng = np.random.default_rng((seed, 6))
        self.photos = folder / collection
        self.photos.mkdir(parents=True, exist_ok=True)

    def add(self, scene: str, photos: Sequence[TruePhoto]) -> None:
        for photo in photos:
            key = f"{self.seed}/{self.collection}/{len(self.labels)}"
            name = hashlib.sha256(key.encode()).hexdigest()[:12] + ".jpg"
            _save(photo, self.photos / name, int(self.rng.integers(86, 96)))
            pose = photo.cam_from_world if scene != OUTLIERS else np.full((3, 4), np.nan)
            self.labels.append((self.collection, scene, name, _joined(pose[:, :3]), _joined(pose[:, 3])))
            camera = photo.camera
            size = (str(camera.width_px), str(camera.height_px))
            self.depths[name] = photo.depth_m
            self.cameras.append((name, camera.model, *size, _joined(camera.params)))
        if scene != OUTLIERS:
            distance = float(np.median([photo.distance_m for photo in photos]))
            values = [percent / 100 * distance for percent in THRESHOLD_PERCENT]
            self.thresholds.append((self.collection, scene, _joined(values)))

    def finish(self) -> Path:
        header = ("dataset", "scene", "image", "rotation_matrix", "translation_vector")
        self._table("labels.csv", header, sorted(self.labels, key=lambda row: row[2]))
        self._table("thresholds.csv", ("dataset", "scene", "thresholds"), sorted(self.thresholds))
        self._table("cameras.csv", ("image", "model", "width", "height", "params"), sorted(self.cameras))
        write_depths(self.folder, self.depths, CELL_PX)
        return self.photos

    def _table(self, name: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        with (self.folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)


def make_collection(folder: Path, spec: CollectionSpec) -> Path:
    """Write a collection and return the folder of its photos, `folder/<collection>`.

    Beside it go `labels.csv` (the challenge's layout; `cam_from_world` of the stored pixels, metres; nan for outliers),
    `thresholds.csv` (metres: 0.5, 1, 2, 4, 8 and 16 % of the median distance to what the photos show) and `cameras.csv`
    (true intrinsics in COLMAP's terms, pixels of the stored photo) and `depths.npz` (true depth, for the `oracle`).
    """
    if len({scene.name for scene in spec.scenes} | {OUTLIERS}) != len(spec.scenes) + 1:
        raise OptionError(f"Collection {spec.name}: scene names must differ, and none may be '{OUTLIERS}'.")
    writer = _Writer(folder, spec.name, spec.seed)
    for scene in spec.scenes:
        writer.add(scene.name, make_scene(scene))
    outlier_seeds = np.random.default_rng((spec.seed, 8)).integers(10**6, 2**31, spec.num_outliers)
    for seed in outlier_seeds.tolist():
        writer.add(OUTLIERS, [make_outlier(seed, spec.width_px, spec.height_px)])
    return writer.finish()


def demo_spec(seed: int = 0, width_px: int = 800, height_px: int = 600) -> CollectionSpec:
    """Two squares that look alike, a street and four outliers: 34 photos."""
    first = 1000 * seed
    market = SceneSpec("market", "square", first + 1, 10, has_exif=True, num_turned_exif=2)
    station = SceneSpec("station", "square", first + 2, 9, first + 1, 0.2, focal_ratio=0.9, radial=-0.05, num_turned=1)
    lane = SceneSpec("lane", "street", first + 3, 11, focal_ratio=0.78, radial=-0.02, num_turned=1, num_turned_exif=1)
    scenes = tuple(replace(scene, width_px=width_px, height_px=height_px) for scene in (market, station, lane))
    return CollectionSpec("demo", scenes, 4, seed, width_px, height_px)


def many_photos(folder: Path, num_photos: int, photos_per_scene: int = 12, width_px: int = 640, seed: int = 0) -> Path:
    """Write a collection of any size for growth benchmarks: scenes of all kinds one after the other, one in memory.

    Photos are `width_px` × 3/4 `width_px`; the last scene takes the remainder. Returns the folder of the photos.
    """
    if num_photos < 1 or photos_per_scene < 1:
        raise OptionError("many_photos needs at least one photo and one photo a scene.")
    scenes = []
    for index, start in enumerate(range(0, num_photos, photos_per_scene)):
        count = min(photos_per_scene, num_photos - start)
        kind = PLACE_KINDS[index % len(PLACE_KINDS)]
        scenes.append(
            SceneSpec(
                f"scene{index:05d}",
                kind,
                100_000 * (seed + 1) + index,
                count,
                width_px=width_px,
                height_px=round(width_px * 0.75),
                focal_ratio=0.75 + 0.05 * (index % 5),
                radial=-0.01 * (index % 6),
                has_exif=index % 2 == 0,
            )
        )
    return make_collection(folder, CollectionSpec("many", tuple(scenes), 0, seed, width_px, round(width_px * 0.75)))
