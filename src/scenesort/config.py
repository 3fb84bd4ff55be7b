"""Every option of every stage: frozen, with its default, unit and one line of meaning; presets; TOML and `--set`.

Nothing here reads photos or knows stages: a stage receives its own group of options.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from scenesort.errors import OptionError
from scenesort.plugins import did_you_mean

MAX_INTEGER = 2**31 - 2
"""Largest whole number of any option: COLMAP's are 32 bits wide, and a second attempt adds one to the seed."""


def option(
    default: Any,
    meaning: str,
    unit: str = "",
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """Declare an option: its default, one line of meaning, its unit, the values or the range allowed."""
    if high is None and isinstance(default, int) and not isinstance(default, bool):
        high = MAX_INTEGER
    return field(
        default=default, metadata={"help": meaning, "unit": unit, "choices": choices, "low": low, "high": high}
    )


@dataclass(frozen=True, slots=True)
class PhotosOptions:
    """Which photos are read, and what is known about their cameras."""

    max_megapixels: float = option(200.0, "larger photos are skipped and listed", "megapixels", low=0.01)
    min_side_px: int = option(32, "photos with a shorter side are skipped and listed", "px", low=1)
    camera_model: str = option(
        "SIMPLE_RADIAL",
        "COLMAP camera model of photos without known intrinsics",
        choices=("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "OPENCV_FISHEYE"),
    )
    camera_params: str = option("", "known intrinsics of all photos, COLMAP's order, separated by commas")
    single_camera: bool = option(False, "all photos of one size come from one camera")
    cameras_csv: str = option("", "known intrinsics by photo: a CSV with image,model,width,height,params")
    masks: str = option("", "folder of masks named like the photos plus .png; features on black are dropped")
    default_focal_ratio: float = option(1.2, "guessed focal length as a multiple of the longer side", low=0.1)


@dataclass(frozen=True, slots=True)
class FeaturesOptions:
    """How keypoints are found."""

    max_side_px: int = option(1024, "photos are shrunk to this longer side before features are found", "px", low=64)
    sift_keypoints: int = option(8192, "most SIFT keypoints a photo", low=16)
    xfeat_keypoints: int = option(2048, "most XFeat keypoints a photo", low=16)
    aliked_keypoints: int = option(2048, "most ALIKED keypoints a photo", low=16)


@dataclass(frozen=True, slots=True)
class PairsOptions:
    """Which pairs are matched: every pair is screened cheaply, the best are matched."""

    # Below about twice the partners a photo, a shortlist keeps most pairs anyway.
    exhaustive_photos: int = option(25, "collections up to this size match every pair with every matcher", low=2)
    screen_with: str = option(
        "xfeat", "feature member whose descriptors screen the pairs", choices=("xfeat", "aliked", "sift")
    )
    screen_keypoints: int = option(1024, "keypoints a photo used in screening, best first", low=16)
    pairs_per_photo: int = option(12, "best-ranked partners of each photo that the learned matchers get", low=1)
    settled_partners: int = option(
        6,
        "a photo with so many strong partners after nearest-neighbour matching needs no learned matcher; 0: none does",
        low=0,
    )
    strong_inliers: int = option(100, "verified inliers of a strong partner", low=4)
    nearest_pairs_per_photo: int = option(
        40, "best-ranked partners of each photo that nearest-neighbour matching gets", low=1
    )


@dataclass(frozen=True, slots=True)
class MatchingOptions:
    """How pairs are matched."""

    mix: tuple[str, ...] = option(
        ("sift+nearest", "xfeat+lighterglue"),
        "features+matcher to run side by side; their matches are put together before verification",
    )
    max_ratio: float = option(0.8, "ratio test of nearest-neighbour matching", low=0.1)
    max_angle_deg: float = option(40.0, "largest angle between matched descriptors", "degrees", low=1.0)
    filter_threshold: float = option(0.1, "least confidence of a LightGlue match", low=0.0)
    depth_confidence: float = option(0.95, "LightGlue for ALIKED stops early above this confidence; -1 never stops")
    width_confidence: float = option(
        0.99, "LightGlue for ALIKED drops hopeless keypoints above this confidence; -1 keeps all"
    )
    half_precision: str = option(
        "auto", "bf16 in LightGlue; auto: where the processor has it", choices=("auto", "on", "off")
    )


@dataclass(frozen=True, slots=True)
class VerificationOptions:
    """What makes a pair's geometry believed."""

    min_inliers: int = option(15, "fewest inliers of a verified pair", low=4)
    max_error_px: float = option(4.0, "largest epipolar error of an inlier", "px", low=0.1)
    confidence: float = option(0.999, "RANSAC stops when this sure to have seen the best model", low=0.5, high=0.999999)
    max_trials: int = option(2000, "most RANSAC trials a model", low=10)


@dataclass(frozen=True, slots=True)
class ScenesOptions:
    """When photos belong together."""

    min_photos: int = option(3, "fewest posed photos of a scene", low=2)
    max_cut_ratio: float = option(
        0.05, "a model is split where photos share less than this share of the points they should; 0: never", low=0.0
    )
    # Two different buildings have given 43 verified inliers: a few dozen prove nothing.
    min_leftover_inliers: int = option(
        60, "verified inliers with each of two posed photos that tie a photo without a pose to a scene", low=4
    )


@dataclass(frozen=True, slots=True)
class MappingOptions:
    """How the photos of a scene get poses."""

    backend: str = option("incremental", "mapping member")
    share_cameras: str = option(
        "auto",
        "photos of one size without EXIF share a camera: auto maps both ways and compares",
        choices=("auto", "never", "always"),
    )
    max_models: int = option(25, "most models tried in one connected part of the view graph", low=1)
    init_min_inliers: int = option(100, "fewest inliers of the pair that starts a model", low=10)
    pose_min_inliers: int = option(30, "fewest inliers of a pose estimated from points", low=4)
    max_reprojection_error_px: float = option(4.0, "observations with a larger error are dropped", "px", low=0.1)
    robust_loss_px: float = option(
        0.5,
        "scale of the Cauchy loss in the last bundle adjustment, about the keypoints' precision; 0: none",
        "px",
        low=0.0,
    )
    timeout_s: float = option(3600.0, "time limit of one attempt at one part", "s", low=1.0)


@dataclass(frozen=True, slots=True)
class BudgetOptions:
    """What a run may take. With a time limit, results depend on the machine's speed."""

    time_limit_s: float = option(
        0.0, "the run ends within this time: less is tried, the most valuable first; 0: no limit", "s", low=0.0
    )
    memory_limit_mb: float = option(
        0.0,
        "fewer workers run, and larger photos are left out, so that memory stays below this; 0: no limit",
        "MB",
        low=0.0,
    )


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """Where the work runs. Nothing here changes results."""

    workers: int = option(0, "worker processes; 0: one for each core", low=0)
    device: str = option(
        "auto",
        "where models run; cuda: spread over all its GPUs",
        choices=("auto", "cpu", "cuda", "cuda:NUMBER", "mps"),
    )
    task_timeout_s: float = option(900.0, "time limit of one small task, such as the features of a photo", "s", low=1.0)


@dataclass(frozen=True, slots=True)
class Options:
    """All options of a run."""

    photos: PhotosOptions = field(default_factory=PhotosOptions)
    features: FeaturesOptions = field(default_factory=FeaturesOptions)
    pairs: PairsOptions = field(default_factory=PairsOptions)
    matching: MatchingOptions = field(default_factory=MatchingOptions)
    verification: VerificationOptions = field(default_factory=VerificationOptions)
    scenes: ScenesOptions = field(default_factory=ScenesOptions)
    mapping: MappingOptions = field(default_factory=MappingOptions)
    budget: BudgetOptions = field(default_factory=BudgetOptions)
    execution: ExecutionOptions = field(default_factory=ExecutionOptions)
    seed: int = option(0, "seed of every random step", low=0)


GROUPS = tuple(item.name for item in dataclasses.fields(Options) if item.name != "seed")

PRESETS: dict[str, dict[str, Any]] = {
    "fast": {
        "features.sift_keypoints": 4096,
        "features.xfeat_keypoints": 1024,
        "pairs.pairs_per_photo": 8,
        "pairs.nearest_pairs_per_photo": 20,
    },
    "balanced": {},
    "accurate": {
        "matching.mix": ("sift+nearest", "xfeat+lighterglue", "aliked+lightglue"),
        "features.aliked_keypoints": 4096,
        "features.xfeat_keypoints": 4096,
        "pairs.exhaustive_photos": 40,
        "pairs.settled_partners": 0,
        "pairs.pairs_per_photo": 40,
        "pairs.nearest_pairs_per_photo": 1000,
        "verification.max_trials": 10000,
    },
    "baseline": {
        "matching.mix": ("aliked+lightglue",),
        "matching.depth_confidence": -1.0,
        "matching.width_confidence": -1.0,
        "matching.half_precision": "off",
        "features.aliked_keypoints": 4096,
        "pairs.screen_with": "aliked",
        "pairs.exhaustive_photos": 19,
        "pairs.pairs_per_photo": 20,
        "verification.min_inliers": 15,
        "verification.max_trials": 10000,
        "scenes.max_cut_ratio": 0.0,
        "mapping.share_cameras": "never",
        "mapping.robust_loss_px": 0.0,
        "mapping.max_models": 25,
        "scenes.min_photos": 3,
    },
}

PRESET_NOTES = {
    "fast": "fewer keypoints and pairs: a first look",
    "balanced": "the default",
    "accurate": "three kinds of features, more pairs and keypoints: slower",
    "baseline": "the challenge's public baseline: ALIKED 4,096 + full LightGlue + incremental mapping",
}

BASELINE_LACKS = (
    "preset 'baseline': DINOv2 is not part of this version, so above 19 photos the pairs come from screening with "
    "ALIKED descriptors instead of DINOv2 distances"
)
"""What the `baseline` preset can't do yet; printed when it is used."""


def preset(name: str, base: Options | None = None) -> Options:
    """Return the options of a preset. Raises OptionError for an unknown name."""
    if name not in PRESETS:
        raise OptionError(f"no preset '{name}'{did_you_mean(name, list(PRESETS))}; there are: {', '.join(PRESETS)}")
    return with_values(base or Options(), PRESETS[name])


def with_values(options: Options, values: Mapping[str, Any]) -> Options:
    """Return `options` with `values` (`"matching.max_ratio": 0.8`) put in, checked.

    Raises OptionError for an unknown name, a value of the wrong type or out of range.
    """
    for name, value in values.items():
        group, _, item = name.rpartition(".")
        if not group:
            options = dataclasses.replace(options, **{name: _checked(Options, name, name, value)})
            continue
        if group not in GROUPS:
            raise _unknown(name)
        section = getattr(options, group)
        replaced = dataclasses.replace(section, **{item: _checked(type(section), item, name, value)})
        options = dataclasses.replace(options, **{group: replaced})
    return options


def read_toml(path: Path) -> dict[str, Any]:
    """Read a configuration file into flat names and values. Raises OptionError when it can't be read or parsed."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise OptionError(f"configuration file {path}: {error.strerror}; check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"configuration file {path} is not valid TOML: {error}") from error
    flat: dict[str, Any] = {}
    for name, value in tables.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{item}": inner for item, inner in value.items()})
        else:
            flat[name] = value
    return flat


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Parse `name=value` strings of `--set`; values are TOML, plain words are strings."""
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise OptionError(f"--set {assignment}: write it as name=value, for example matching.max_ratio=0.9")
        try:
            values[name.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            values[name.strip()] = text.strip()
    return values


def flatten(options: Options) -> dict[str, Any]:
    """Return all options as flat names and values, in declaration order."""
    flat: dict[str, Any] = {"seed": options.seed}
    for group in GROUPS:
        section = getattr(options, group)
        flat.update({f"{group}.{item.name}": getattr(section, item.name) for item in dataclasses.fields(section)})
    return flat


def to_toml(options: Options) -> str:
    """Write all options as a TOML file that `--config` reads back."""
    lines = [f"seed = {options.seed}"]
    for group in GROUPS:
        section = getattr(options, group)
        lines += ["", f"[{group}]"]
        lines += [f"{item.name} = {_toml(getattr(section, item.name))}" for item in dataclasses.fields(section)]
    return "\n".join(lines) + "\n"


def explain(name: str = "") -> list[tuple[str, Any, str, str]]:
    """Return (name, default, unit, meaning) of every option whose name begins with `name`.

    Raises OptionError when there is none.
    """
    rows = []
    for full, value in flatten(Options()).items():
        if full == name or full.startswith(name.rstrip(".") + ".") or not name:
            meta = _field(full).metadata
            rows.append((full, value, str(meta["unit"]), str(meta["help"])))
    if not rows:
        raise _unknown(name)
    return rows


def _field(full: str) -> dataclasses.Field[Any]:
    group, _, item = full.rpartition(".")
    owner: Any = Options if not group else get_type_hints(Options)[group]
    return {known.name: known for known in dataclasses.fields(owner)}[item]


def _unknown(name: str) -> OptionError:
    known = list(flatten(Options()))
    return OptionError(f"no option '{name}'{did_you_mean(name, known)}; list them with: scenesort config explain")


def _checked(owner: Any, item: str, full: str, value: Any) -> Any:
    known = {field_.name: field_ for field_ in dataclasses.fields(owner)}
    if item not in known or item in GROUPS:
        raise _unknown(full)
    wanted: Any = get_type_hints(owner)[item]
    meta = known[item].metadata
    value = _converted(full, wanted, value)
    if meta["choices"] and not {value, re.sub("[0-9]+$", "NUMBER", str(value))}.intersection(meta["choices"]):
        raise OptionError(f"{full} = {value!r}: choose one of {', '.join(meta['choices'])}")
    low = meta["low"]
    if low is not None and value < low:
        raise OptionError(f"{full} = {value}: must be at least {low:g}")
    high = meta["high"]
    if high is not None and value > high:
        raise OptionError(f"{full} = {value}: must be at most {high:g}")
    return value


def _converted(full: str, wanted: Any, value: Any) -> Any:
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted == tuple[str, ...]:
        items = (value,) if isinstance(value, str) else value
        if isinstance(items, list | tuple) and items and all(isinstance(entry, str) for entry in items):
            return tuple(part.strip() for entry in items for part in entry.split(",") if part.strip())
        raise OptionError(f'{full} = {value!r}: a list of words is wanted, for example ["sift+nearest"]')
    if wanted is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if type(value) is not wanted:
        raise OptionError(f"{full} = {value!r}: a value of type {wanted.__name__} is wanted")
    if isinstance(value, float) and not math.isfinite(value):
        raise OptionError(f"{full} = {value}: a finite number is wanted")
    return value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        # A JSON string is a valid TOML basic string, control characters included.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
