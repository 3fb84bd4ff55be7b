"""Presets: named sets of options."""

from __future__ import annotations

from typing import Any

from scenesort.config.options import Options
from scenesort.config.values import with_values
from scenesort.errors import OptionError
from scenesort.plugins import did_you_mean

PRESETS: dict[str, dict[str, Any]] = {
    "fast": {
        "features.sift_keypoints": 4096,
        "features.xfeat_keypoints": 1024,
        "retrieval.neighbours": 20,
        "pairs.pairs_per_photo": 8,
        "pairs.nearest_pairs_per_photo": 20,
        "mapping.tries": 1,
    },
    "balanced": {},
    "accurate": {
        "pairs.exhaustive_photos": 40,
        "verification.max_trials": 10000,
        "scenes.dense_looks": True,
        "mapping.tries_photos": 400,
    },
    "baseline": {
        "photos.find_turns": False,
        "matching.mix": ("aliked+lightglue",),
        "matching.depth_confidence": -1.0,
        "matching.width_confidence": -1.0,
        "matching.half_precision": "off",
        "features.aliked_keypoints": 4096,
        # Its rule: all pairs within a distance, at least 20 a photo, all pairs up to 20 photos.
        "retrieval.shortlists": ("threshold",),
        "retrieval.descriptors": ("dinov2",),
        "retrieval.members": ("dinov2.model=dinov2-base",),
        "retrieval.max_distance": 0.3,
        "retrieval.least_partners": 20,
        "pairs.screen_with": "aliked",
        "pairs.exhaustive_photos": 20,
        "pairs.pairs_per_photo": 1_000_000,
        "verification.min_inliers": 15,
        "verification.max_trials": 10000,
        "scenes.min_joining_inliers": 0,
        "scenes.max_cut_ratio": 0.0,
        "scenes.min_fold_excess": 0.0,
        "scenes.likeness": "none",
        "mapping.share_cameras": "never",
        "mapping.robust_loss_px": 0.0,
        "mapping.fill_min_inliers": 0,
        "mapping.tries": 1,
        "mapping.max_models": 25,
        "scenes.min_photos": 3,
    },
}

PRESET_NOTES = {
    "fast": "fewer keypoints and pairs: a first look",
    "balanced": "the default",
    "accurate": "all pairs of up to 40 photos, more trials, large parts mapped several times, dense looks: slower",
    "baseline": "the challenge's public baseline: DINOv2 pairs, ALIKED 4,096 + full LightGlue, incremental mapping",
}


def preset(name: str, base: Options | None = None) -> Options:
    """Return the options of a preset. Raises OptionError for an unknown name."""
    if name not in PRESETS:
        raise OptionError(f"no preset '{name}'{did_you_mean(name, list(PRESETS))}; there are: {', '.join(PRESETS)}")
    return with_values(base or Options(), PRESETS[name])
