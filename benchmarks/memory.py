"""Peak memory by stage as collections grow: it should not, apart from what mapping one scene needs.

usage: python benchmarks/memory.py [--photos 50,200,800] [--width 320] [--set NAME=VALUE] [--work DIR] [--json FILE]

Each size is a collection of rendered photos, 12 a scene, sorted by a fresh process. The worker's peak is the largest
of the workers' while they do the stage, models and caches included; the main process's is counted from the end of the
stage before, so that work between two stages belongs to the later one.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import scenesort
from scenesort.config import Options
from scenesort.execution import own_peak_memory_mb
from scenesort.progress import Progress, StageReport
from scenesort.synthetic import many_photos
from tables import add_run_arguments, run_options, show, write_json

AIM = 1.2
"""Largest allowed peak at the last size over that at the first."""

APART = ("mapping",)
"""Stages that need as much as their largest scene does."""

Peaks = dict[str, dict[str, float]]
"""stage → `worker_mb` and `main_mb`."""


class _Watcher(Progress):
    """Notes the peaks of each stage, and resets the main process's between stages."""

    def __init__(self, num_photos: int) -> None:
        self.num_photos = num_photos
        self.peaks: Peaks = {}
        self._before = 0.0

    def begin(self, stage: str, total: int) -> None:
        """Keep the peak of the work before the stage: it is part of it."""
        self._before = own_peak_memory_mb()
        _reset_peak()

    def end(self, report: StageReport) -> None:
        """Take the stage's peaks."""
        peaks = self.peaks.setdefault(report.name, {"worker_mb": 0.0, "main_mb": 0.0})
        peaks["worker_mb"] = max(peaks["worker_mb"], report.peak_memory_mb)
        peaks["main_mb"] = max(peaks["main_mb"], report.parent_memory_mb, self._before)
        print(f"{self.num_photos} photos: {report.name} {report.seconds:.0f} s", flush=True)
        _reset_peak()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", default="50,200,800", help="sizes, separated by commas")
    add_run_arguments(parser)
    arguments = parser.parse_args()
    sizes = sorted({int(size) for size in arguments.photos.split(",")})
    options = run_options(arguments)
    measured: dict[int, Peaks] = {}
    with contextlib.ExitStack() as stack:
        work = arguments.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="memory-")))
        for size in sizes:
            # A process for each size: what an earlier run left in memory is not the later one's.
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
                photos = fresh.submit(_photos, work / f"{size}x{arguments.width}", size, arguments.width).result()
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
                measured[size] = fresh.submit(_peaks, photos, work / f"out-{size}", options, size).result()
    ratios = _ratios(measured)
    _show(measured, ratios)
    apart = max((max(ratio.values()) for stage, ratio in ratios.items() if stage in APART), default=1.0)
    worst = max((max(ratio.values()) for stage, ratio in ratios.items() if stage not in APART), default=1.0)
    print(f"largest ratio apart from mapping: {worst:.2f} (aim: at most {AIM}); mapping: {apart:.2f}")
    write_json(
        arguments.json,
        {"sizes": sizes, "peaks": measured, "ratios": ratios, "worst": worst, "mapping": apart, "aim": AIM},
    )


def _photos(folder: Path, size: int, width_px: int) -> Path:
    """Render a collection once; the marker tells that it is whole."""
    marker = folder / "whole"
    if not marker.exists():
        print(f"rendering {size} photos", flush=True)
        many_photos(folder, size, width_px=width_px)
        marker.touch()
    return folder / "many"


def _peaks(photos: Path, out: Path, options: Options, size: int) -> Peaks:
    shutil.rmtree(out, ignore_errors=True)
    watcher = _Watcher(size)
    result = scenesort.run(photos, out, options=options, progress=watcher)
    watcher.peaks["writing"] = {"worker_mb": 0.0, "main_mb": own_peak_memory_mb()}
    print(f"{size} photos: {len(result.scenes)} scenes, {sum(len(s.photos) for s in result.scenes)} posed", flush=True)
    shutil.rmtree(out)
    return watcher.peaks


def _ratios(measured: dict[int, Peaks]) -> Peaks:
    """Return by stage how the peaks at the last size compare with those at the first."""
    first, last = measured[min(measured)], measured[max(measured)]
    return {
        stage: {who: peak / first[stage][who] for who, peak in peaks.items() if first.get(stage, {}).get(who)}
        for stage, peaks in last.items()
    }


def _show(measured: dict[int, Peaks], ratios: Peaks) -> None:
    for who, title in (("worker_mb", "largest worker"), ("main_mb", "main process")):
        rows = []
        for stage in measured[max(measured)]:
            peaks = [known.get(stage, {}).get(who, 0.0) for known in measured.values()]
            ratio = ratios[stage].get(who)
            rows.append([stage, *(f"{peak:.0f}" if peak else "-" for peak in peaks), f"{ratio:.2f}" if ratio else "-"])
        columns = ["stage", *(f"{size} photos" for size in measured), "last / first"]
        show(f"peak memory in MB, {title}", columns, rows)


def _reset_peak() -> None:
    """Make the system count the peak of resident memory from now on, where it can (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    main()
