"""The vision half of SigLIP (Zhai et al., ICCV 2023), through transformers."""

from __future__ import annotations

from typing import ClassVar

from scenesort.retrieval.global_descriptors.transformer import VisionTransformer


class Siglip(VisionTransformer):
    """768 numbers or more. It has no class token: `cls`, its own pooling, is its attention-pooling head."""

    name: ClassVar[str] = "siglip"
    weights: ClassVar[tuple[str, ...]] = ("siglip",)
    architectures: ClassVar[dict[str, str]] = {
        "siglip": "SiglipVisionModel",
        "siglip_vision_model": "SiglipVisionModel",
    }
    own_pooling: ClassVar[str] = "cls"
    own_side_px: ClassVar[int] = 224
    class_tokens: ClassVar[int] = 0
