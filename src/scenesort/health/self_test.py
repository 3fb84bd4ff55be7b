"""A small run with known cameras, from rendering to the score."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from scenesort import pipeline
from scenesort.config import Options, preset, with_values
from scenesort.health.findings import Finding, Request, mark
from scenesort.members import needed_weights
from scenesort.progress import Progress
from scenesort.results import RunResult
from scenesort.synthetic import CollectionSpec, SceneSpec, make_collection
from scenesort.weights import missing

_RUN_LIMIT_S = 90.0
"""The run ends by itself well before the check is stopped."""

GOOD_SCORE = 80.0

_NUM_PHOTOS = 8
_WIDTH_PX, _HEIGHT_PX = 448, 336
_SPEC = CollectionSpec(
    "self-test",
    (SceneSpec("place", "square", 5, _NUM_PHOTOS, width_px=_WIDTH_PX, height_px=_HEIGHT_PX),),
    seed=3,
    width_px=_WIDTH_PX,
    height_px=_HEIGHT_PX,
)

# Few keypoints and pairs, and a learned matcher that gets some pairs however well the first round went.
_QUICK = {
    "features.sift_keypoints": 2048,
    "pairs.exhaustive_photos": 2,
    "pairs.pairs_per_photo": 2,
    "pairs.settled_partners": 0,
    "mapping.share_cameras": "always",
    "budget.time_limit_s": _RUN_LIMIT_S,
}
_WITHOUT_WEIGHTS = {"matching.mix": ("sift+nearest",)}


class _Told(Progress):
    """Says which stage is under way, so that a run which dies can be placed."""

    def begin(self, stage: str, total: int) -> None:
        mark(stage)


def quick_options(preset_name: str, has_weights: bool) -> Options:
    """Return a preset's mix with little work; without its weights SIFT alone."""
    mix = {"matching.mix": preset(preset_name).matching.mix}
    return with_values(preset("fast"), {**mix, **_QUICK, **({} if has_weights else _WITHOUT_WEIGHTS)})


def check_run(request: Request) -> list[Finding]:
    """Render photos of one place, sort them, and score the poses. Raises what a run raises."""
    started_s = time.monotonic()
    absent = missing(needed_weights(preset(request.preset)))
    with tempfile.TemporaryDirectory(prefix="self-test-") as name:
        folder = Path(name)
        mark("rendering photos")
        photos = make_collection(folder, _SPEC)
        mark("starting the run")
        result = pipeline.run(
            photos,
            folder / "out",
            options=quick_options(request.preset, not absent),
            labels=folder / "labels.csv",
            thresholds=folder / "thresholds.csv",
            progress=_Told(),
        )
        device = json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))["device"]
    return [judge_run(result, time.monotonic() - started_s, device, absent)]


def judge_run(result: RunResult, seconds: float, device: str, absent: list[str]) -> Finding:
    """Tell what a run of the self-test gave. `absent`: weights without which SIFT ran alone."""
    score = result.evaluation.score if result.evaluation is not None else 0.0
    num_posed = sum(row.cam_from_world is not None for found in result.collections.values() for row in found.rows)
    text = f"score {score:.1f}, {num_posed} of {_NUM_PHOTOS} photos posed, {seconds:.0f} s, device {device}"
    if absent:
        text += f"; with SIFT alone: {', '.join(absent)} not here"
    values: dict[str, float | str] = {
        "score": score,
        "posed": num_posed,
        "seconds": round(seconds, 1),
        "device": device,
    }
    if score >= GOOD_SCORE:
        return Finding("self-test", "ok", text, values=values)
    notices = [notice for found in result.collections.values() for notice in found.notices]
    return Finding(
        "self-test",
        "problem",
        f"{text}; above {GOOD_SCORE:.0f} is right. {' '.join(notices)}".rstrip(),
        "mend what is found above; if nothing is, please report this",
        values=values,
    )
