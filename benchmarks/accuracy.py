"""Accuracy on collections with ground truth: score, mAA, clusterness, time and memory, by seed and member of the mix.

usage: python benchmarks/accuracy.py DATA [--preset balanced] [--seeds 0,1,2] [--leave-out] [--work DIR] [--json FILE]

DATA holds one folder a collection beside train_labels.csv and train_thresholds.csv. Features and matches are made once,
by the first seed's run, whose seconds are the honest ones; the other seeds repeat verification and mapping on them.
Killed and started again with the same --work, it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import statistics

from rich.console import Console
from rich.table import Table

import scenesort
from accuracy_runs import Row, add_arguments, runs, seeds_and_collections, without_members
from scenesort.config import preset, with_values
from tables import write_json


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--leave-out", action="store_true", help="also run with each member of the mix left out")
    arguments = parser.parse_args()
    seeds, collections = seeds_and_collections(arguments)
    options = with_values(preset(arguments.preset), scenesort.config.parse_assignments(arguments.set))
    variants = {arguments.preset: options}
    if arguments.leave_out:
        variants |= {f"without {member}": variant for member, variant in without_members(options).items()}
    results = {name: runs(name, variant, seeds, collections) for name, variant in variants.items()}
    console = Console()
    for name, rows in results.items():
        console.print(_table(name, rows, seeds))
    write_json(arguments.json, {"seeds": seeds, "variants": results})


def _table(name: str, rows: list[Row], seeds: list[int]) -> Table:
    table = Table(title=f"{name}: mean of seeds {', '.join(map(str, seeds))} (score: least to most)")
    for column in ("collection", "score", "spread", "repaired", "mAA", "clusterness", "seconds", "peak MB"):
        table.add_column(column, justify="left" if column == "collection" else "right")
    means: dict[str, list[float]] = {"score": [], "repaired": [], "mAA": [], "clusterness": [], "seconds": []}
    for row in rows:
        found = row["runs"]
        mean = {key: statistics.fmean(run[key] for run in found) for key in means}
        mean["seconds"] = found[0]["seconds"]
        for key, values in means.items():
            values.append(mean[key])
        scores = [run["score"] for run in found]
        table.add_row(
            row["collection"],
            f"{mean['score']:.1f}",
            f"{min(scores):.1f}-{max(scores):.1f}",
            f"{mean['repaired']:.1f}",
            f"{mean['mAA']:.1f}",
            f"{mean['clusterness']:.1f}",
            f"{mean['seconds']:.0f}",
            f"{max(run['peak_memory_mb'] for run in found):.0f}",
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
