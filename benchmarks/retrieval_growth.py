"""Time, memory and recall of the index of global descriptors as a collection grows.

usage: python benchmarks/retrieval_growth.py [--photos 1000,10000,100000] [--neighbours 20] [--exact-photos N]
                                             [--threads 1] [--on-disk] [--json FILE]

Descriptors are clustered, as photos are, not random. A scene has 5 to 400 photos (log-normal, median 40); its centre is
drawn half from one of n / 1000 kinds of place and half by itself; its photos lie around the centre on a 6-dimensional
patch (a camera that moves) plus noise in every dimension, so that a photo's nearest has a cosine similarity of about
0.86 and its 20th of about 0.71, and nearly all of its 20 nearest are of its own scene (`same scene`). Each size runs
in its own process, so that peak memory is its own; it includes the descriptors and the interpreter.
Recall is against exact search, on 500 queries. The exponent is the slope of log seconds between two sizes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenesort.execution import own_peak_memory_mb
from scenesort.retrieval.index import DescriptorIndex, IndexOptions
from scenesort.retrieval.index_exact import exact_neighbours
from tables import show, write_json

DIMENSION = 512
SCENE_MEDIAN, SCENE_SPREAD, SCENE_RANGE = 40, 0.8, (5, 400)
PLACE_KINDS_PER_PHOTO = 1 / 1000
CENTRE_SHARE, PATCH_DIMENSIONS, PATCH_SPREAD, NOISE = 0.7, 6, 0.25, 0.35
QUERIES = 500

Figures = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", default="1000,10000,100000", help="sizes of collections, separated by commas")
    parser.add_argument("--neighbours", type=int, default=20)
    parser.add_argument("--exact-photos", type=int, default=IndexOptions().exact_photos)
    parser.add_argument("--threads", type=int, default=1, help="threads of the graph; exact search uses BLAS's own")
    parser.add_argument("--on-disk", action="store_true", help="descriptors in a mapped file")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(_measure(arguments.one, arguments)))
        return
    sizes = [int(size) for size in arguments.photos.split(",")]
    measured: list[Figures] = []
    for size in sizes:
        command = [sys.executable, __file__, *sys.argv[1:], "--one", str(size)]
        measured.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
        _show(measured[-1:])
    exponents = [
        {
            "from": a["photos"],
            "to": b["photos"],
            "wall": _slope(a, b, "build_s", "search_s"),
            "cpu": _slope(a, b, "build_cpu_s", "search_cpu_s"),
        }
        for a, b in itertools.pairwise(measured)
    ]
    _show(measured)
    show(
        "growth exponent of build and search",
        ["from", "to", "of seconds", "of CPU seconds"],
        [[f"{e['from']:,}", f"{e['to']:,}", f"{e['wall']:.2f}", f"{e['cpu']:.2f}"] for e in exponents],
    )
    write_json(arguments.json, {"sizes": measured, "exponents": exponents})


def make_descriptors(num_photos: int, seed: int = 0) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """Unit descriptors (n, 512) of photos in random order, and the scene of each."""
    random = np.random.default_rng(seed)
    unit = 1 / math.sqrt(DIMENSION)
    kinds = random.normal(size=(max(1, round(num_photos * PLACE_KINDS_PER_PHOTO)), DIMENSION)) * unit
    descriptors = np.empty((num_photos, DIMENSION), dtype=np.float16)
    scene_of = np.empty(num_photos, dtype=np.int64)
    first = scene = 0
    while first < num_photos:
        drawn = random.lognormal(math.log(SCENE_MEDIAN), SCENE_SPREAD)
        size = min(int(np.clip(drawn, *SCENE_RANGE)), num_photos - first)
        centre = CENTRE_SHARE * (kinds[random.integers(len(kinds))] + random.normal(size=DIMENSION) * unit)
        patch = random.normal(size=(PATCH_DIMENSIONS, DIMENSION)) * unit
        moved = PATCH_SPREAD * random.normal(size=(size, PATCH_DIMENSIONS)) @ patch
        photos = centre + moved + NOISE * random.normal(size=(size, DIMENSION)) * unit
        descriptors[first : first + size] = photos / np.linalg.norm(photos, axis=1, keepdims=True)
        scene_of[first : first + size] = scene
        first, scene = first + size, scene + 1
    order = random.permutation(num_photos)
    return descriptors[order], scene_of[order]


def _measure(num_photos: int, arguments: argparse.Namespace) -> Figures:
    descriptors, scene_of = make_descriptors(num_photos)
    k = arguments.neighbours
    options = IndexOptions(exact_photos=arguments.exact_photos, threads=arguments.threads)
    before_mb = own_peak_memory_mb()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter(), time.process_time()
        if arguments.on_disk:
            index = DescriptorIndex.on_disk(Path(folder), DIMENSION, options)
        else:
            index = DescriptorIndex.in_memory(DIMENSION, options)
        index.add(descriptors)
        # One search builds what searches need.
        index.search(descriptors[:1], 1)
        built = time.perf_counter(), time.process_time()
        found = index.neighbours(k)
        ended = time.perf_counter(), time.process_time()
    peak_mb = own_peak_memory_mb()
    queries = np.random.default_rng(1).choice(num_photos, min(QUERIES, num_photos), replace=False)
    rows, similarity = exact_neighbours(descriptors[queries], descriptors, k + 1)
    true = [row[row != query][:k] for row, query in zip(rows, queries, strict=True)]
    hits = [np.isin(near, found.rows[query]).mean() for near, query in zip(true, queries, strict=True)]
    same = [(scene_of[near] == scene_of[query]).mean() for near, query in zip(true, queries, strict=True)]
    return {
        "photos": num_photos,
        "search": "exact" if num_photos <= options.exact_photos else "graph",
        "on_disk": arguments.on_disk,
        "threads": options.threads,
        "neighbours": k,
        "build_s": built[0] - started[0],
        "search_s": ended[0] - built[0],
        "build_cpu_s": built[1] - started[1],
        "search_cpu_s": ended[1] - built[1],
        "before_mb": before_mb,
        "peak_mb": peak_mb,
        "recall": float(np.mean(hits)),
        "same_scene": float(np.mean(same)),
        "similarity_first": float(similarity[:, 1].mean()),
        "similarity_last": float(similarity[:, -1].mean()),
    }


def _slope(a: Figures, b: Figures, *names: str) -> float:
    seconds = [sum(figures[name] for name in names) for figures in (a, b)]
    return math.log(seconds[1] / seconds[0]) / math.log(b["photos"] / a["photos"])


def _show(measured: list[Figures]) -> None:
    show(
        f"index of {DIMENSION}-d descriptors",
        ["photos", "search", "build s", "search s", "CPU s", "peak MB", "recall", "same scene"],
        [
            [
                f"{figures['photos']:,}",
                figures["search"],
                f"{figures['build_s']:.1f}",
                f"{figures['search_s']:.1f}",
                f"{figures['build_cpu_s'] + figures['search_cpu_s']:.1f}",
                f"{figures['peak_mb']:.0f}",
                f"{figures['recall']:.3f}",
                f"{figures['same_scene']:.2f}",
            ]
            for figures in measured
        ],
    )


if __name__ == "__main__":
    main()
