"""Recall of true pairs against pairs proposed: by descriptor, fusion and shortlist, and of the default's funnel.

usage: python benchmarks/retrieval.py DATA --work DIR [--set NAME=VALUE] [--pictures DIR] [--score] [--json FILE]

DATA is dev_mixed as link.py lays it out: one collection of several places. The reference of true pairs is made first
(retrieval_reference.py), which takes more than an hour; all else shares its artefacts in DIR/cache. `strongest` is the
share of the reference pairs that are among the ten strongest of either photo; `whole` counts the scenes whose photos
hang together by proposed reference pairs as they do by all of them. --score also runs the default and a run on exactly
the reference pairs, and scores both.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import scenesort
from retrieval_reference import Reference, reference
from scenesort import retrieval, steps, work
from scenesort.config import Options, parse_assignments, preset, with_values
from scenesort.execution import WorkerPool, cpu_count
from scenesort.progress import Silent
from scenesort.retrieval import FusionOptions, Neighbours
from scenesort.retrieval.fusion import fit_fusion, fuse, fuse_collection
from scenesort.retrieval.index import DescriptorIndex
from scenesort.retrieval.proposals import knn, mst, threshold
from scenesort.steps import Context
from scenesort.steps.pairing import open_pairs
from scenesort.types import Pair, PhotoSet
from scenesort.workspace import Workspace
from tables import show, write_json

Pairs = NDArray[np.int64]
Row = dict[str, Any]

STRONGEST = 10
NEIGHBOURS = (5, 10, 20, 40)
DISTANCES = (0.6, 0.7, 0.8, 0.9)
COLUMNS = ("proposed by", "pairs", "of all", "recall", "strongest", "whole")


class Judge:
    """Holds proposed pairs against the reference."""

    def __init__(self, found: Reference) -> None:
        self._reference = found
        self._count = len(found.names)
        self._codes = self.codes(found.pairs)
        self._strongest = self._codes[found.strongest(STRONGEST)]
        self._pieces = self._components(found.pairs)

    def codes(self, pairs: Pairs) -> Pairs:
        """A number for each pair (m, 2)."""
        return pairs[:, 0] * self._count + pairs[:, 1]

    def rate(self, name: str, pairs: Pairs) -> Row:
        """Figures of some proposed pairs."""
        pairs = np.unique(np.sort(pairs, axis=1), axis=0)
        codes = self.codes(pairs)
        kept = self._reference.pairs[np.isin(self._codes, codes)]
        pieces = self._components(kept)
        return {
            "name": name,
            "pairs": len(pairs),
            "share": len(pairs) / (self._count * (self._count - 1) / 2),
            "recall": float(np.isin(self._codes, codes).mean()),
            "strongest": float(np.isin(self._strongest, codes).mean()),
            "precision": float(np.isin(codes, self._codes).mean()) if len(codes) else 0.0,
            "whole": sum(pieces[scene] <= self._pieces[scene] for scene in self._pieces),
            "scenes": len(self._pieces),
        }

    def _components(self, pairs: Pairs) -> dict[str, int]:
        """Pieces that each labelled scene falls into, by pairs within it."""
        scenes = np.array(self._reference.scenes)
        parent = list(range(self._count))

        def root(photo: int) -> int:
            while parent[photo] != photo:
                photo = parent[photo]
            return photo

        for first, second in pairs[scenes[pairs[:, 0]] == scenes[pairs[:, 1]]].tolist():
            parent[root(first)] = root(second)
        return {
            scene: len({root(photo) for photo in np.flatnonzero(scenes == scene).tolist()})
            for scene in sorted(set(self._reference.scenes) - {"outliers"})
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--score", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    (folder,) = (path for path in arguments.data.iterdir() if path.is_dir())
    truth = reference(arguments.data, arguments.work)
    judge = Judge(truth)
    options = with_values(preset("balanced"), parse_assignments(arguments.set))
    figures: dict[str, Any] = {}
    with (
        Workspace.open(arguments.work / "retrieval", arguments.work / "cache") as workspace,
        WorkerPool(cpu_count(), scratch=workspace.work) as pool,
    ):
        context = Context(workspace, pool, options, "cpu", Silent())
        found = steps.find_photos(context, folder, [])
        _, sides = steps.find_features(context, found)
        descriptors = work.load_descriptors(workspace.shard_root, steps.describe_photos(context, sides))
        every = retrieval.exhaustive(len(truth.names)).pairs
        scores = steps.score_pairs(context, sides, every)
        figures["lists"] = _lists(judge, truth, descriptors, every, scores)
        figures["rules"] = _rules(judge, descriptors)
        figures["funnel"] = _funnel(judge, context, found, sides)
        figures["stages"] = [dataclasses.asdict(stage) for stage in context.stages]
    _show("neighbours by descriptor", figures["lists"])
    _show("other shortlists", figures["rules"])
    _show("the default, from proposal to learned matcher", figures["funnel"])
    _show_stages(figures["stages"])
    if arguments.pictures:
        _draw(arguments.pictures, truth, descriptors, every, scores)
    if arguments.score:
        figures["scores"] = _scores(arguments.data, folder, arguments.work, options, truth)
    write_json(arguments.json, figures)


def _lists(
    judge: Judge, truth: Reference, descriptors: Mapping[str, Any], every: Pairs, scores: NDArray[np.float32]
) -> list[Row]:
    """Each photo's k nearest, by descriptor, fusion variant, and by screening every pair."""
    most = max(NEIGHBOURS)
    lists: dict[str, Callable[[int], Pairs]] = {}
    for name, rows in descriptors.items():
        lists[name] = _nearest(_neighbours(rows, most))
    if len(descriptors) > 1:
        together = [lists[name] for name in descriptors]
        lists[" ∪ ".join(descriptors)] = lambda k: np.concatenate([one(k) for one in together])
        for pca in ("independent", "shared"):
            rows, _ = fuse_collection(descriptors, FusionOptions(pca=pca))
            lists[f"fused, {pca} PCA, on the collection"] = _nearest(_neighbours(rows, most))
            lists[f"fused, {pca} PCA, on other places"] = _nearest(_by_halves(descriptors, truth, pca, most))
    full = np.zeros((len(truth.names),) * 2, dtype=np.float32)
    full[tuple(every.T)] = full[tuple(every.T[::-1])] = scores
    np.fill_diagonal(full, -np.inf)
    ranked = np.argsort(-full, axis=1, kind="stable")[:, :most]
    lists["screening of every pair"] = _nearest(Neighbours(ranked, np.take_along_axis(full, ranked, axis=1)))
    return [judge.rate(f"{name}, {k}", pairs(k)) for name, pairs in lists.items() for k in NEIGHBOURS]


def _by_halves(descriptors: Mapping[str, Any], truth: Reference, pca: str, most: int) -> Neighbours:
    """Neighbours with a fusion fitted on other places: each half of the scenes is searched with the other's."""
    scenes = sorted(set(truth.scenes))
    half = np.array([scenes.index(scene) % 2 for scene in truth.scenes])
    rows = np.full((len(half), most), -1, dtype=np.int64)
    similarity = np.full((len(half), most), -np.inf, dtype=np.float32)
    for number in (0, 1):
        others = {name: held[half != number] for name, held in descriptors.items()}
        fused = fuse(fit_fusion(others, FusionOptions(pca=pca)), descriptors)
        found = _neighbours(fused, most)
        rows[half == number], similarity[half == number] = found.rows[half == number], found.similarity[half == number]
    return Neighbours(rows, similarity)


def _rules(judge: Judge, descriptors: Mapping[str, Any]) -> list[Row]:
    rows = []
    for name, held in descriptors.items():
        near = _neighbours(held, len(held) - 1)
        rows.append(judge.rate(f"{name}, mst", mst(held, near).pairs))
        rows += [
            judge.rate(f"{name}, threshold {distance}, 20 at least", threshold(near, distance, 20).pairs)
            for distance in DISTANCES
        ]
    return rows


def _funnel(judge: Judge, context: Context, found: PhotoSet, sides: Mapping[str, Any]) -> list[Row]:
    """What each step of the default lets through."""
    proposed = steps.propose_pairs(context, found, sides)
    rows = [judge.rate("proposed and screened", proposed.pairs)]
    scored = steps.screen_pairs(context, sides, proposed)
    quick = steps.match_quickly(context, sides, scored)
    rows.append(judge.rate("matched with SIFT", _rows(sides, [pair for found in quick for pair in found.where])))
    verified = steps.verify_pairs(context, sides, quick)
    rows.append(judge.rate("… and verified", _rows(sides, list(verified.inliers))))
    grown = steps.grow(context, sides, scored, quick, verified)
    every = [pair for found in grown.matched for pair in found.where]
    rows.append(judge.rate("matched with SIFT, grown", _rows(sides, every)))
    rows.append(judge.rate("… and verified", _rows(sides, list(grown.verified.inliers))))
    chosen = steps.learned_pairs(context, grown.scored)
    rows.append(judge.rate("proposed to the learned matcher", _rows(sides, chosen)))
    rest = steps.match_rest(context, sides, grown.scored, grown.verified)
    verified = steps.verify_again(context, sides, grown.verified, grown.matched, rest)
    chosen = [*chosen, *steps.grown_pairs(context, sides, grown, verified)]
    rows.append(judge.rate("proposed to the learned matcher, grown", _rows(sides, chosen)))
    rows.append(
        judge.rate("… of these not settled, so matched", _rows(sides, open_pairs(context, grown.verified, chosen)))
    )
    _, final = steps.grow_learned(context, sides, grown, rest, verified)
    rows.append(judge.rate("verified in the end", _rows(sides, list(final.inliers))))
    return rows


def _scores(data: Path, folder: Path, work_folder: Path, options: Options, truth: Reference) -> list[Row]:
    """The final score of the default, and of a run that matches the reference pairs, and those alone."""
    pairs_file = work_folder / "reference-pairs.txt"
    pairs_file.write_text("".join(f"{truth.names[a]} {truth.names[b]}\n" for a, b in truth.pairs.tolist()))
    given = with_values(
        options,
        {"retrieval.shortlists": ("file",), "retrieval.pairs_file": str(pairs_file), "pairs.settled_partners": 0},
    )
    rows = []
    for name, chosen in (("default", options), ("reference pairs", given)):
        result = scenesort.run(
            folder,
            work_folder / f"score-{name.replace(' ', '-')}",
            options=chosen,
            labels=data / "train_labels.csv",
            thresholds=data / "train_thresholds.csv",
            cache=work_folder / "cache",
        )
        assert result.evaluation is not None
        scored = result.evaluation.collections[folder.name]
        rows.append({"name": name, "score": scored.score, "mAA": scored.mAA, "clusterness": scored.clusterness})
    show(
        "final score",
        ["pairs", "score", "mAA", "clusterness"],
        [[row["name"], *(f"{row[key]:.1f}" for key in ("score", "mAA", "clusterness"))] for row in rows],
    )
    return rows


def _draw(
    target: Path, truth: Reference, descriptors: Mapping[str, Any], every: Pairs, scores: NDArray[np.float32]
) -> None:
    """Precision and recall of all pairs in the order of their similarity, by descriptor."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    count = len(truth.names)
    true = np.isin(every[:, 0] * count + every[:, 1], truth.pairs[:, 0] * count + truth.pairs[:, 1])
    figure, axes = pyplot.subplots(figsize=(7, 4.2))
    ranked: dict[str, NDArray[Any]] = {"screening": scores}
    for name, rows in descriptors.items():
        exact = rows.astype(np.float32)
        ranked[name] = (exact[every[:, 0]] * exact[every[:, 1]]).sum(axis=1)
    if len(descriptors) > 1:
        rows, _ = fuse_collection(descriptors, FusionOptions())
        exact = rows.astype(np.float32)
        ranked["fused (independent PCA)"] = (exact[every[:, 0]] * exact[every[:, 1]]).sum(axis=1)
    for name, values in sorted(ranked.items()):
        hits = np.cumsum(true[np.argsort(-values, kind="stable")])
        taken = np.arange(1, len(every) + 1)
        # As many points as the eye can tell apart.
        shown = np.unique(np.geomspace(1, len(every), 300).astype(np.int64)) - 1
        axes.plot((hits / true.sum())[shown], (hits / taken)[shown], label=name)
    axes.set_xlabel("recall of reference pairs")
    axes.set_ylabel("precision")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)
    axes.legend()
    target.mkdir(parents=True, exist_ok=True)
    figure.savefig(target / "retrieval-precision-recall.svg", bbox_inches="tight", metadata={"Date": None})


def _neighbours(rows: Any, k: int) -> Neighbours:
    index = DescriptorIndex.in_memory(rows.shape[1])
    index.add(rows)
    return index.neighbours(k)


def _nearest(neighbours: Neighbours) -> Callable[[int], Pairs]:
    return lambda k: knn(neighbours, k).pairs


def _rows(sides: Mapping[str, Any], pairs: list[Pair]) -> Pairs:
    row_of = {name: row for row, name in enumerate(sorted(sides))}
    return np.array([(row_of[a], row_of[b]) for a, b in pairs], dtype=np.int64).reshape(-1, 2)


def _show(title: str, rows: list[Row]) -> None:
    show(
        title,
        COLUMNS,
        [
            [
                row["name"],
                f"{row['pairs']:,}",
                f"{100 * row['share']:.1f}%",
                *(f"{100 * row[key]:.1f}%" for key in ("recall", "strongest")),
                f"{row['whole']} of {row['scenes']}",
            ]
            for row in rows
        ],
    )


def _show_stages(stages: list[Row]) -> None:
    show(
        "seconds of what was not done before",
        ["stage", "done", "seconds", "CPU-s", "worker MB"],
        [
            [
                row["name"],
                str(row["done"]),
                f"{row['seconds']:.1f}",
                f"{row['cpu_s']:.1f}",
                f"{row['peak_memory_mb']:.0f}",
            ]
            for row in stages
            if row["done"]
        ],
    )


if __name__ == "__main__":
    main()
