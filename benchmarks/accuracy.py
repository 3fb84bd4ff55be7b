"""Accuracy on collections with ground truth: score, mAA, clusterness, time and memory, by seed and member of the mix.

usage: python benchmarks/accuracy.py DATA [--preset balanced] [--seeds 0,1,2] [--leave-out] [--work DIR] [--json FILE]

DATA holds one folder a collection beside train_labels.csv and train_thresholds.csv. Features and matches are made once,
by the first seed's run, whose seconds are the honest ones; the other seeds repeat verification and mapping on them.
Killed and started again with the same --work, it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import scenesort
from scenesort.config import Options, preset, with_values
from scenesort.progress import StageReport

Row = dict[str, Any]


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--leave-out", action="store_true", help="also run with each member of the mix left out")
    parser.add_argument("--only", default="", help="collections to run, separated by commas")
    parser.add_argument("--work", type=Path, help="keep runs and artefacts here (a fresh folder gives honest times)")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    work = arguments.work or Path(tempfile.mkdtemp(prefix="accuracy-"))
    options = with_values(preset(arguments.preset), scenesort.config.parse_assignments(arguments.set))
    variants = {arguments.preset: options}
    if arguments.leave_out and len(options.matching.mix) > 1:
        for member in options.matching.mix:
            rest = tuple(other for other in options.matching.mix if other != member)
            variants[f"without {member}"] = with_values(options, {"matching.mix": rest})
    results = {name: _runs(name, variant, seeds, arguments, work) for name, variant in variants.items()}
    console = Console()
    for name, rows in results.items():
        console.print(_table(name, rows, seeds))
    if arguments.json:
        arguments.json.write_text(json.dumps({"seeds": seeds, "variants": results}, indent=2) + "\n")


def _runs(name: str, options: Options, seeds: list[int], arguments: argparse.Namespace, work: Path) -> list[Row]:
    data: Path = arguments.data
    chosen = [item for item in arguments.only.split(",") if item]
    folders = [path for path in sorted(data.iterdir()) if path.is_dir() and (not chosen or path.name in chosen)]
    rows = []
    for folder in folders:
        labels = _labels_of(data / "train_labels.csv", folder.name, work)
        runs = []
        for seed in seeds:
            out = work / name.replace(" ", "-") / f"{folder.name}-{seed}"
            finished = out.with_suffix(".json")
            if finished.exists():
                runs.append(json.loads(finished.read_text()))
                continue
            started = time.monotonic()
            result = scenesort.run(
                folder,
                out,
                options=dataclasses.replace(options, seed=seed),
                labels=labels,
                thresholds=data / "train_thresholds.csv",
                cache=work / "cache",
            )
            seconds = time.monotonic() - started
            assert result.evaluation is not None
            scored = result.evaluation.collections[folder.name]
            stages = result.collections[folder.name].stages
            runs.append(
                {
                    "seed": seed,
                    "score": scored.score,
                    "repaired": scored.repaired,
                    "mAA": scored.mAA,
                    "clusterness": scored.clusterness,
                    "seconds": seconds,
                    "peak_memory_mb": max(max(stage.peak_memory_mb, stage.parent_memory_mb) for stage in stages),
                    "stage_seconds": _seconds_by_stage(stages),
                }
            )
            finished.write_text(json.dumps(runs[-1]) + "\n")
            print(f"{name}: {folder.name} seed {seed}: {scored.score:.1f} in {seconds:.0f} s", flush=True)
        rows.append({"collection": folder.name, "runs": runs})
    return rows


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


def _table(name: str, rows: list[Row], seeds: list[int]) -> Table:
    table = Table(title=f"{name}: mean of seeds {', '.join(map(str, seeds))} (score: least to most)")
    for column in ("collection", "score", "spread", "repaired", "mAA", "clusterness", "seconds", "peak MB"):
        table.add_column(column, justify="left" if column == "collection" else "right")
    means: dict[str, list[float]] = {"score": [], "repaired": [], "mAA": [], "clusterness": [], "seconds": []}
    for row in rows:
        runs = row["runs"]
        mean = {key: statistics.fmean(run[key] for run in runs) for key in means}
        mean["seconds"] = runs[0]["seconds"]
        for key, values in means.items():
            values.append(mean[key])
        scores = [run["score"] for run in runs]
        table.add_row(
            row["collection"],
            f"{mean['score']:.1f}",
            f"{min(scores):.1f}-{max(scores):.1f}",
            f"{mean['repaired']:.1f}",
            f"{mean['mAA']:.1f}",
            f"{mean['clusterness']:.1f}",
            f"{mean['seconds']:.0f}",
            f"{max(run['peak_memory_mb'] for run in runs):.0f}",
        )
    table.add_section()
    average = {key: statistics.fmean(values) for key, values in means.items()}
    table.add_row(
        "mean (seconds: sum)",
        *(f"{average[key]:.1f}" if key else "" for key in ("score", "", "repaired", "mAA", "clusterness")),
        f"{sum(means['seconds']):.0f}",
        "",
    )
    return table


if __name__ == "__main__":
    main()
