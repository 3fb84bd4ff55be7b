"""LightGlue (Lindenberger et al., ICCV 2023) for ALIKED, DISK and SuperPoint, LighterGlue for XFeat, through kornia."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scenesort.config import MatchingOptions
from scenesort.types import Features, PairMatches, Photo
from scenesort.weights import load_state

if TYPE_CHECKING:
    import torch

MIN_KEYPOINTS = 8


class _Glue:
    """What both members share: build kornia's model around local weights, match one pair at a time.

    One pair at a time because early stopping and point pruning make a pair's result depend on its batch.
    """

    version: ClassVar[str] = "1"

    def __init__(self, weights: str, configuration: dict[str, Any], device: str, half_precision: str) -> None:
        # Imported here because the main process reads the class without ever running the model.
        import kornia.feature
        import torch

        self._device = torch.device(device)
        model = kornia.feature.LightGlue(
            features=None,  # type: ignore[arg-type]  # None: no published model's configuration
            mp=_use_half(half_precision, self._device),
            **configuration,
        )
        state = _renamed(load_state(weights), model.conf.n_layers)
        missing, unexpected = model.load_state_dict(state, strict=False)
        # DISK's checkpoint carries a number that no layer reads, as the authors' own loading ignores it, too.
        unexpected = [name for name in unexpected if not (name.startswith("log_assignment.") and name.endswith(".r"))]
        if set(missing) - {"confidence_thresholds"} or unexpected:
            raise RuntimeError(f"{weights} doesn't fit kornia's LightGlue: missing {missing}, unexpected {unexpected}")
        self._model = model.eval().to(self._device)

    def match(self, photo_a: Photo, a: Features, photo_b: Photo, b: Features) -> PairMatches:
        """Match two photos; see MatchingMember."""
        import torch

        pair = (photo_a.name, photo_b.name)
        if min(len(a), len(b)) < MIN_KEYPOINTS:
            return PairMatches(pair, np.zeros((0, 2), dtype=np.uint32))
        with torch.inference_mode():
            found = self._model({"image0": self._side(a), "image1": self._side(b)})
            return PairMatches(pair, found["matches"][0].cpu().numpy().astype(np.uint32))

    def _side(self, features: Features) -> dict[str, torch.Tensor]:
        import torch

        # kornia wants the first pixel's centre at 0; the image size only centres and scales the positions.
        keypoints = torch.from_numpy(features.keypoints_px - np.float32(0.5))
        return {
            "keypoints": keypoints[None].to(self._device),
            "descriptors": torch.from_numpy(features.descriptors.astype(np.float32))[None].to(self._device),
            "image_size": torch.tensor([features.upright_size_px], dtype=torch.float32, device=self._device),
        }


def _use_half(half_precision: str, device: torch.device) -> bool:
    """Decide on mixed precision: on a CPU without bf16 instructions it is emulated and slower than float32."""
    if half_precision == "auto":
        return device.type == "cuda" or (device.type == "cpu" and _cpu_has_bf16())
    return half_precision == "on"


def _cpu_has_bf16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags


def _renamed(state: dict[str, Any], layers: int) -> dict[str, Any]:
    """Translate published checkpoints' names to kornia's."""
    # LighterGlue's file also holds the whole XFeat network beside the matcher.
    if any(key.startswith("matcher.") for key in state):
        state = {key.removeprefix("matcher."): value for key, value in state.items() if key.startswith("matcher.")}
    for layer in range(layers):
        for kind in ("self_attn", "cross_attn"):
            old, new = f"{kind}.{layer}.", f"transformers.{layer}.{kind}."
            state = {key.replace(old, new) if key.startswith(old) else key: value for key, value in state.items()}
    return state


def _full_size(dimensions: int, options: MatchingOptions) -> dict[str, Any]:
    """The published LightGlue for descriptors of so many dimensions."""
    return {
        "input_dim": dimensions,
        "depth_confidence": options.depth_confidence,
        "width_confidence": options.width_confidence,
        "filter_threshold": options.filter_threshold,
    }


class AlikedLightGlue(_Glue):
    """LightGlue trained for ALIKED."""

    name: ClassVar[str] = "lightglue"
    weights: ClassVar[tuple[str, ...]] = ("aliked-lightglue",)
    features: ClassVar[tuple[str, ...]] = ("aliked",)
    learned: ClassVar[bool] = True

    def __init__(self, options: MatchingOptions, device: str) -> None:
        super().__init__("aliked-lightglue", _full_size(128, options), device, options.half_precision)


class DiskLightGlue(_Glue):
    """LightGlue trained for DISK; `disk+lightglue` finds it."""

    name: ClassVar[str] = "disk-lightglue"
    weights: ClassVar[tuple[str, ...]] = ("disk-lightglue",)
    features: ClassVar[tuple[str, ...]] = ("disk",)
    learned: ClassVar[bool] = True

    def __init__(self, options: MatchingOptions, device: str) -> None:
        super().__init__("disk-lightglue", _full_size(128, options), device, options.half_precision)


class SuperPointLightGlue(_Glue):
    """LightGlue trained for SuperPoint; `superpoint+lightglue` finds it."""

    name: ClassVar[str] = "superpoint-lightglue"
    weights: ClassVar[tuple[str, ...]] = ("superpoint-lightglue",)
    features: ClassVar[tuple[str, ...]] = ("superpoint",)
    learned: ClassVar[bool] = True

    def __init__(self, options: MatchingOptions, device: str) -> None:
        super().__init__("superpoint-lightglue", _full_size(256, options), device, options.half_precision)


class XFeatLighterGlue(_Glue):
    """LighterGlue, the small LightGlue trained for XFeat: six layers of 96 dimensions."""

    name: ClassVar[str] = "lighterglue"
    weights: ClassVar[tuple[str, ...]] = ("xfeat-lighterglue",)
    features: ClassVar[tuple[str, ...]] = ("xfeat",)
    learned: ClassVar[bool] = True

    def __init__(self, options: MatchingOptions, device: str) -> None:
        configuration = {
            "input_dim": 64,
            "descriptor_dim": 96,
            "n_layers": 6,
            "num_heads": 1,
            "depth_confidence": -1,
            "width_confidence": 0.95,
            "filter_threshold": options.filter_threshold,
        }
        super().__init__("xfeat-lighterglue", configuration, device, options.half_precision)
