"""Drift of a long scene that a pose model sees window by window: `python benchmarks/pose_windows.py`.

The `oracle` poses 300 photos of a walk, along a street or round a block, with the noise that feed-forward models have.
Each photo is linked to those up to six before and after it. After the best similarity of all centres, the table gives
the error of centres as a share of the walk's extent; and, from the first 20 photos to the last 20, how much the frame
has turned and its scale has changed.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import numpy as np

from scenesort import geometry
from scenesort.mapping.scene_memory import predict_scene
from scenesort.synthetic import look_at, simple_radial
from scenesort.synthetic.oracle import Oracle, OracleNoise
from scenesort.synthetic.truth import TrueView
from scenesort.types import MappingPhoto
from tables import show, write_json

REALISTIC = OracleNoise(rotation_deg=1.0, translation=0.02, focal=0.02, points=0.02)
CELL_PX = 40
DEPTH_M = 10.0
REACH = 6
STEP_M = 1.0


def walk(shape: str, count: int) -> dict[str, TrueView]:
    """True views of a walk: along a `street` with façades 10 m away, or round a `block`, looking outwards."""
    camera = simple_radial(640, 480, 560.0)
    rows, columns = np.mgrid[: 480 // CELL_PX, : 640 // CELL_PX]
    views = {}
    for index in range(count):
        wobble = 0.4 * np.sin(1.7 * index)
        if shape == "street":
            center, towards = np.array([STEP_M * index, wobble, 1.6]), np.array([0.3, 1.0, 0.0])
        else:
            angle, radius = 2 * np.pi * index / count, STEP_M * count / (2 * np.pi) + wobble
            outwards = np.array([np.cos(angle), np.sin(angle), 0.0])
            center, towards = radius * outwards + [0.0, 0.0, 1.6], outwards
        depth = DEPTH_M * (1 + 0.3 * np.sin(0.9 * columns + index) * np.cos(0.7 * rows))
        pose = look_at(center, center + DEPTH_M * towards)
        views[f"{index:04d}.jpg"] = TrueView(pose, camera, depth.astype(np.float32), CELL_PX)
    return views


def links(names: list[str], shape: str) -> dict[tuple[str, str], int]:
    """Inliers of pairs up to `REACH` photos apart; a block's last photos see its first again."""
    count, found = len(names), {}
    for first, apart in itertools.product(range(count), range(1, REACH + 1)):
        second = first + apart
        if second < count or shape == "block":
            pair = sorted((names[first], names[second % count]))
            found[pair[0], pair[1]] = 400 // apart
    return found


def measure(shape: str, window: int, overlap: int, noise: OracleNoise, seed: int, count: int = 300) -> dict[str, float]:
    """Pose a walk window by window and compare it with the truth."""
    views = walk(shape, count)
    names = sorted(views)
    photos = [MappingPhoto(name, name, views[name].camera, np.zeros((0, 2))) for name in names]
    scenes = predict_scene(
        Oracle.from_truth(views, noise, seed),
        photos,
        links(names, shape),
        lambda name: np.zeros((480, 640, 3), np.uint8),
        window_photos=window,
        overlap_photos=overlap,
        tell=print,
    )
    posed = {photo.name: photo.cam_from_world for photo in scenes[0].photos}
    held = [name for name in names if name in posed]
    found = np.array([posed[name] for name in held])
    truth = np.array([views[name].cam_from_world for name in held])
    centers, true_centers = geometry.center_in_world(found), geometry.center_in_world(truth)
    fit = umeyama(centers, true_centers)
    off = np.linalg.norm(fit.apply_to_points(centers) - true_centers, axis=1)
    extent = float(np.linalg.norm(true_centers - true_centers.mean(axis=0), axis=1).max())
    turns = np.swapaxes(truth[:, :, :3], 1, 2) @ found[:, :, :3]  # the same for all photos where nothing drifts
    ends = [geometry.nearest_rotation(part.sum(axis=0)) for part in (turns[:20], turns[-20:])]
    first, last = umeyama(centers[:20], true_centers[:20]), umeyama(centers[-20:], true_centers[-20:])
    return {
        "models": len(scenes),
        "posed": len(held),
        "rms": 100 * float(np.sqrt(np.mean(off**2))) / extent,
        "worst": 100 * float(off.max()) / extent,
        "turn": float(geometry.rotation_angle_deg(*ends)),
        "scale": 100 * abs(float(np.log(last.scale / first.scale))),
    }


def umeyama(source: np.ndarray, target: np.ndarray) -> geometry.Similarity:
    """The similarity of least squares from source to target points (Umeyama, PAMI 1991)."""
    mean_source, mean_target = source.mean(axis=0), target.mean(axis=0)
    a, b = source - mean_source, target - mean_target
    rotation = geometry.nearest_rotation(b.T @ a)
    scale = float(np.sum(b * (a @ rotation.T)) / np.sum(a * a))
    return geometry.Similarity(scale, rotation, mean_target - scale * rotation @ mean_source)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    chosen = parser.parse_args()
    rows, figures = [], []
    for shape, window, overlap in itertools.product(("street", "block"), (20, 40, 80), (4, 8, 16)):
        started = time.perf_counter()
        runs = [measure(shape, window, overlap, REALISTIC, seed, chosen.photos) for seed in range(chosen.seeds)]
        seconds = (time.perf_counter() - started) / chosen.seeds
        mean = {name: float(np.mean([run[name] for run in runs])) for name in runs[0]}
        figures.append({"walk": shape, "window": window, "overlap": overlap, "seconds": seconds, "runs": runs})
        rows.append(
            [
                shape,
                str(window),
                str(overlap),
                f"{mean['models']:.1f}",
                f"{mean['rms']:.2f}",
                f"{max(run['worst'] for run in runs):.2f}",
                f"{mean['turn']:.2f}",
                f"{mean['scale']:.1f}",
                f"{seconds:.1f}",
            ]
        )
    header = [
        "walk",
        "window",
        "overlap",
        "models",
        "centre error, rms (% of extent)",
        "worst (%)",
        "turn from first to last (°)",
        "scale change (%)",
        "s",
    ]
    show(f"Windows joined over {chosen.photos} photos, mean of {chosen.seeds} seeds", header, rows)
    write_json(chosen.json, figures)


if __name__ == "__main__":
    main()
