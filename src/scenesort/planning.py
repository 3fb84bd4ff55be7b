"""What fits into a time and a memory limit: pure functions from options and counts to lighter options and deadlines.

The costs below are CPU seconds on one core of an ordinary machine. They need not be right: the deadlines of a
`Schedule` follow the pace that this machine has shown.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scenesort import retrieval
from scenesort.config import Options, with_values

STAGES = (
    "photos",
    "turns",
    "features",
    "retrieval",
    "pairs",
    "matching",
    "verification",
    "growth",
    "matching (learned)",
    "verification (learned)",
    "growth (learned)",
    "mapping",
)
"""The stages that can be cut short, in their order. Growth repeats three of them, retrieval has one a descriptor."""

PLANNED_SHARE = 0.8
"""How much of the time a plan may be predicted to take; deadlines stand for the rest."""

MOST_KEPT: Mapping[str, float] = {"photos": 0.7, "features": 0.4, "matching": 0.7}
"""How much of the time left a stage leaves to the later ones at most."""

PHOTO_CPU_S = 0.05
TURNS_CPU_S = 0.2

START_S = 3.0
"""Starting workers and loading models."""

FEATURE_CPU_S: Mapping[str, float] = {"sift": 0.8, "xfeat": 0.4, "aliked": 1.6, "disk": 6.5}
UNKNOWN_FEATURE_CPU_S = 2.0
DESCRIBE_CPU_S: Mapping[str, float] = {"vlad": 0.01, "efficientnet": 0.15}
UNKNOWN_DESCRIBE_CPU_S = 3.0
SCREEN_CPU_S = 0.002
NEAREST_CPU_S = 0.15
VERIFY_CPU_S = 0.035
GUIDED_CPU_S = 1.0
"""Of 8,192 keypoints a photo, a pair and member of the mix."""
LEARNED_CPU_S: Mapping[str, float] = {"lighterglue": 0.9, "lightglue": 2.0}
UNKNOWN_LEARNED_CPU_S = 2.0
MAPPING_CPU_S = 1.0

PARENT_MB = 250.0
WORKER_MB = 400.0
"""A worker with numpy, OpenCV, pycolmap and the arrays of a small task."""
LEARNED_WORKER_MB = 600.0
"""What torch and the default models add to it."""
MB_PER_MEGAPIXEL = 9.0
"""Decoding holds a photo up to three times, as 3 bytes a pixel."""
MB_PER_MAPPED_PHOTO = 3.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Options that should fit, what was given up for it, and the predicted wall-clock seconds of each stage."""

    options: Options
    given_up: tuple[str, ...]
    stage_s: Mapping[str, float]

    @property
    def total_s(self) -> float:
        """Predicted wall-clock seconds of all stages."""
        return sum(self.stage_s.values())


@dataclass(slots=True)
class Schedule:
    """When each stage of one collection must stop so that the later ones fit in; without a limit, never.

    `end_s` is on the clock of `time.monotonic`, `stage_s` a plan's prediction. `finished` corrects the prediction by
    the pace seen so far.
    """

    end_s: float = math.inf
    stage_s: Mapping[str, float] = field(default_factory=dict)
    spent_s: float = 0.0
    planned_s: float = 0.0

    @property
    def is_limited(self) -> bool:
        """Whether there is a time limit at all."""
        return math.isfinite(self.end_s)

    @property
    def left_s(self) -> float:
        """Seconds until the end, not below 0."""
        return max(0.0, self.end_s - time.monotonic())

    @property
    def pace(self) -> float:
        """Seconds taken for each second predicted, so far; bounded, because early stages are short."""
        return min(8.0, max(0.4, self.spent_s / self.planned_s)) if self.planned_s > 0 else 1.0

    def finished(self, stage: str, seconds: float) -> None:
        """Note how long a stage took that did all its work by itself."""
        if self.stage_s.get(stage, 0.0) > 0:
            self.spent_s += seconds
            self.planned_s += self.stage_s[stage]

    def killed_s(self, stage: str) -> float:
        """The time at which what a stage still does is killed: half of what the later stages have."""
        until_s = self.until_s(stage)
        return until_s if math.isinf(until_s) else until_s + 0.5 * max(0.0, self.end_s - until_s)

    def until_s(self, stage: str) -> float:
        """The time by which a stage must stop, on the clock of `time.monotonic`.

        The later stages get what they are predicted to need, but not more than `MOST_KEPT` of what is left: a photo
        without features is lost whatever comes later.
        """
        if not self.is_limited:
            return math.inf
        behind = _place(stage)
        later_s = self.pace * sum(self.stage_s.get(name, 0.0) for name in STAGES[behind + 1 :])
        return self.end_s - min(later_s, MOST_KEPT.get(stage, MOST_KEPT["matching"]) * self.left_s)


def predict(options: Options, learned: Sequence[bool], num_photos: int, workers: int) -> dict[str, float]:
    """Wall-clock seconds of each stage of one collection; `learned`: which members of the mix have learned matchers."""
    count = max(num_photos, 1)
    all_pairs = count * (count - 1) / 2
    pixels = (options.features.max_side_px / 1024) ** 2
    seconds = dict.fromkeys(STAGES, 0.0)
    seconds["photos"] = PHOTO_CPU_S * count
    if options.photos.find_turns and any(not member.startswith("sift+") for member in options.matching.mix):
        seconds["turns"] = TURNS_CPU_S * count
    chosen = options.retrieval
    rules = retrieval.resolve(chosen, count)
    is_searched = bool(set(rules) & set(retrieval.SEARCHING))
    if is_searched or chosen.clusters != "none":
        each_s = (DESCRIBE_CPU_S.get(name, UNKNOWN_DESCRIBE_CPU_S) for name in chosen.descriptors)
        seconds["retrieval"] = count * sum(each_s)
    looked_at = all_pairs
    if "exhaustive" not in rules:
        partners = 0.7 * chosen.neighbours * len(chosen.descriptors) if is_searched else 0.0
        partners += chosen.sequence_powers if "sequence" in rules else 0.0
        # How many pairs a file holds isn't known here; as many as are matched otherwise is a fair guess.
        partners += options.pairs.nearest_pairs_per_photo if "file" in rules else 0.0
        looked_at = min(all_pairs, partners * count)
    seconds["pairs"] = SCREEN_CPU_S * looked_at
    looks = 1 + len(options.features.more_sides_px) + (options.features.tiles**2 if options.features.tiles > 1 else 0)
    verify_s = VERIFY_CPU_S + (GUIDED_CPU_S * len(options.matching.mix) if options.verification.guided else 0.0)
    for member, is_learned in zip(options.matching.mix, learned, strict=True):
        feature, _, matcher = member.partition("+")
        seconds["features"] += looks * count * pixels * FEATURE_CPU_S.get(feature, UNKNOWN_FEATURE_CPU_S)
        keypoints = looks * options.features.most_keypoints(feature)
        partners = options.pairs.pairs_per_photo if is_learned else options.pairs.nearest_pairs_per_photo
        # A pair is often among the best of both its photos.
        pairs = all_pairs if count <= options.pairs.exhaustive_photos else min(all_pairs, 0.7 * partners * count)
        if is_learned:
            cost = LEARNED_CPU_S.get(matcher, UNKNOWN_LEARNED_CPU_S) * (keypoints / 2048) ** 1.5
            seconds["matching (learned)"] += pairs * cost
            seconds["verification (learned)"] += pairs * verify_s
            if "growth" in rules:
                grown = 0.6 * options.pairs.grown_pairs_per_photo * count
                seconds["growth (learned)"] += grown * (cost + verify_s)
        else:
            nearest_s = NEAREST_CPU_S * (keypoints / 8192) ** 2
            seconds["matching"] += pairs * nearest_s
            seconds["verification"] += pairs * verify_s
            if "growth" in rules:
                # Most growths end after the first or second round.
                grown = 1.5 * options.retrieval.growth_pairs_per_photo * count
                seconds["growth"] += grown * (nearest_s + verify_s)
    variants = 2 if options.mapping.share_cameras == "auto" else 1
    detail = max(options.features.most_keypoints(member.partition("+")[0]) for member in options.matching.mix)
    mapping = MAPPING_CPU_S * count * (1 + count / 200) * (detail / 8192) ** 0.5
    spread = {name: value / workers for name, value in seconds.items()}
    # One model keeps one core busy, whatever the number of workers.
    spread["features"] += START_S
    return {**spread, "mapping": mapping * variants / min(workers, 2)}


def _place(stage: str) -> int:
    """The place of a stage among `STAGES`; an unknown one counts as the last."""
    name = stage
    if stage.startswith(("retrieval", "turns")):
        name = stage.partition(" ")[0]
    elif stage.endswith("(learned, growth)"):
        name = "growth (learned)"
    elif stage.endswith("(growth)"):
        name = "growth"
    return STAGES.index(name) if name in STAGES else len(STAGES) - 1


def plan_time(options: Options, learned: Sequence[bool], num_photos: int, seconds: float, workers: int) -> Plan:
    """The richest options whose predicted time fits into `seconds`: what adds least is given up first.

    `learned` says which members of the mix have learned matchers; they can be left out as long as another remains.
    Without a limit (infinite `seconds`) nothing is given up.
    """
    given_up: list[str] = []
    plan = Plan(options, (), predict(options, learned, num_photos, workers))
    for what, values in _reductions(options, learned):
        if plan.total_s <= PLANNED_SHARE * seconds:
            break
        lighter = with_values(plan.options, values)
        if lighter == plan.options:
            continue
        kept = tuple(
            is_learned
            for member, is_learned in zip(options.matching.mix, learned, strict=True)
            if member in lighter.matching.mix
        )
        given_up.append(what)
        plan = Plan(lighter, tuple(given_up), predict(lighter, kept, num_photos, workers))
    return plan


def _reductions(options: Options, learned: Sequence[bool]) -> list[tuple[str, dict[str, object]]]:
    """What can be given up, in order, with the options that do so; each adds to those before it."""
    pairs = options.pairs
    quick = tuple(member for member, is_learned in zip(options.matching.mix, learned, strict=True) if not is_learned)
    steps: list[tuple[str, dict[str, object]]] = [
        (
            "further sizes, tiles and guided matching",
            {"features.more_sides_px": (), "features.tiles": 1, "verification.guided": False},
        )
    ]
    if any(learned):
        fewer: dict[str, object] = {
            "pairs.exhaustive_photos": 2,
            "pairs.pairs_per_photo": max(1, pairs.pairs_per_photo // 2),
            "pairs.settled_partners": min(4, pairs.settled_partners) or 4,
        }
        steps.append(("learned matching of every second pair", fewer))
        if quick:
            steps.append(("learned matching", {"matching.mix": quick}))
        else:
            least: dict[str, object] = {"pairs.pairs_per_photo": max(1, pairs.pairs_per_photo // 4)}
            steps.append(("learned matching of most pairs", least))
    sift, partners = options.features.sift_keypoints, pairs.nearest_pairs_per_photo
    steps += [
        ("the comparison of own and shared cameras", {"mapping.share_cameras": "never"}),
        ("half the pairs", {"pairs.exhaustive_photos": 2, "pairs.nearest_pairs_per_photo": min(20, partners)}),
        ("half the keypoints", {"features.sift_keypoints": min(4096, sift)}),
        (
            "fine detail",
            {
                "pairs.nearest_pairs_per_photo": min(10, partners),
                "pairs.pairs_per_photo": min(3, pairs.pairs_per_photo),
                "features.sift_keypoints": min(2048, sift),
                "features.max_side_px": min(800, options.features.max_side_px),
                "features.aliked_keypoints": min(1024, options.features.aliked_keypoints),
                "features.xfeat_keypoints": min(1024, options.features.xfeat_keypoints),
                "features.disk_keypoints": min(1024, options.features.disk_keypoints),
                "features.superpoint_keypoints": min(1024, options.features.superpoint_keypoints),
                "mapping.max_models": min(5, options.mapping.max_models),
            },
        ),
    ]
    return steps


def share_time(costs: Mapping[str, float], seconds: float) -> dict[str, float]:
    """Split `seconds` over collections in proportion to their predicted costs."""
    total = sum(costs.values())
    return (
        {name: seconds * cost / total for name, cost in costs.items()} if total > 0 else dict.fromkeys(costs, seconds)
    )


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """How many workers fit, and the largest photo that they may decode."""

    workers: int
    max_megapixels: float


def plan_memory(
    limit_mb: float, workers: int, has_learned: bool, largest_megapixels: float, max_megapixels: float, num_photos: int
) -> MemoryPlan | None:
    """The most workers, up to `workers`, that fit into `limit_mb` with the largest photo; None if not even one does.

    Where one worker fits but not the largest photo, photos above what fits are left out.
    """
    base_mb = WORKER_MB + (LEARNED_WORKER_MB if has_learned else 0.0)
    room_mb = limit_mb - PARENT_MB - MB_PER_MAPPED_PHOTO * num_photos
    if room_mb < base_mb + MB_PER_MEGAPIXEL:
        return None
    largest = min(largest_megapixels, max_megapixels)
    fitting = int(room_mb // (base_mb + MB_PER_MEGAPIXEL * largest))
    if fitting >= 1:
        return MemoryPlan(min(workers, fitting), max_megapixels)
    return MemoryPlan(1, min(max_megapixels, math.floor((room_mb - base_mb) / MB_PER_MEGAPIXEL)))


def least_memory_mb(has_learned: bool, num_photos: int) -> float:
    """The smallest memory limit that a run can be planned for."""
    base_mb = WORKER_MB + (LEARNED_WORKER_MB if has_learned else 0.0)
    return math.ceil((PARENT_MB + base_mb + 12 * MB_PER_MEGAPIXEL + MB_PER_MAPPED_PHOTO * num_photos) / 100) * 100.0
