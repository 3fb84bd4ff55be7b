"""What refinement is told and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scenesort.types import PosedScene

Variant = Literal["none", "ba", "ba_points", "ba_retriangulate"]
Intrinsics = Literal["scene", "group", "free"]


@dataclass(frozen=True, slots=True)
class RefinementSettings:
    """How predicted poses are refined.

    `variant`: `none` only triangulates; `ba` adjusts poses, intrinsics and points of our own tracks; `ba_points` does
    so starting from the model's point maps; `ba_retriangulate` alternates adjustment and triangulation. `intrinsics`:
    which photos share a camera: all of one frame size (`scene`), those of one camera group (`group`), or none
    (`free`). With `check`, cameras of their own are kept only where they explain held-out matches better than shared
    ones by a twentieth. Cameras that the user gave are never touched.

    `max_reprojection_error_px`: observations with a larger error are dropped; while poses are still coarse the
    bound grows with the errors. `min_triangulation_angle_deg`: points seen under a smaller angle are dropped.
    `robust_loss_px`: scale of the Cauchy loss, about the keypoints' precision; it, too, grows with the errors.

    `prior_share`: how far predicted centres may be off, as a share of the median distance of the cameras from their
    middle, for a photo of median confidence; twice as sure is half as far. 0: no priors. `held_out_share` of the tracks
    judge the result. `check`: whether to check poses before, and results after, an adjustment; off only to show in a
    benchmark what happens without.
    """

    variant: Variant = "ba"
    intrinsics: Intrinsics = "group"
    max_reprojection_error_px: float = 4.0
    min_triangulation_angle_deg: float = 1.5
    robust_loss_px: float = 0.5
    prior_share: float = 0.02
    held_out_share: float = 0.2
    check: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Refinement:
    """A scene in the prediction's frame and units, and what was done to it.

    `accepted`: False when an adjustment was asked for and the input's poses were kept; `reason` says why in a sentence.
    `error_before_px` and `error_after_px`: robust mean error of held-out matches with the predicted and with the
    returned poses; nan where nothing was held out. `variant`: what the scene was made by. `left_out`: photos that took
    no part in the adjustment because their matches are few or disagree with their predicted pose, which they keep.
    """

    scene: PosedScene
    accepted: bool
    reason: str
    error_before_px: float
    error_after_px: float
    variant: Variant
    left_out: tuple[str, ...] = ()
