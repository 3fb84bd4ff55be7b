"""DINOv2 (Oquab et al., TMLR 2024), with registers or without (Darcet et al., ICLR 2024), through transformers."""

from __future__ import annotations

from typing import ClassVar

from scenesort.retrieval.global_descriptors.transformer import VisionTransformer


class Dinov2(VisionTransformer):
    """384, 768, 1,024 or 1,536 numbers for models s, b, l, g.

    `pooling`: cls is the normalised class token; max over the patches is its own, as in the public baseline of the
    Image Matching Challenge 2025.
    """

    name: ClassVar[str] = "dinov2"
    weights: ClassVar[tuple[str, ...]] = ("dinov2-small",)
    architectures: ClassVar[dict[str, str]] = {
        "dinov2": "Dinov2Model",
        "dinov2_with_registers": "Dinov2WithRegistersModel",
    }
    own_pooling: ClassVar[str] = "max"
    own_side_px: ClassVar[int] = 518
    takes_any_size: ClassVar[bool] = True
