"""The vision half of CLIP (Radford et al., ICML 2021), through transformers."""

from __future__ import annotations

from typing import ClassVar

from scenesort.retrieval.global_descriptors.transformer import VisionTransformer


class Clip(VisionTransformer):
    """768 numbers or more, from a folder that the user names; the class token by default."""

    name: ClassVar[str] = "clip"
    weights: ClassVar[tuple[str, ...]] = ()
    architectures: ClassVar[dict[str, str]] = {"clip": "CLIPVisionModel", "clip_vision_model": "CLIPVisionModel"}
    own_pooling: ClassVar[str] = "cls"
    own_side_px: ClassVar[int] = 224
