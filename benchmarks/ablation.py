"""What each item of a preset is worth: all of them, and all but one, over seeds, on collections with ground truth.

usage: python benchmarks/ablation.py DATA [--preset balanced] [--seeds 0,1,2] [--only NAMES] [--items NAMES]

Differences are taken seed by seed, of the mean of all collections. Features and matches are made once, as far as an
item doesn't change them; the seeds repeat verification and mapping. Killed and started again with the same --work, it
goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from accuracy_runs import Collections, Row, mean_by_seed, runs
from scenesort.config import Options, preset, with_values

WITHOUT: dict[str, dict[str, Any]] = {
    "turns": {"photos.find_turns": False},
    "trials of verification": {"verification.max_trials": 2000},
    "all pairs of 26 to 40 photos": {"pairs.exhaustive_photos": 25},
    "weak pairs kept from joining": {"scenes.min_joining_inliers": 0},
    "shared cameras": {"mapping.share_cameras": "never"},
    "own cameras": {"mapping.share_cameras": "always"},
    "several tries": {"mapping.tries": 1},
    "filling in": {"mapping.fill_min_inliers": 0},
    "robust adjustment": {"mapping.robust_loss_px": 0.0},
    "folds by pixels": {"scenes.min_fold_excess": 0.0},
    "weakest cut": {"scenes.max_cut_ratio": 0.0},
}
"""What takes an item away; members of the mix are added."""


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--only", default="", help="collections to run, separated by commas")
    parser.add_argument("--items", default="", help="items to leave out, separated by commas; all of them otherwise")
    parser.add_argument("--work", type=Path, help="keep runs and artefacts here")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    work = arguments.work or Path(tempfile.mkdtemp(prefix="ablation-"))
    collections = Collections(arguments.data, tuple(item for item in arguments.only.split(",") if item), work)
    options = preset(arguments.preset)
    variants = _variants(options)
    chosen = [item for item in arguments.items.split(",") if item]
    if unknown := sorted(set(chosen) - set(variants)):
        parser.error(f"preset {arguments.preset} has no item {', '.join(unknown)}; it has {', '.join(variants)}")
    variants = {name: made for name, made in variants.items() if not chosen or name in chosen}
    results = {arguments.preset: runs(arguments.preset, options, seeds, collections)}
    for name, variant in variants.items():
        results[f"without {name}"] = runs(f"{arguments.preset} without {name}", variant, seeds, collections)
    Console(width=160).print(_table(arguments.preset, results))
    if arguments.json:
        arguments.json.write_text(json.dumps({"seeds": seeds, "variants": results}, indent=2) + "\n")


def _variants(options: Options) -> dict[str, Options]:
    """Options with one item taken away; items that the preset doesn't have are left out."""
    mix = options.matching.mix
    lacking = set()
    if options.pairs.exhaustive_photos <= 25:
        lacking.add("all pairs of 26 to 40 photos")
    if options.verification.max_trials <= 2000:
        lacking.add("trials of verification")
    if options.mapping.share_cameras != "auto":
        lacking |= {"shared cameras", "own cameras"}
    without = {
        **{name: values for name, values in WITHOUT.items() if name not in lacking},
        **{member: {"matching.mix": tuple(other for other in mix if other != member)} for member in mix},
    }
    changed = {
        name: with_values(options, values) for name, values in without.items() if values.get("matching.mix") != ()
    }
    return {name: variant for name, variant in changed.items() if variant != options}


def _table(whole: str, results: dict[str, list[Row]]) -> Table:
    names = [row["collection"] for row in results[whole]]
    table = Table(title="score: mean of seeds; difference of the mean of collections: mean (least to most of seeds)")
    table.add_column("")
    for name in [*names, "mean", "difference"]:
        table.add_column(name, justify="right")
    base = mean_by_seed(results[whole], "score")
    for variant, rows in results.items():
        means = mean_by_seed(rows, "score")
        differences = [one - other for one, other in zip(means, base, strict=True)]
        spread = f"{statistics.fmean(differences):+.1f} ({min(differences):+.1f} to {max(differences):+.1f})"
        table.add_row(
            variant,
            *(f"{statistics.fmean(run['score'] for run in row['runs']):.1f}" for row in rows),
            f"{statistics.fmean(means):.1f}",
            "" if variant == whole else spread,
        )
    return table


if __name__ == "__main__":
    main()
