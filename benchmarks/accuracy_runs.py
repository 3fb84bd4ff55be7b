"""Runs of collections with ground truth, scored, and kept so that a killed benchmark goes on where it stopped."""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scenesort
from scenesort.config import Options, with_values
from scenesort.progress import StageReport

Row = dict[str, Any]


@dataclass(frozen=True)
class Collections:
    """One folder a collection beside train_labels.csv and train_thresholds.csv; `only`: names of those to run."""

    data: Path
    only: tuple[str, ...]
    work: Path

    @property
    def folders(self) -> list[Path]:
        """The collections' folders by name."""
        folders = [path for path in sorted(self.data.iterdir()) if path.is_dir()]
        return [path for path in folders if not self.only or path.name in self.only]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a benchmark on collections with ground truth."""
    parser.add_argument("data", type=Path)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--only", default="", help="collections to run, separated by commas")
    parser.add_argument("--work", type=Path, help="keep runs and artefacts here (a fresh folder gives honest times)")
    parser.add_argument("--json", type=Path)


def seeds_and_collections(arguments: argparse.Namespace) -> tuple[list[int], Collections]:
    """Return the seeds and the collections that the arguments ask for."""
    only = tuple(item for item in arguments.only.split(",") if item)
    work = arguments.work or Path(tempfile.mkdtemp(prefix="accuracy-"))
    return [int(seed) for seed in arguments.seeds.split(",")], Collections(arguments.data, only, work)


def without_members(options: Options) -> dict[str, Options]:
    """Return, for each member of a mix of several, the options without it."""
    mix = options.matching.mix
    if len(mix) < 2:
        return {}
    return {
        member: with_values(options, {"matching.mix": tuple(other for other in mix if other != member)})
        for member in mix
    }


def runs(name: str, options: Options, seeds: Sequence[int], collections: Collections) -> list[Row]:
    """Run each collection with each seed; `name` tells variants of the options apart. Artefacts are shared by all.

    Results that an earlier call left are taken if they are of the same options.
    """
    rows = []
    for folder in collections.folders:
        labels = _labels_of(collections.data / "train_labels.csv", folder.name, collections.work)
        found = []
        for seed in seeds:
            out = collections.work / name.replace(" ", "-") / f"{folder.name}-{seed}"
            finished = out.with_name(f"{out.name}.json")
            seeded = dataclasses.replace(options, seed=seed)
            if not finished.exists() or json.loads(finished.read_text())["options"] != repr(seeded):
                row = _run(folder, out, labels, seeded, collections)
                finished.write_text(json.dumps(row) + "\n")
                print(f"{name}: {folder.name} seed {seed}: {row['score']:.1f} in {row['seconds']:.0f} s", flush=True)
            found.append(json.loads(finished.read_text()))
        rows.append({"collection": folder.name, "runs": found})
    return rows


def mean_by_seed(rows: Sequence[Row], key: str) -> list[float]:
    """Return, for each seed, the mean of all collections."""
    return [statistics.fmean(run[key] for run in one_seed) for one_seed in zip(*(r["runs"] for r in rows), strict=True)]


def _run(folder: Path, out: Path, labels: Path, options: Options, collections: Collections) -> Row:
    started = time.monotonic()
    result = scenesort.run(
        folder,
        out,
        options=options,
        labels=labels,
        thresholds=collections.data / "train_thresholds.csv",
        cache=collections.work / "cache",
    )
    seconds = time.monotonic() - started
    assert result.evaluation is not None
    scored = result.evaluation.collections[folder.name]
    stages = result.collections[folder.name].stages
    return {
        "seed": options.seed,
        "options": repr(options),
        "score": scored.score,
        "repaired": scored.repaired,
        "mAA": scored.mAA,
        "clusterness": scored.clusterness,
        "seconds": seconds,
        "peak_memory_mb": max(max(stage.peak_memory_mb, stage.parent_memory_mb) for stage in stages),
        "stage_seconds": _seconds_by_stage(stages),
    }


def _seconds_by_stage(stages: Sequence[StageReport]) -> dict[str, float]:
    """Some stages consist of several parts with one name."""
    seconds: dict[str, float] = {}
    for stage in stages:
        seconds[stage.name] = seconds.get(stage.name, 0.0) + stage.seconds
    return seconds


def _labels_of(labels: Path, collection: str, work: Path) -> Path:
    """Write the labels of one collection alone: a score covers every collection that its labels name."""
    header, *lines = labels.read_text(encoding="utf-8-sig").splitlines()
    target = work / f"labels-{collection}.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join([header, *(line for line in lines if line.startswith(f"{collection},"))]) + "\n")
    return target
