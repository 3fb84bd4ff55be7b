"""What items are worth: a preset, the preset without one of its own or with one more, over seeds, with ground truth.

usage: python benchmarks/ablation.py DATA [--preset balanced] [--seeds 0,1,2] [--only NAMES] [--items NAMES | --more]

Differences are taken seed by seed, of the mean of all collections. Features and matches are made once, as far as an
item doesn't change them; the seeds repeat verification and mapping. Killed and started again with the same --work, it
goes on where it stopped.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

from accuracy_runs import Row, add_arguments, mean_by_seed, runs, seeds_and_collections, without_members
from scenesort.config import Options, preset, with_values
from tables import show, write_json

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
    "likeness": {"scenes.likeness": "none"},
    "dense looks": {"scenes.dense_looks": False},
}
"""What takes an item away; members of the mix are items, too."""

WITH: dict[str, dict[str, Any]] = {
    "dense looks": {"scenes.dense_looks": True},
    "10000 trials of verification": {"verification.max_trials": 10_000},
    "all pairs of up to 40 photos": {"pairs.exhaustive_photos": 40},
    "guided matching": {"verification.guided": True},
    "second look": {"second_look.matcher": "xfeat+lighterglue"},
    "second look at all": {"second_look.matcher": "xfeat+lighterglue", "second_look.max_inliers": 0},
    "a smaller size": {"features.max_side_px": 768, "features.more_sides_px": ("1024",)},
    "models joined": {"mapping.merge_models": True},
}
"""What adds an item that a preset lacks; further members of the mix are such, too."""
MEMBERS = ("aliked+lightglue", "disk+lightglue")


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--items", default="", help="items to leave out or to add, separated by commas")
    parser.add_argument("--more", action="store_true", help="items are added, not left out")
    arguments = parser.parse_args()
    seeds, collections = seeds_and_collections(arguments)
    options = preset(arguments.preset)
    variants = _additions(options) if arguments.more else _variants(options)
    word = "with" if arguments.more else "without"
    chosen = [item for item in arguments.items.split(",") if item]
    if unknown := sorted(set(chosen) - set(variants)):
        parser.error(f"{arguments.preset} {word} {', '.join(unknown)} is no variant; there are {', '.join(variants)}")
    variants = {name: made for name, made in variants.items() if not chosen or name in chosen}
    results = {arguments.preset: runs(arguments.preset, options, seeds, collections)}
    for name, variant in variants.items():
        results[f"{word} {name}"] = runs(f"{arguments.preset} {word} {name}", variant, seeds, collections)
    _show(arguments.preset, results)
    write_json(arguments.json, {"seeds": seeds, "variants": results})


def _variants(options: Options) -> dict[str, Options]:
    """Options with one item taken away; items that the preset doesn't have are left out."""
    lacking = set()
    if options.pairs.exhaustive_photos <= 25:
        lacking.add("all pairs of 26 to 40 photos")
    if options.verification.max_trials <= 2000:
        lacking.add("trials of verification")
    if options.mapping.share_cameras != "auto":
        lacking |= {"shared cameras", "own cameras"}
    changed = {name: with_values(options, values) for name, values in WITHOUT.items() if name not in lacking}
    return {name: variant for name, variant in changed.items() if variant != options} | without_members(options)


def _additions(options: Options) -> dict[str, Options]:
    """Options with one item more; items that the preset has already are left out."""
    changed = {name: with_values(options, values) for name, values in WITH.items()}
    mix = options.matching.mix
    members = {
        member: with_values(options, {"matching.mix": (*mix, member)}) for member in MEMBERS if member not in mix
    }
    return {name: variant for name, variant in changed.items() if variant != options} | members


def _show(whole: str, results: dict[str, list[Row]]) -> None:
    base = mean_by_seed(results[whole], "score")
    rows = []
    for variant, found in results.items():
        means = mean_by_seed(found, "score")
        differences = [one - other for one, other in zip(means, base, strict=True)]
        spread = f"{statistics.fmean(differences):+.1f} ({min(differences):+.1f} to {max(differences):+.1f})"
        scores = [f"{statistics.fmean(run['score'] for run in row['runs']):.1f}" for row in found]
        rows.append([variant, *scores, f"{statistics.fmean(means):.1f}", "" if variant == whole else spread])
    names = [row["collection"] for row in results[whole]]
    title = "score: mean of seeds; difference of the mean of collections: mean (least to most of seeds)"
    show(title, ["", *names, "mean", "difference"], rows)


if __name__ == "__main__":
    main()
