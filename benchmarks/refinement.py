"""Refinement of predicted poses: errors before and after, by noise of the prediction, variant and intrinsics.

usage: python benchmarks/refinement.py [--seeds 0,1,2] [--part grid|wrong|rendered ...] [--json FILE]

`grid`: simulated scenes (refinement_worlds.py), a place and a prediction a seed. `wrong`: what is known to ruin poses,
done on purpose, without and with the checks. `rendered`: rendered photos with SIFT keypoints and verified matches.
Errors are means over photos after alignment by a similarity; centres in % of the scene's size, the median distance of
the cameras from their middle. Each figure is the mean over the seeds and the largest distance of a seed from it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from refinement_worlds import Noise, World, pose_errors, predict, rendered, rotation_by, simulated
from scenesort.geometry import center_in_world, invert
from scenesort.mapping.pose_models import ScenePrediction
from scenesort.mapping.refinement import RefinementSettings, refine
from scenesort.types import FloatArray
from tables import show, write_json

VARIANTS = ("ba", "ba_points", "ba_retriangulate")
LEVELS = (
    Noise(0.5, 0.01, 0.05),
    Noise(1.0, 0.02, 0.05),
    Noise(2.0, 0.05, 0.0),
    Noise(2.0, 0.05, 0.05),
    Noise(2.0, 0.05, 0.10),
    Noise(5.0, 0.10, 0.05),
)
USUAL = Noise(1.0, 0.02, 0.05)
FINE = Noise(0.3, 0.01, 0.02)
COLUMNS = ("rotation, deg", "centre, %", "mAA", "held out, px", "s", "kept input")

Figures = dict[str, Any]
Change = Callable[[ScenePrediction], ScenePrediction]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--part", action="append", choices=("grid", "wrong", "rendered"), help="default: all")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    figures: list[Figures] = []
    for name, rows in {"grid": _grid, "wrong": _wrong, "rendered": _rendered}.items():
        if arguments.part is None or name in arguments.part:
            found = rows(seeds)
            _show(name, found)
            figures += [{"part": name, **row} for row in found]
    write_json(arguments.json, figures)


@cache
def _usual(seed: int) -> World:
    return simulated(seed, 10, num_points=600)


def _grid(seeds: Sequence[int]) -> list[Figures]:
    worlds = {seed: _usual(seed) for seed in seeds}
    return [row for noise in LEVELS for row in _level(_named(noise), worlds, noise)]


def _rendered(seeds: Sequence[int]) -> list[Figures]:
    worlds = {seed: rendered(seed) for seed in seeds}
    return [row for noise in (USUAL, Noise(5.0, 0.10, 0.05)) for row in _level(_named(noise), worlds, noise)]


def _level(name: str, worlds: dict[int, World], noise: Noise) -> list[Figures]:
    predictions = {seed: predict(world, noise, seed) for seed, world in worlds.items()}
    rows = [_row(f"{name}, predicted", worlds, predictions, RefinementSettings(variant="none"))]
    for variant in VARIANTS:
        shared = RefinementSettings(variant=variant, intrinsics="scene")
        rows.append(_row(f"{name}, {variant}, shared", worlds, predictions, shared))
        # The checks would share the intrinsics here.
        free = replace(shared, intrinsics="free", check=False)
        rows.append(_row(f"{name}, {variant}, free", worlds, predictions, free))
    return rows


def _wrong(seeds: Sequence[int]) -> list[Figures]:
    usual = {seed: _usual(seed) for seed in seeds}
    narrow = {seed: simulated(seed, 5, arc_share=0.04, num_points=400) for seed in seeds}
    sparse = {seed: simulated(seed, 5, arc_share=0.3, num_points=60, min_matches=8) for seed in seeds}
    shared = RefinementSettings(variant="ba", intrinsics="scene")
    cases: list[tuple[str, dict[int, World], Change, RefinementSettings]] = [
        ("poses inverted", usual, _with_poses(invert), shared),
        ("poses with OpenGL axes", usual, _with_poses(lambda poses: np.diag([1.0, -1.0, -1.0]) @ poses), shared),
        ("poses of the next photo", usual, _with_poses(lambda poses: np.roll(poses, 1, axis=0)), shared),
        ("poses of another scene", usual, _with_poses(_random_poses), shared),
        ("one photo turned by 60 deg", usual, _with_poses(_one_turned), shared),
        ("point maps twice as large", usual, _with_point_maps(2.0), replace(shared, variant="ba_points")),
        ("few points", sparse, lambda prediction: prediction, shared),
        ("free intrinsics, little parallax", narrow, lambda prediction: prediction, replace(shared, intrinsics="free")),
        (
            "free intrinsics, little parallax, no priors",
            narrow,
            lambda prediction: prediction,
            replace(shared, intrinsics="free", prior_share=0.0),
        ),
        ("shared intrinsics, little parallax", narrow, lambda prediction: prediction, shared),
    ]
    rows = []
    for name, worlds, change, settings in cases:
        noise = FINE if worlds is narrow else USUAL
        predictions = {seed: change(predict(world, noise, seed)) for seed, world in worlds.items()}
        rows.append(_row(f"{name}, predicted", worlds, predictions, RefinementSettings(variant="none")))
        rows.append(_row(f"{name}, unchecked", worlds, predictions, replace(settings, check=False)))
        rows.append(_row(f"{name}, checked", worlds, predictions, settings))
    return rows


def _with_poses(change: Callable[[FloatArray], FloatArray]) -> Change:
    def changed(prediction: ScenePrediction) -> ScenePrediction:
        poses = change(np.array([photo.cam_from_world for photo in prediction.photos]))
        photos = (replace(photo, cam_from_world=pose) for photo, pose in zip(prediction.photos, poses, strict=True))
        return replace(prediction, photos=tuple(photos))

    return changed


def _with_point_maps(scale: float) -> Change:
    def changed(prediction: ScenePrediction) -> ScenePrediction:
        photos = []
        for photo in prediction.photos:
            assert photo.point_map is not None
            larger = replace(photo.point_map, points_xyz=np.float32(scale) * photo.point_map.points_xyz)
            photos.append(replace(photo, point_map=larger))
        return replace(prediction, photos=tuple(photos))

    return changed


def _random_poses(poses: FloatArray) -> FloatArray:
    rng = np.random.default_rng(len(poses))
    centers = center_in_world(poses)
    turns = np.array([rotation_by(rng.normal(0, 2.0, 3)) for _ in poses])
    moved = centers[rng.permutation(len(poses))] + rng.normal(0, 1.0, centers.shape)
    return np.concatenate([turns, -turns @ moved[:, :, None]], axis=2)


def _one_turned(poses: FloatArray) -> FloatArray:
    changed = poses.copy()
    turn = rotation_by(np.array([0.0, np.radians(60), 0.0])) @ poses[4, :, :3]
    changed[4] = np.column_stack([turn, -turn @ center_in_world(poses[4])])
    return changed


def _row(
    name: str, worlds: dict[int, World], predictions: dict[int, ScenePrediction], settings: RefinementSettings
) -> Figures:
    found, reasons, kept = [], [], 0
    for seed, world in worlds.items():
        started = time.process_time()
        result = refine(world.task, predictions[seed], replace(settings, seed=seed))
        seconds = time.process_time() - started
        poses = np.array([photo.cam_from_world for photo in result.scene.photos])
        found.append([*pose_errors(world, poses), result.error_after_px, seconds])
        reasons.append(result.reason)
        kept += not result.accepted
    values = np.array(found)
    return {
        "name": name,
        "mean": values.mean(axis=0).tolist(),
        "spread": np.abs(values - values.mean(axis=0)).max(axis=0).tolist(),
        "kept_input": kept,
        "reasons": reasons,
    }


def _named(noise: Noise) -> str:
    return f"{noise.rotation_deg:g} deg, {100 * noise.center_share:g}%, focal {100 * noise.focal_share:g}%"


def _show(title: str, rows: Sequence[Figures]) -> None:
    shown = []
    for row in rows:
        cells = [f"{mean:.2f} ± {spread:.2f}" for mean, spread in zip(row["mean"][:4], row["spread"], strict=False)]
        shown.append([row["name"], *cells, f"{row['mean'][4]:.1f}", str(row["kept_input"])])
    show(title, ["", *COLUMNS], shown)


if __name__ == "__main__":
    main()
