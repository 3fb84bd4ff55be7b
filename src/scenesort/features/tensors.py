"""Between images and torch tensors: what all learned feature members share."""

from __future__ import annotations

import numpy as np
import torch

from scenesort.types import Features, Float32Array, ImageArray


def image_tensor(image: ImageArray, device: torch.device) -> torch.Tensor:
    """Turn an RGB image (height, width, 3) uint8 into a (1, 3, height, width) float32 tensor in 0 … 1."""
    tensor = torch.from_numpy(np.ascontiguousarray(image)).to(device)
    return tensor.permute(2, 0, 1)[None].float() / 255.0


def features_from_tensors(
    keypoints: torch.Tensor,
    descriptors: torch.Tensor,
    scores: torch.Tensor,
    upright_size_px: tuple[int, int],
    offset_px: Float32Array,
) -> Features:
    """Collect a model's output, best score first: keypoints (n, 2) moved by `offset_px`, descriptors (n, d) float16."""
    order = torch.argsort(scores, descending=True, stable=True).cpu().numpy()
    return Features(
        keypoints_px=(keypoints.float().cpu().numpy()[order] + offset_px).astype(np.float32),
        descriptors=descriptors.float().cpu().numpy()[order].astype(np.float16),
        scores=scores.float().cpu().numpy()[order].astype(np.float32),
        upright_size_px=upright_size_px,
    )
