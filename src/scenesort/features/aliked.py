"""ALIKED-n16 (Zhao et al., IEEE TIM 2023), through kornia."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from scenesort.types import Features, ImageArray
from scenesort.weights import load_state


class Aliked:
    """128-dimensional descriptors at sub-pixel keypoints, the exact best `max_keypoints` of them."""

    name: ClassVar[str] = "aliked"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ("aliked-n16",)

    def __init__(self, max_keypoints: int, device: str) -> None:
        # Imported here because the main process reads the class without ever running the model.
        import kornia.feature
        import torch

        self._device = torch.device(device)
        # A negative threshold switches kornia from thresholding to an exact top-k.
        model = kornia.feature.ALIKED("aliked-n16", max_num_keypoints=max_keypoints, detection_threshold=-1.0)
        missing, unexpected = model.load_state_dict(load_state("aliked-n16"), strict=False)
        if set(missing) - {"dkd.hw_grid"} or unexpected:
            raise RuntimeError(f"ALIKED weights don't fit kornia's model: missing {missing}, unexpected {unexpected}")
        self._model = model.eval().to(self._device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def extract(self, image: ImageArray) -> Features:
        """Find features in an upright RGB image (height, width, 3) uint8; see FeatureMember."""
        import torch

        from scenesort.features.tensors import features_from_tensors, image_tensor

        height, width = image.shape[:2]
        with torch.inference_mode():
            tensor = image_tensor(image, self._device).contiguous(memory_format=torch.channels_last)
            found = self._model(tensor)[0]
        half_pixel = np.array([0.5, 0.5], dtype=np.float32)
        return features_from_tensors(
            found.keypoints, found.descriptors, found.keypoint_scores, (width, height), offset_px=half_pixel
        )
