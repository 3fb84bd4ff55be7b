"""DISK (Tyszkiewicz et al., NeurIPS 2020), through kornia."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from scenesort.types import Features, ImageArray
from scenesort.weights import load_state


class Disk:
    """128-dimensional descriptors at whole pixels, trained with depth maps: strong on buildings, slow on a CPU."""

    name: ClassVar[str] = "disk"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ("disk",)

    def __init__(self, max_keypoints: int, device: str) -> None:
        # Imported here because the main process reads the class without ever running the model.
        import kornia.feature
        import torch

        self._device = torch.device(device)
        self._max_keypoints = max_keypoints
        model = kornia.feature.DISK()
        model.load_state_dict(load_state("disk")["extractor"])
        self._model = model.eval().to(self._device)

    def extract(self, image: ImageArray) -> Features:
        """Find features in an upright RGB image (height, width, 3) uint8; see FeatureMember."""
        import torch

        from scenesort.features.tensors import features_from_tensors, image_tensor

        height, width = image.shape[:2]
        with torch.inference_mode():
            tensor = image_tensor(image, self._device)
            found = self._model(tensor, n=self._max_keypoints, pad_if_not_divisible=True)[0]
        half_pixel = np.array([0.5, 0.5], dtype=np.float32)
        return features_from_tensors(
            found.keypoints, found.descriptors, found.detection_scores, (width, height), offset_px=half_pixel
        )
