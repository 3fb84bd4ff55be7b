"""SuperPoint (DeTone et al., CVPRW 2018), through transformers. Its weights allow research alone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from scenesort.model_folders import find_folder, load_model, model_type, transformers_for
from scenesort.types import Features, ImageArray
from scenesort.versions import package_version

CELL_PX = 8
"""The network sees whole cells of so many pixels; what is left at the right and below gets no keypoints."""


class SuperPoint:
    """256-dimensional descriptors at whole pixels of the picture's grey values."""

    name: ClassVar[str] = "superpoint"
    version: ClassVar[str] = f"1, transformers {package_version('transformers')}"
    weights: ClassVar[tuple[str, ...]] = ("superpoint",)

    def __init__(self, max_keypoints: int, device: str) -> None:
        # Imported here because the main process reads the class without ever running the model.
        transformers = transformers_for(self.name)
        import torch

        folder = find_folder(self.weights[0], self.name)
        model_type(folder, ("superpoint",), self.name)
        model = load_model(transformers.SuperPointForKeypointDetection, folder, self.name)
        model.keypoint_decoder.max_keypoints = max_keypoints
        self._device = torch.device(device)
        self._model = model.to(self._device)

    def extract(self, image: ImageArray) -> Features:
        """Find features in an upright RGB image (height, width, 3) uint8; see FeatureMember."""
        import cv2
        import torch

        from scenesort.features.tensors import features_from_tensors, image_tensor

        height, width = image.shape[:2]
        rows, columns = (side // CELL_PX * CELL_PX for side in (height, width))
        if not rows or not columns:
            none = np.zeros((0, 2), np.float32)
            return Features(none, np.zeros((0, 256), np.float16), np.zeros(0, np.float32), (width, height))
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:rows, :columns]
        with torch.inference_mode():
            # The class takes three equal channels and looks at the first.
            found = self._model(image_tensor(np.repeat(grey[..., None], 3, axis=2), self._device))
        size = torch.tensor([columns, rows], dtype=torch.float32, device=self._device)
        half_pixel = np.array([0.5, 0.5], dtype=np.float32)
        return features_from_tensors(
            found.keypoints[0] * size, found.descriptors[0], found.scores[0], (width, height), offset_px=half_pixel
        )
