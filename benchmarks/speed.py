"""Seconds by stage on a rendered collection, of a first run and of a second call that finds everything done.

usage: python benchmarks/speed.py [--photos 36] [--width 320] [--workers 2] [--set NAME=VALUE] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

import scenesort
from scenesort.synthetic import many_photos
from tables import add_run_arguments, run_options, show, write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=36, help="how many photos, 12 a scene")
    add_run_arguments(parser)
    arguments = parser.parse_args()
    options = run_options(arguments)
    with contextlib.ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="speed-")))
        folder = (arguments.work or temporary) / f"{arguments.photos}x{arguments.width}"
        photos = folder / "many"
        if not (folder / "labels.csv").exists():
            print(f"rendering {arguments.photos} photos", flush=True)
            many_photos(folder, arguments.photos, width_px=arguments.width)
        totals, calls = [], []
        for _ in range(2):
            started = time.perf_counter()
            result = scenesort.run(photos, temporary / "out", options=options)
            totals.append(time.perf_counter() - started)
            calls.append(result.collections["many"].stages)
    stages: list[dict[str, Any]] = [
        {"stage": one.name, "done": one.done, "seconds": one.seconds, "cpu_s": one.cpu_s, "again_s": two.seconds}
        for one, two in zip(*calls, strict=True)
    ]
    inside = [sum(stage[key] for stage in stages) for key in ("seconds", "again_s")]
    rest = {"stage": "between and writing", "done": 0, "cpu_s": 0.0}
    stages.append({**rest, "seconds": totals[0] - inside[0], "again_s": totals[1] - inside[1]})
    rows = [
        [
            stage["stage"],
            str(stage["done"] or "-"),
            f"{stage['seconds']:.2f}",
            f"{stage['cpu_s']:.2f}",
            f"{1000 * stage['seconds'] / stage['done']:.1f}" if stage["done"] else "-",
            f"{stage['again_s']:.2f}",
        ]
        for stage in stages
    ]
    rows.append(["total", "", f"{totals[0]:.2f}", "", "", f"{totals[1]:.2f}"])
    columns = ["stage", "photos or pairs", "seconds", "workers' CPU s", "ms each", "second call, s"]
    show(f"{arguments.photos} photos of {arguments.width} px, {arguments.workers} workers", columns, rows)
    write_json(arguments.json, {"photos": arguments.photos, "seconds": totals, "stages": stages})


if __name__ == "__main__":
    main()
