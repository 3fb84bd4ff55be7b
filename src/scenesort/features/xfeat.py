"""XFeat: accelerated features (Potje et al., CVPR 2024), through kornia."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from scenesort.types import Features, ImageArray
from scenesort.weights import load_state


class XFeat:
    """64-dimensional descriptors at about a quarter of the cost of other learned features."""

    name: ClassVar[str] = "xfeat"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ("xfeat",)

    def __init__(self, max_keypoints: int, device: str) -> None:
        # Imported here because the main process reads the class without ever running the model.
        import kornia.feature
        import torch

        self._device = torch.device(device)
        self._model = kornia.feature.XFeat(top_k=max_keypoints)
        self._model.net.load_state_dict(load_state("xfeat"))
        self._model = self._model.eval().to(self._device)

    def extract(self, image: ImageArray) -> Features:
        """Find features in an upright RGB image (height, width, 3) uint8; see FeatureMember."""
        import torch

        from scenesort.features.tensors import features_from_tensors, image_tensor

        height, width = image.shape[:2]
        with torch.inference_mode():
            found = self._model.detectAndCompute(image_tensor(image, self._device))[0]
        # The model works at the largest multiple of 32 below the image's size and scales corner-origin indices back.
        working = np.array([max(32, width // 32 * 32), max(32, height // 32 * 32)], dtype=np.float32)
        half_pixel = 0.5 * np.array([width, height], dtype=np.float32) / working
        return features_from_tensors(
            found["keypoints"], found["descriptors"], found["scores"], (width, height), offset_px=half_pixel
        )
