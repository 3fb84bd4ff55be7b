"""The reference of the retrieval benchmark: which pairs of a collection truly see the same place, and how strongly.

usage: python benchmarks/retrieval_reference.py DATA --work DIR

DATA holds one folder, a collection, beside train_labels.csv (dev_mixed, laid out by link.py). All pairs of one scene
are matched with the learned member of the mix of `balanced`, and verified; pairs across scenes, some of which see the
same table or wall though labels separate them, with SIFT of fewer keypoints. What is verified
is written to DIR/reference.npz. Killed and started again, it goes on where it stopped; runs with --cache DIR/cache
share its matches.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scenesort import matching, steps
from scenesort.config import Options, preset, with_values
from scenesort.execution import WorkerPool, cpu_count
from scenesort.progress import Silent
from scenesort.steps import Context
from scenesort.steps.pairing import match_pairs
from scenesort.types import Pair
from scenesort.workspace import Workspace

ACROSS = {"matching.mix": ("sift+nearest",), "features.sift_keypoints": 1024, "pairs.screen_with": "sift"}
"""Options for pairs across scenes: nine pairs of ten, hardly any of which is true."""


@dataclass(frozen=True, slots=True)
class Reference:
    """`names` (n,) sorted, `scenes` (n,) labels; `pairs` (r, 2) rows, the smaller first, and `inliers` (r,) of each."""

    names: tuple[str, ...]
    scenes: tuple[str, ...]
    pairs: NDArray[np.int64]
    inliers: NDArray[np.int64]

    def strongest(self, count: int) -> NDArray[np.int64]:
        """Numbers of the pairs that are among the `count` strongest of either photo."""
        chosen: set[int] = set()
        order = np.argsort(-self.inliers, kind="stable")
        for photo in range(len(self.names)):
            chosen.update(order[(self.pairs[order] == photo).any(axis=1)][:count].tolist())
        return np.array(sorted(chosen), dtype=np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    found = reference(arguments.data, arguments.work)
    scenes = np.array(found.scenes)
    same = (scenes[found.pairs[:, 0]] == scenes[found.pairs[:, 1]]).sum()
    print(f"{len(found.pairs)} verified pairs of {len(found.names)} photos: {same} within scenes of the labels")


def reference(data: Path, work: Path) -> Reference:
    """Load the reference, or make it, which takes more than an hour for dev_mixed."""
    file = work / "reference.npz"
    if not file.is_file():
        (folder,) = (path for path in data.iterdir() if path.is_dir())
        with (data / "train_labels.csv").open(newline="") as rows:
            scene_of = {row["image"]: row["scene"] for row in csv.DictReader(rows)}
        names = sorted(scene_of)
        every = list(itertools.combinations(names, 2))
        together = [(a, b) for a, b in every if scene_of[a] == scene_of[b] != "outliers"]
        apart = sorted(set(every) - set(together))
        inliers = _verified(folder, work, preset("balanced"), together)
        inliers |= _verified(folder, work, with_values(preset("balanced"), ACROSS), apart)
        row_of = {name: row for row, name in enumerate(names)}
        pairs = sorted(inliers)
        np.savez(
            file,
            names=np.array(names),
            scenes=np.array([scene_of[name] for name in names]),
            pairs=np.array([(row_of[a], row_of[b]) for a, b in pairs], dtype=np.int64).reshape(-1, 2),
            inliers=np.array([inliers[pair] for pair in pairs], dtype=np.int64),
        )
    held = np.load(file)
    return Reference(tuple(held["names"].tolist()), tuple(held["scenes"].tolist()), held["pairs"], held["inliers"])


def _verified(folder: Path, work: Path, options: Options, pairs: Sequence[Pair]) -> dict[Pair, int]:
    """Match pairs with the learned members of the mix, or else with the cheap ones, verify them, and count inliers."""
    with (
        Workspace.open(work / "reference", work / "cache") as workspace,
        WorkerPool(cpu_count(), scratch=workspace.work) as pool,
    ):
        context = Context(workspace, pool, options, "cpu", Silent())
        found = steps.find_photos(context, folder, [])
        _, sides = steps.find_features(context, found)
        # Where the mix has a learned matcher it is the reference alone.
        is_learned = any(matching.load(matcher).learned for _, matcher in matching.parse_mix(options.matching.mix))
        matched = match_pairs(context, sides, pairs, learned=is_learned)
        verified = steps.verify_pairs(context, sides, matched).inliers
        for stage in context.stages:
            print(f"{stage.name}: {stage.seconds:.0f} s", flush=True)
        return verified


if __name__ == "__main__":
    main()
