"""Rendered pixels, labels and files agree with the true cameras."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from scenesort.errors import OptionError
from scenesort.synthetic import (
    CollectionSpec,
    Face,
    Look,
    Place,
    SceneSpec,
    Sun,
    TruePhoto,
    World,
    center_in_world,
    demo_spec,
    depth_map,
    look_at,
    make_collection,
    make_place,
    make_scene,
    many_photos,
    project,
    render_photo,
    simple_radial,
    turn_camera,
    turn_pose,
    walk_poses,
)
from scenesort.types import Camera, FloatArray

SUN = Sun(180.0, 40.0, (0.8, 0.8, 0.7), (0.5, 0.5, 0.6))
SIZE = {"width_px": 160, "height_px": 120}


def board_world() -> tuple[World, FloatArray]:
    """An 8 × 6 chequered board of 0.5 m squares that faces south, and its inner corners (n, 3)."""
    square = 40
    checks = (np.indices((6, 8)).sum(0) % 2 * 170 + 40).astype(np.uint8)
    texture = np.repeat(np.kron(checks, np.ones((square, square), np.uint8))[:, :, None], 3, 2)
    face = Face(np.array([-2.0, 0.0, 3.0]), np.array([4.0, 0.0, 0.0]), np.array([0.0, 0.0, -3.0]), texture)
    grid = np.meshgrid(np.arange(1, 8) * 0.5 - 2.0, 3.0 - np.arange(1, 6) * 0.5)
    corners = np.stack([grid[0].ravel(), np.zeros(35), grid[1].ravel()], 1)
    return World((face,), SUN), corners


def corner_errors(image: np.ndarray, pixels: FloatArray) -> FloatArray:
    """Distance in pixels between predicted corners and those found in the image."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    start = (pixels - 0.5).astype(np.float32).reshape(-1, 1, 2)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 60, 1e-4)
    found = cv2.cornerSubPix(grey, start.copy(), (4, 4), (-1, -1), criteria).reshape(-1, 2) + 0.5
    return np.linalg.norm(found - pixels, axis=1)


@pytest.mark.parametrize("k", [0.0, -0.12, 0.06])
@pytest.mark.parametrize(("x", "roll_deg"), [(0.0, 0.0), (2.5, 12.0), (-3.0, -75.0)])
def test_known_corners_land_on_their_pixels(k: float, x: float, roll_deg: float) -> None:
    world, corners = board_world()
    camera = simple_radial(480, 360, 400.0, k)
    pose = look_at(np.array([x, -5.0, 1.2]), np.array([0.2, 0.0, 1.5]), roll_deg)
    pixels, depth = project(corners, pose, camera)
    inside = ((pixels > 8) & (pixels < (472, 352))).all(1)
    assert inside.sum() > 15
    assert (depth > 0).all()
    errors = corner_errors(render_photo(world, pose, camera), pixels[inside])
    assert np.median(errors) < 0.1
    assert errors.max() < 0.3


def test_turned_frames_turn_the_pixels() -> None:
    world, corners = board_world()
    camera = replace(simple_radial(320, 240, 260.0, -0.05), params=(260.0, 150.0, 126.0, -0.05))
    pose = look_at(np.array([1.5, -5.0, 1.2]), np.array([0.0, 0.0, 1.5]))
    upright = render_photo(world, pose, camera)
    for turns in (1, 2, 3):
        turned_camera, turned_pose = turn_camera(camera, turns), turn_pose(pose, turns)
        turned = render_photo(world, turned_pose, turned_camera)
        difference = np.abs(turned.astype(int) - np.rot90(upright, -turns).astype(int))
        assert difference.mean() < 0.5
        np.testing.assert_allclose(center_in_world(turned_pose), center_in_world(pose), atol=1e-9)
        pixels, _ = project(corners, turned_pose, turned_camera)
        assert np.median(corner_errors(turned, pixels)) < 0.12


@pytest.fixture(scope="module")
def square() -> Place:
    return make_place("square", 5, 5, 16.0)


def test_depth_agrees_with_projected_corners(square: Place) -> None:
    camera = simple_radial(320, 240, 260.0, -0.04)
    pose = walk_poses(square, camera, 5, np.random.default_rng(0))[2]
    depth = depth_map(square.world, pose, camera, 1)
    pixels, true_depth = project(square.world.corners, pose, camera)
    shown = (true_depth > 0.5) & (pixels > 2).all(1) & (pixels < (318, 238)).all(1)
    assert shown.sum() > 200
    columns, rows = pixels[shown].astype(int).T
    nearest = np.array([depth[y - 1 : y + 2, x - 1 : x + 2].min() for x, y in zip(columns, rows, strict=True)])
    # A corner is on the nearest surface or behind it, but for the slope of that surface within a pixel.
    assert (nearest < true_depth[shown] * 1.03 + 0.05).mean() > 0.98
    assert (np.abs(nearest / true_depth[shown] - 1) < 0.02).mean() > 0.15


def test_walks_overlap_and_keep_clear(square: Place) -> None:
    camera = simple_radial(160, 120, 130.0)
    poses = walk_poses(square, camera, 9, np.random.default_rng(1))
    centers = np.array([center_in_world(pose) for pose in poses])
    target = np.array(square.walk.target_m)
    rays = (centers - target) / np.linalg.norm(centers - target, axis=1, keepdims=True)
    baselines = np.degrees(np.arccos((rays[1:] * rays[:-1]).sum(1)))
    assert baselines.min() > 6
    assert baselines.max() < 25
    for pose in poses:
        assert (depth_map(square.world, pose, camera) < 2.6).mean() < 0.2


def test_looks_change_pixels_but_not_geometry(square: Place) -> None:
    camera = simple_radial(160, 120, 130.0)
    pose = walk_poses(square, camera, 1, np.random.default_rng(1))[0]
    plain = render_photo(square.world, pose, camera)
    bright = render_photo(square.world, pose, camera, Look(exposure=1.4, vignetting=0.3, noise=4.0, blur_px=0.5))
    assert plain.shape == bright.shape == (120, 160, 3)
    assert bright.mean() > plain.mean() * 1.1
    assert np.corrcoef(plain.ravel(), bright.ravel())[0, 1] > 0.9


def small(name: str, seed: int, shared_seed: int | None = None, **options: int | bool) -> SceneSpec:
    return replace(SceneSpec(name, "square", seed, 3, shared_seed, **SIZE), **options)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def numbers(text: str) -> FloatArray:
    return np.array([float(part) for part in text.split(";")])


@pytest.fixture(scope="module")
def turned_spec() -> CollectionSpec:
    scenes = (small("a", 1, has_exif=True, num_turned_exif=1, num_turned=2), small("b", 2, 1))
    return CollectionSpec("pile", scenes, 1, 3, **SIZE)


@pytest.fixture(scope="module")
def pile(tmp_path_factory: pytest.TempPathFactory, turned_spec: CollectionSpec) -> Path:
    folder = tmp_path_factory.mktemp("pile")
    assert make_collection(folder, turned_spec) == folder / "pile"
    return folder


def test_tables_and_files(pile: Path) -> None:
    labels, cameras, thresholds = (read(pile / f"{name}.csv") for name in ("labels", "cameras", "thresholds"))
    assert list(labels[0]) == ["dataset", "scene", "image", "rotation_matrix", "translation_vector"]
    files = sorted(path.name for path in (pile / "pile").iterdir())
    assert sorted(row["image"] for row in labels) == sorted(row["image"] for row in cameras) == files
    assert sorted(row["scene"] for row in labels) == ["a", "a", "a", "b", "b", "b", "outliers"]
    outlier = next(row for row in labels if row["scene"] == "outliers")
    assert outlier["rotation_matrix"] == ";".join(["nan"] * 9)
    assert outlier["translation_vector"] == "nan;nan;nan"
    assert [row["scene"] for row in thresholds] == ["a", "b"]
    np.testing.assert_allclose(
        numbers(thresholds[0]["thresholds"]) * 200 / numbers(thresholds[0]["thresholds"])[0],
        [200, 400, 800, 1600, 3200, 6400],
    )
    for row in cameras:
        with Image.open(pile / "pile" / row["image"]) as image:
            assert image.size == (int(row["width"]), int(row["height"]))
            assert image.format == "JPEG"


def test_exif(pile: Path) -> None:
    scene_of = {row["image"]: row["scene"] for row in read(pile / "labels.csv")}
    cameras = {row["image"]: row for row in read(pile / "cameras.csv")}
    orientations = []
    for name, scene in scene_of.items():
        with Image.open(pile / "pile" / name) as image:
            exif = image.getexif()
        if scene == "a":
            focal, diagonal = numbers(cameras[name]["params"])[0], np.hypot(*SIZE.values())
            assert exif.get_ifd(0x8769)[0xA405] == pytest.approx(focal * 43.27 / diagonal, abs=0.51)
            orientations.append(exif.get(0x0112, 1))
        elif scene == "b":
            assert 0xA405 not in exif.get_ifd(0x8769)
    assert sorted(orientations)[:2] == [1, 1]
    assert sorted(orientations)[2] in (6, 8)


def predicted(photo: TruePhoto, other: TruePhoto, depth: np.ndarray, camera: Camera) -> FloatArray:
    """Grey levels of `other` where `photo`'s pixels should be seen in it, nan outside."""
    rows, columns = np.mgrid[0 : camera.height_px, 0 : camera.width_px]
    focal, cx, cy, _ = camera.params
    rays = np.stack([(columns + 0.5 - cx) / focal, (rows + 0.5 - cy) / focal, np.ones(rows.shape)], -1)
    local = np.where(np.isfinite(depth), depth, 1e4)[:, :, None] * rays
    rotation, translation = photo.cam_from_world[:, :3], photo.cam_from_world[:, 3]
    points = (local.reshape(-1, 3) - translation) @ rotation
    pixels, ahead = project(points, other.cam_from_world, other.camera)
    grey = cv2.cvtColor(other.image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    pixels = np.where(np.isfinite(pixels), pixels, -10)
    seen = cv2.remap(
        grey, *(pixels.T.reshape(2, *depth.shape).astype(np.float32) - 0.5), cv2.INTER_LINEAR, borderValue=-1.0
    )
    seen[(seen < 0) | (ahead.reshape(depth.shape) < 0.2) | ~np.isfinite(depth)] = np.nan
    return seen


def test_labels_of_turned_photos_predict_stored_pixels() -> None:
    spec = small("t", 7, num_turned=2, num_turned_exif=1, radial=0.0)
    spec = replace(spec, num_photos=4)
    photos = make_scene(spec)
    place = make_place("square", 7, 7, 16.0)
    sizes = sorted(photo.image.shape[:2] for photo in photos)
    assert len({photo.stored_turns != 0 for photo in photos}) == 2
    assert all(photo.image.shape[:2] == (photo.camera.height_px, photo.camera.width_px) for photo in photos)
    assert sizes[0] == (120, 160)
    plain = next(photo for photo in photos if photo.stored_turns == 0)
    depth = depth_map(place.world, plain.cam_from_world, plain.camera, 1)
    grey = cv2.cvtColor(plain.image, cv2.COLOR_RGB2GRAY).astype(np.float64)
    turned = [photo for photo in photos if photo.stored_turns]
    assert len(turned) == 3
    for photo in turned:
        seen = predicted(plain, photo, depth, plain.camera)
        common = np.isfinite(seen)
        assert common.mean() > 0.15
        right = np.corrcoef(grey[common], seen[common])[0, 1]
        wrong_pose = replace(photo, cam_from_world=turn_pose(photo.cam_from_world, 2))
        upside_down = predicted(plain, wrong_pose, depth, plain.camera)
        common = np.isfinite(upside_down)
        wrong = np.corrcoef(grey[common], upside_down[common])[0, 1] if common.any() else 0.0
        assert right > 0.45
        assert right > wrong + 0.2


def digests(photos: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in photos.iterdir()}


def test_same_seed_same_bytes_other_seed_other(tmp_path: Path, pile: Path, turned_spec: CollectionSpec) -> None:
    before = digests(pile / "pile")
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        again = digests(make_collection(tmp_path / "again", replace(turned_spec, scenes=turned_spec.scenes[:1])))
    finally:
        cv2.setNumThreads(threads)
    scene_of = {row["image"]: row["scene"] for row in read(pile / "labels.csv")}
    same = [name for name, scene in scene_of.items() if scene == "a"]
    assert {name: before[name] for name in same} == {name: again[name] for name in same}
    other = digests(make_collection(tmp_path / "other", replace(turned_spec, seed=4, scenes=())))
    assert not set(before) & set(other)
    assert not set(before.values()) & set(other.values())


def test_look_alikes_share_fronts_but_differ(square: Place) -> None:
    one, alike = (make_place("square", seed, 1, 16.0).world for seed in (1, 2))
    stranger = square.world

    def fronts(world: World) -> list[np.ndarray]:
        """Large upright faces at low resolution, without their mean: the light differs between the places."""
        found = []
        for face in world.faces:
            tall, wide = float(np.linalg.norm(face.v)), float(np.linalg.norm(face.u))
            if tall > 6 and 8 < wide < 12.5 and abs(face.normal[2]) < 0.1 and face.texture.shape[1] > 100:
                small_image = cv2.resize(cv2.cvtColor(face.texture, cv2.COLOR_RGB2GRAY), (64, 48)).astype(np.float32)
                found.append(small_image - cv2.GaussianBlur(small_image, (0, 0), 6))
        return found

    def best(first: World, second: World) -> list[float]:
        return [max(float(np.corrcoef(a.ravel(), b.ravel())[0, 1]) for b in fronts(second)) for a in fronts(first)]

    assert np.median(best(one, alike)) > np.median(best(one, stranger)) + 0.15
    assert max(best(one, alike)) < 0.999
    assert np.quantile(best(one, alike), 0.8) > 0.7


def test_counts(tmp_path: Path) -> None:
    spec = demo_spec(seed=1, width_px=96, height_px=72)
    assert len(spec.scenes) == 3
    assert all(8 <= scene.num_photos <= 12 for scene in spec.scenes)
    assert spec.num_outliers == 4
    assert spec.scenes[0].shared_seed is None
    assert spec.scenes[1].shared_seed == spec.scenes[0].seed
    photos = many_photos(tmp_path, 3, photos_per_scene=2, width_px=64)
    assert len(list(photos.glob("*.jpg"))) == 3
    assert [row["scene"] for row in read(tmp_path / "thresholds.csv")] == ["scene00000", "scene00001"]


def test_bad_specs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="turned"):
        make_scene(small("x", 1, num_turned=4))
    with pytest.raises(OptionError, match="names"):
        make_collection(tmp_path, CollectionSpec("c", (small("outliers", 1),)))
    with pytest.raises(OptionError, match="at least one"):
        many_photos(tmp_path, 0)
