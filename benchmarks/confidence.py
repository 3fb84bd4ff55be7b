"""How well the deviation of a pose (photos.csv) tells its true error, on finished runs with ground truth.

usage: python benchmarks/confidence.py LABELS RUN [RUN …]

Errors of centres after the best similarity of each scene (over triples of photos), over the median depth, for photos of
the scene that most of a model's photos belong to. Truth itself has errors, which count here as the pose's.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import scenesort
import scenesort.mapping
from scenesort.evaluation import read_poses
from scenesort.types import PosedScene

BOUNDS_PERCENT = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, float("inf"))
MIN_PHOTOS = 4
TRIPLES = 400


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    arguments = parser.parse_args()
    labels = read_poses(arguments.labels)
    truth = {
        (dataset, image): (scene, -rotation.T @ translation)
        for dataset, scene, image, rotation, translation in zip(
            labels.dataset, labels.scene, labels.image, labels.rotation, labels.translation, strict=True
        )
    }
    rows = []
    for run in arguments.runs:
        for name, collection in scenesort.load(run).collections.items():
            for scene in collection.scenes:
                rows += _deviations_and_errors(
                    scene, {image: item for (own, image), item in truth.items() if own == name}
                )
    deviations, errors = 100 * np.array(rows).T
    table = Table(title=f"{len(rows)} poses of {len(arguments.runs)} runs, percent of the median depth")
    for column in ("deviation", "poses", "median error", "90% below", "error above 2", "above 5"):
        table.add_column(column, justify="right")
    low = 0.0
    for high in BOUNDS_PERCENT:
        chosen = errors[(deviations >= low) & (deviations < high)]
        if len(chosen):
            shares = [f"{np.mean(chosen > bound):.0%}" for bound in (2, 5)]
            middle, most = np.percentile(chosen, [50, 90])
            table.add_row(f"{low:g} to {high:g}", str(len(chosen)), f"{middle:.2f}", f"{most:.2f}", *shares)
        low = high
    Console().print(table)


def _deviations_and_errors(scene: PosedScene, truth: dict[str, tuple[str, np.ndarray]]) -> list[tuple[float, float]]:
    of = [truth[photo.name][0] for photo in scene.photos]
    main_scene = max(sorted(set(of)), key=of.count)
    chosen = [row for row, name in enumerate(of) if name == main_scene and name != "outliers"]
    if len(chosen) < MIN_PHOTOS:
        return []
    centers = np.array([scene.photos[row].center_in_world for row in chosen])
    true = np.array([truth[scene.photos[row].name][1] for row in chosen])
    triples = list(itertools.combinations(range(len(chosen)), 3))
    if len(triples) > TRIPLES:
        picked = np.random.default_rng(0).choice(len(triples), TRIPLES, replace=False)
        triples = [triples[row] for row in picked]
    best = np.full(len(chosen), np.inf)
    scale = 1.0
    for triple in triples:
        fitted = _similarity(centers[list(triple)], true[list(triple)])
        errors = np.linalg.norm(fitted[0] * centers @ fitted[1].T + fitted[2] - true, axis=1)
        if np.median(errors) < np.median(best):
            best, scale = errors, fitted[0]
    deviations = scenesort.mapping.center_deviations(scene)[chosen]
    depths = []
    for row in chosen:
        photo = scene.photos[row]
        local = scene.points_xyz[photo.point_index] @ photo.cam_from_world[2, :3] + photo.cam_from_world[2, 3]
        depths.append(scale * float(np.median(local)))
    return list(zip(deviations.tolist(), (best / depths).tolist(), strict=True))


def _similarity(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation and translation that take `source` (3, 3) to `target` best (Umeyama, PAMI 1991)."""
    middle, true_middle = source.mean(axis=0), target.mean(axis=0)
    u, singular, vt = np.linalg.svd((target - true_middle).T @ (source - middle))
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float(np.sum(singular * sign) / np.sum((source - middle) ** 2))
    return scale, rotation, true_middle - scale * rotation @ middle


if __name__ == "__main__":
    main()
