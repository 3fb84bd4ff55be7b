"""Time of the challenge metric where it hurts: poses so noisy that mAA is 30 to 70 %, so that inlier sets differ.

usage: python benchmarks/metric.py [--photos 50,100,200] [--share 0.01] [--no-challenge] [--json FILE]

Each scene has cameras around a place, six thresholds that grow by 2 to 2.5 as the challenge's do, and heavy-tailed
noise; an eighth of the photos has no pose and another eighth has the pose of another photo. The reference is the plain
loop of the tests, run on a random share of the triples and scaled. The challenge's 13 collections have 1,945 photos in
30 scenes here: two of 200, two of 150, four of 100 and 22 of 20 to 65; the real split is not public. Near-perfect poses
are no test: all their inlier sets are equal.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np

from scenesort.evaluation import PoseTable, register, score
from scenesort.evaluation.camera_sets import WordArray
from scenesort.evaluation.similarity import SetFitter
from scenesort.execution import own_peak_memory_mb
from scenesort.types import FloatArray
from tables import show, write_json

THRESHOLDS_M = np.array([0.02, 0.04, 0.1, 0.2, 0.45, 0.9])

REFERENCE = Path(__file__).parents[1] / "tests" / "evaluation" / "reference.py"

LARGE_SCENES = (200, 200, 150, 150, 100, 100, 100, 100)
SMALL_SCENES = (20, 22, 24, 26, 28, 30, 30, 32, 34, 36, 38, 38, 40, 40, 42, 44, 46, 48, 50, 54, 58, 65)
NUM_COLLECTIONS = 13

Figures = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", default="50,100,200", help="sizes of scenes, separated by commas")
    parser.add_argument("--share", type=float, default=0.01, help="share of the triples that the reference searches")
    parser.add_argument("--no-challenge", action="store_true", help="leave out the challenge's 13 collections")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    reference = _load(REFERENCE)
    for search in (register, reference.reference_inliers):
        # What the first call costs is not the scenes'.
        search(*make_centers(np.random.default_rng(0), 12), THRESHOLDS_M)
    scenes = []
    for size in (int(size) for size in arguments.photos.split(",")):
        scenes.append(_time_scene(size, arguments.share, reference))
        _show_scenes(scenes[-1:])
    if len(scenes) > 1:
        _show_scenes(scenes)
    figures: Figures = {"scenes": scenes}
    if not arguments.no_challenge:
        figures["challenge"] = _time_challenge()
    write_json(arguments.json, figures)


def make_centers(random: np.random.Generator, num_photos: int) -> tuple[FloatArray, FloatArray]:
    """Submitted and true camera centres (n, 3) of a scene, the true ones in metres; nan where there is no pose."""
    angle, radius = random.uniform(0, 1.5 * np.pi, num_photos), random.uniform(8, 14, num_photos)
    height = random.normal(1.6, 0.5, num_photos)
    true = np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], axis=1)
    noise = random.lognormal(np.log(0.12), 1.3, (num_photos, 1)) * random.normal(size=(num_photos, 3))
    submitted = (true + noise) @ _random_rotation(random).T * 0.37 + random.normal(size=3) * 5
    shuffled = random.permutation(num_photos)
    wrong, unposed = shuffled[: num_photos // 8], shuffled[num_photos // 8 : 2 * (num_photos // 8)]
    submitted[wrong] = submitted[np.roll(wrong, 1)]
    submitted[unposed] = np.nan
    return submitted, true


def _random_rotation(random: np.random.Generator) -> FloatArray:
    left, _, right = np.linalg.svd(random.normal(size=(3, 3)))
    rotation: FloatArray = left @ right
    return rotation * np.sign(np.linalg.det(rotation))


def _time_scene(num_photos: int, share: float, reference: ModuleType) -> Figures:
    random = np.random.default_rng(num_photos)
    submitted, true = make_centers(random, num_photos)
    num_posed = int(np.isfinite(submitted).all(axis=1).sum())
    num_triples = num_posed * (num_posed - 1) * (num_posed - 2) // 6
    fit, num_fitted = SetFitter.fit, 0

    def fit_and_count(self: SetFitter, sets: WordArray, is_quick: bool = False) -> FloatArray:
        nonlocal num_fitted
        num_fitted += len(sets) if is_quick else 0
        return fit(self, sets, is_quick)

    with mock.patch.object(SetFitter, "fit", fit_and_count):
        started = time.perf_counter(), time.process_time()
        found = register(submitted, true, THRESHOLDS_M)
        wall_s, cpu_s = time.perf_counter() - started[0], time.process_time() - started[1]
    num_sampled = max(1, round(share * num_triples))
    sample = [tuple(sorted(random.choice(num_posed, 3, replace=False).tolist())) for _ in range(num_sampled)]
    started = time.perf_counter(), time.process_time()
    reference.reference_inliers(submitted, true, THRESHOLDS_M, sample)
    scale = num_triples / len(sample)
    reference_wall_s = scale * (time.perf_counter() - started[0])
    reference_cpu_s = scale * (time.process_time() - started[1])
    return {
        "photos": num_photos,
        "posed": num_posed,
        "triples": num_triples,
        "sets_fitted": num_fitted,
        "mAA": sum(max(0, count - 3) for count in found.inliers[2:]) / (4 * (num_photos - 3)),
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "reference_triples": len(sample),
        "reference_wall_s": reference_wall_s,
        "reference_cpu_s": reference_cpu_s,
        "ratio": reference_cpu_s / cpu_s,
        "peak_memory_mb": own_peak_memory_mb(),
    }


def _time_challenge() -> Figures:
    sizes = sorted([*LARGE_SCENES, *SMALL_SCENES], reverse=True)
    labels, submission, thresholds = _make_tables(sizes)
    started = time.perf_counter(), time.process_time()
    found = score(labels, submission, thresholds)
    wall_s, cpu_s = time.perf_counter() - started[0], time.process_time() - started[1]
    figures = {
        "collections": len(found.collections),
        "scenes": len(sizes),
        "photos": len(labels),
        "scene_sizes": sizes,
        "score": found.score,
        "mAA": float(np.mean([collection.mAA for collection in found.collections.values()])) / 100,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "peak_memory_mb": own_peak_memory_mb(),
    }
    show(
        "all of the challenge",
        ["collections", "scenes", "photos", "mAA, %", "score", "CPU s", "s", "peak MB"],
        [
            [
                str(figures["collections"]),
                str(figures["scenes"]),
                str(figures["photos"]),
                f"{100 * figures['mAA']:.0f}",
                f"{figures['score']:.1f}",
                f"{cpu_s:.1f}",
                f"{wall_s:.1f}",
                f"{figures['peak_memory_mb']:.0f}",
            ]
        ],
    )
    return figures


def _make_tables(sizes: list[int]) -> tuple[PoseTable, PoseTable, dict[tuple[str, str], FloatArray]]:
    """Labels, a submission with the true clusters, and thresholds of scenes dealt out to the collections in turn."""
    random = np.random.default_rng(0)
    names: list[tuple[str, str, str]] = []
    submitted, true = [], []
    for number, size in enumerate(sizes):
        collection, scene = f"collection {number % NUM_COLLECTIONS}", f"scene {number}"
        names += [(collection, scene, f"{number}_{photo}.png") for photo in range(size)]
        for centers, kept in zip(make_centers(random, size), (submitted, true), strict=True):
            kept.append(centers)
    thresholds = {(collection, scene): THRESHOLDS_M for collection, scene, _ in names}
    return _table("labels", names, np.vstack(true)), _table("submission", names, np.vstack(submitted)), thresholds


def _table(source: str, names: list[tuple[str, str, str]], centers: FloatArray) -> PoseTable:
    dataset, scene, image = zip(*names, strict=True)
    return PoseTable(
        dataset=dataset,
        scene=scene,
        image=image,
        rotation=np.tile(np.eye(3), (len(centers), 1, 1)),
        translation=-centers,
        line=tuple(range(2, len(centers) + 2)),
        source=source,
    )


def _show_scenes(scenes: list[Figures]) -> None:
    columns = ["photos", "triples", "fits", "mAA %", "CPU s", "wall s", "plain s", "ratio", "MB"]
    rows = [
        [
            str(scene["photos"]),
            f"{scene['triples']:,}",
            f"{scene['sets_fitted'] / scene['triples']:.2f}",
            f"{100 * scene['mAA']:.0f}",
            f"{scene['cpu_s']:.2f}",
            f"{scene['wall_s']:.2f}",
            f"{scene['reference_cpu_s']:.1f}",
            f"{scene['ratio']:.0f}",
            f"{scene['peak_memory_mb']:.0f}",
        ]
        for scene in scenes
    ]
    show("one scene; fits are distinct sets a triple, plain is the reference's CPU time, scaled", columns, rows)


def _load(path: Path) -> ModuleType:
    """The plain reference of the tests, which are no package."""
    specification = importlib.util.spec_from_file_location("reference", path)
    if specification is None or specification.loader is None:
        sys.exit(f"{path} is missing: run the benchmark in a checkout with the tests.")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
