"""The vision half of BLIP (Li et al., ICML 2022), through transformers."""

from __future__ import annotations

from typing import ClassVar

from scenesort.retrieval.global_descriptors.transformer import VisionTransformer


class Blip(VisionTransformer):
    """768 or 1,024 numbers; trained on captions, it sees other likenesses than DINOv2. Class token by default."""

    name: ClassVar[str] = "blip"
    weights: ClassVar[tuple[str, ...]] = ("blip",)
    architectures: ClassVar[dict[str, str]] = {"blip": "BlipVisionModel", "blip_vision_model": "BlipVisionModel"}
    own_pooling: ClassVar[str] = "cls"
    own_side_px: ClassVar[int] = 384
