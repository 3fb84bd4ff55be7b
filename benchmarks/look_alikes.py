"""Look-alike places told apart: rendered pairs at three levels, and honest scenes that must not be split.

usage: python benchmarks/look_alikes.py --work DIR [--pairs 20] [--first 0] [--levels mild,middle,wicked] [--json FILE]
       [--skip-honest] [--real DATA --only COLLECTION,… --cache DIR]

Every pair (`scenesort.synthetic.look_alike_pair`) is rendered once into DIR, mapped by plain COLMAP and by scenesort
without separation, with each piece of evidence by itself, with all, and with points all over the photos, too. A pair
is rightly separated when no model holds posed photos of both scenes and each scene has a model with more than half of
its photos. The honest scenes are the same, each by itself; with --real, also those of a folder of labelled collections
(train_labels.csv beside them). An honest scene is wrongly split when it lies in more models of three photos or more
than without separation. Pairs 0 … report, others are for choosing constants. Killed and started again with the same
--work, it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import scenesort
from scenesort.colmap.plain import plain_colmap
from scenesort.config import Options, preset, with_values
from scenesort.synthetic import LEVELS, look_alike_pair, make_collection
from scenesort.types import PosedScene
from tables import show, write_json

FEW = {"matching.mix": ("sift+nearest",), "photos.find_turns": False, "mapping.share_cameras": "always"}
"""On the preset `fast`: SIFT alone, as in plain COLMAP, and one attempt a part."""
OFF = {"scenes.max_cut_ratio": 0.0, "scenes.min_fold_excess": 0.0}
VARIANTS: dict[str, dict[str, Any]] = {
    "without separation": OFF,
    "missing matches": {"scenes.min_fold_excess": 0.0},
    "photos compared": {"scenes.max_cut_ratio": 0.0},
    "all": {},
    "and dense points": {"scenes.dense_looks": True},
}
PLAIN = "plain COLMAP"
Models = list[list[str]]
"""Posed photos of each model."""


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="photos, artefacts and results are kept here")
    parser.add_argument("--pairs", type=int, default=20, help="pairs of each level")
    parser.add_argument("--first", type=int, default=0, help="seed of the first pair")
    parser.add_argument("--levels", default=",".join(LEVELS))
    parser.add_argument("--variants", default=",".join([PLAIN, *VARIANTS]))
    parser.add_argument("--skip-honest", action="store_true", help="pairs alone")
    parser.add_argument("--real", type=Path, help="a folder of labelled collections, of honest scenes")
    parser.add_argument("--only", default="", help="collections of --real, separated by commas")
    parser.add_argument("--preset", default="balanced", help="options of --real")
    parser.add_argument("--cache", type=Path, help="artefacts of --real")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    work: Path = arguments.work.resolve()
    variants = [name.strip() for name in arguments.variants.split(",")]
    options = with_values(preset("fast"), {**FEW, "execution.workers": arguments.workers, "execution.device": "cpu"})
    names = [
        f"{level}-{seed:03d}"
        for level in arguments.levels.split(",")
        for seed in range(arguments.first, arguments.first + arguments.pairs)
    ]
    photos, honest = _render(work, names), work / "honest"
    truth = {name: _labels(photos / name / "labels.csv") for name in names}
    scene_names = _link_scenes(photos, honest, truth)
    figures: dict[str, Any] = {"pairs": {}, "honest": {}, "real": {}}
    for variant in variants:
        if variant == PLAIN:
            found = {name: _plain(work, photos / name, sorted(truth[name])) for name in names}
        else:
            found = _sorted(work, "pairs", photos, names, variant, with_values(options, VARIANTS[variant]))
        figures["pairs"][variant] = _by_level({name: _judged(found[name], truth[name]) for name in names})
    baseline: dict[str, Models] | None = None
    for variant in [name for name in VARIANTS if name in variants and not arguments.skip_honest]:
        found = _sorted(work, "honest", honest, scene_names, variant, with_values(options, VARIANTS[variant]))
        baseline = baseline or found
        figures["honest"][variant] = _split_scenes(
            {name: ["scene"] * len(models) for name, models in found.items()},
            {name: _whole(models) for name, models in found.items()},
            {name: _whole(models) for name, models in baseline.items()},
        )
    if arguments.real:
        figures["real"] = _real(work, arguments)
    _print(figures)
    write_json(arguments.json, figures)


def _render(work: Path, names: Sequence[str]) -> Path:
    """Render the pairs that are not there yet; one that was begun is made again."""
    root = work / "photos"
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not (root / name).exists():
            level, seed = name.split("-")
            begun = work / f"begun-{name}"
            shutil.rmtree(begun, ignore_errors=True)
            make_collection(begun, look_alike_pair(level, int(seed)))  # type: ignore[arg-type]
            begun.rename(root / name)
    return root


def _labels(path: Path, collection: str = "") -> dict[str, str]:
    """Scene of each photo; photos of no scene are left out."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if not collection or row["dataset"] == collection]
    return {row["image"]: row["scene"] for row in rows if row["scene"] != "outliers"}


def _link_scenes(photos: Path, honest: Path, truth: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Make a folder of each scene by itself; its photos are links."""
    names = []
    for pair, scene_of in truth.items():
        paths = {path.name: path for path in (photos / pair).rglob("*.jpg")}
        for image, scene in scene_of.items():
            target = honest / scene / image
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(paths[image], target)
        names += sorted(set(scene_of.values()))
    return names


def _plain(work: Path, folder: Path, images: Sequence[str]) -> Models:
    kept = work / "plain" / f"{folder.name}.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        below = next(path for path in folder.iterdir() if path.is_dir())
        with tempfile.TemporaryDirectory(prefix="plain-") as scratch:
            models = _posed(plain_colmap(below, images, Path(scratch)))
        kept.write_text(json.dumps(models) + "\n", encoding="utf-8")
    loaded: Models = json.loads(kept.read_text(encoding="utf-8"))
    return loaded


def _sorted(
    work: Path, kind: str, root: Path, names: Sequence[str], variant: str, options: Options, cache: Path | None = None
) -> dict[str, Models]:
    """Run scenesort on collections, a few at a time, and return the models of each."""
    folder = work / "sorted" / kind / variant.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    todo = [name for name in names if not (folder / f"{name}.json").exists()]
    for start in range(0, len(todo), 5):
        with tempfile.TemporaryDirectory(prefix="look-alikes-", dir=work) as scratch:
            links = Path(scratch) / "collections"
            links.mkdir()
            for name in todo[start : start + 5]:
                (links / name).symlink_to(root / name, target_is_directory=True)
            started = time.monotonic()
            result = scenesort.run(
                collections=links, out=Path(scratch) / "out", options=options, cache=cache or work / "cache"
            )
            for name, collection in result.collections.items():
                (folder / f"{name}.json").write_text(json.dumps(_posed(collection.scenes)) + "\n", encoding="utf-8")
            print(f"{kind}, {variant}: {len(result.collections)} in {time.monotonic() - started:.0f} s", flush=True)
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in names}


def _posed(scenes: Iterable[PosedScene]) -> Models:
    return [[Path(photo.name).name for photo in scene.photos] for scene in scenes]


def _judged(models: Models, scene_of: Mapping[str, str]) -> tuple[bool, float]:
    """Whether two scenes are rightly separated (strictly), and the share of their photos that are posed."""
    held = [Counter(scene_of[name] for name in model) for model in models]
    sizes = Counter(scene_of.values())
    is_pure = all(len(counts) == 1 for counts in held)
    is_whole = all(any(2 * counts[scene] > size for counts in held) for scene, size in sizes.items())
    posed = {name for model in models for name in model}
    return is_pure and is_whole, len(posed) / len(scene_of)


def _by_level(judged: Mapping[str, tuple[bool, float]]) -> dict[str, dict[str, Any]]:
    levels: dict[str, dict[str, Any]] = {}
    for level in dict.fromkeys(name.partition("-")[0] for name in judged):
        of_level = {name: value for name, value in judged.items() if name.startswith(f"{level}-")}
        levels[level] = {
            "separated": sum(value[0] for value in of_level.values()),
            "pairs": len(of_level),
            "posed": statistics.fmean(value[1] for value in of_level.values()),
            "missed": [name for name, value in of_level.items() if not value[0]],
        }
    return levels


def _whole(models: Models) -> dict[str, int]:
    """Models of three photos or more of a collection that is one scene."""
    return {"scene": sum(len(model) >= 3 for model in models)}


def _split_scenes(
    scenes: Mapping[str, Sequence[str]],
    pieces: Mapping[str, Mapping[str, int]],
    before: Mapping[str, Mapping[str, int]],
) -> dict[str, Any]:
    """Scenes that lie in more models than before; `pieces` and `before`: models by collection and scene."""
    split = [
        f"{name} {scene}".removesuffix(" scene")
        for name in scenes
        for scene, count in pieces[name].items()
        if count > max(before[name].get(scene, 0), 1)
    ]
    return {"split": split, "scenes": sum(len(counts) for counts in before.values())}


def _real(work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    data: Path = arguments.real.resolve()
    chosen = [name for name in arguments.only.split(",") if name]
    names = [path.name for path in sorted(data.iterdir()) if path.is_dir() and (not chosen or path.name in chosen)]
    truth = {name: _labels(data / "train_labels.csv", name) for name in names}
    options = with_values(preset(arguments.preset), {"execution.workers": arguments.workers})
    pieces: dict[str, dict[str, dict[str, int]]] = {}
    for variant, values in VARIANTS.items():
        found = _sorted(work, "real", data, names, variant, with_values(options, values), arguments.cache)
        pieces[variant] = {name: _pieces(found[name], truth[name]) for name in names}
    before = pieces["without separation"]
    scenes = {name: sorted(set(truth[name].values())) for name in names}
    return {variant: _split_scenes(scenes, counts, before) for variant, counts in pieces.items()}


def _pieces(models: Models, scene_of: Mapping[str, str]) -> dict[str, int]:
    """Models that hold three photos or more of each scene."""
    held = [Counter(scene_of.get(name, "outliers") for name in model) for model in models]
    return {scene: sum(counts[scene] >= 3 for counts in held) for scene in sorted(set(scene_of.values()))}


def _print(figures: Mapping[str, Any]) -> None:
    levels = list(next(iter(figures["pairs"].values()), {}))
    rows = []
    for variant, by_level in figures["pairs"].items():
        row = [variant]
        for level in levels:
            found = by_level[level]
            row += [f"{found['separated']}/{found['pairs']}", f"{100 * found['posed']:.0f}%"]
        for kind in ("honest", "real"):
            found = figures[kind].get(variant)
            row.append(f"{len(found['split'])}/{found['scenes']}" if found else "")
        rows.append(row)
    heads = [head for level in levels for head in (f"{level}: separated", "posed")]
    show("Look-alikes told apart", ["", *heads, "honest scenes split", "real scenes split"], rows)


if __name__ == "__main__":
    main()
