"""EfficientLoFTR (Wang et al., CVPR 2024), through transformers: semi-dense matches, no keypoints of a photo's own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import numpy as np

from scenesort.model_folders import find_folder, load_model, model_type, num_parameters, transformers_for
from scenesort.model_memory import check_memory
from scenesort.pair_matching.base import PairMatcherOptions, PixelMatches
from scenesort.types import ImageArray

if TYPE_CHECKING:
    import torch

SIDE_MULTIPLE_PX = 32
"""Coarse features have an eighth of the picture's side, and attention is among blocks of four of them."""


class EfficientLoftr:
    """A match where the coarse features of two eighths agree, refined to below a pixel in the second picture.

    Both pictures share one frame, so the smaller is padded below and to the right; matches in the padding are dropped.
    """

    name: ClassVar[str] = "efficientloftr"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ("efficientloftr",)
    package: ClassVar[str] = "transformers"
    needs_mb: ClassVar[float] = 3000.0
    """At 1,024 px; most of it is for the similarity of all coarse cells with each other."""

    def __init__(self, options: PairMatcherOptions, device: str) -> None:
        # Imported here because the main process reads the class without ever running the model.
        transformers = transformers_for(self.name)
        import torch

        chosen = options.model or self.weights[0]
        folder = find_folder(chosen, self.name)
        model_type(folder, (self.name,), self.name)
        check_memory(self.name, chosen, num_parameters(folder), "float32", device)
        model = load_model(_mended(transformers.EfficientLoFTRForKeypointMatching), folder, self.name)
        self._device = torch.device(device)
        self._model: Any = model.to(self._device)

    @classmethod
    def check(cls, model: str) -> None:
        """Raise MissingDependencyError without transformers, WeightsError for a model given of another kind."""
        transformers_for(cls.name)
        if model:
            model_type(find_folder(model, cls.name), (cls.name,), cls.name)

    def match(self, image_a: ImageArray, image_b: ImageArray) -> PixelMatches:
        """Match two pictures; see PairMatcher."""
        import torch

        height, width = (
            -(-max(side) // SIDE_MULTIPLE_PX) * SIDE_MULTIPLE_PX
            for side in zip(image_a.shape[:2], image_b.shape[:2], strict=True)
        )
        pictures = torch.stack([_padded(image, height, width) for image in (image_a, image_b)])
        with torch.inference_mode():
            found = self._model(pixel_values=pictures[None].to(self._device))
        matches, scores = found.matches[0], found.matching_scores[0]
        keypoints = found.keypoints[0].float().cpu().numpy() * np.array([width, height], dtype=np.float32)
        points_a, points_b = keypoints.astype(np.float32) + np.float32(0.5)  # their first pixel's centre is at 0
        good = (matches[0] > -1).cpu().numpy() & _inside(points_a, image_a) & _inside(points_b, image_b)
        return PixelMatches(points_a[good], points_b[good], scores[0].float().cpu().numpy()[good].astype(np.float32))


def _mended(model_class: Any) -> Any:
    """Mend the matching of transformers (read at 5.23), which differs from the authors' in three places.

    It lists the partner of each cell of the second picture beside that of each cell of the first, so that a slot's two
    entries belong to different matches unless every cell matches itself; it normalises fine similarities over the
    matches instead of over the two windows; and it gathers the fine offsets along the matches instead of the window, so
    that all are the window's first corner. The network itself is transformers'.
    """
    import torch

    class Mended(model_class):  # type: ignore[misc]
        def _get_matches_from_scores(self, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            partners, confidence = super()._get_matches_from_scores(scores)
            rows = torch.nonzero(confidence[0, 1] > 0)[:, 0]
            if not len(rows):  # one empty slot, as the refinement can't do without any
                return partners.new_full((1, 2, 1), -1), confidence.new_zeros((1, 2, 1))
            return torch.stack([rows, partners[0, 1, rows]])[None], confidence[:, 1:, rows].expand(1, 2, -1)

        def _fine_matching(
            self, a: torch.Tensor, b: torch.Tensor, coarse_px: torch.Tensor, fine_scale: float
        ) -> torch.Tensor:
            """Refine `coarse_px` (1, 2, n, 2) by windows of features (1, n, w * w, c) and (1, n, (w + 2) ** 2, c)."""
            cut = a.shape[-1] - self.config.fine_matching_slice_dim
            cells = a.shape[2]
            side = math.isqrt(cells)
            similarity = a[..., :cut] @ b[..., :cut].transpose(-1, -2) / a.shape[-1]
            confidence = similarity.softmax(2) * similarity.softmax(3)
            inner = confidence.reshape(1, -1, cells, side + 2, side + 2)[..., 1:-1, 1:-1].flatten(2)
            best = inner.argmax(dim=-1)
            pair = torch.stack([best // cells, best % cells], dim=1)
            offsets = torch.stack([pair % side, pair // side], dim=-1) - side // 2 + 0.5
            fine_px = coarse_px + offsets * fine_scale
            second = a[..., cut:] @ b[..., cut:].transpose(-1, -2) / self.config.fine_matching_slice_dim**0.5
            refined: torch.Tensor = self._get_second_stage_fine_matching(
                pair[..., None], fine_px, second, cells, fine_scale
            )
            return refined

    return Mended


def _padded(image: ImageArray, height: int, width: int) -> torch.Tensor:
    import torch

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    rows, columns = height - grey.shape[0], width - grey.shape[1]
    grey = cv2.copyMakeBorder(grey, 0, rows, 0, columns, cv2.BORDER_CONSTANT, value=0)
    # The class takes three equal channels and looks at the first.
    return torch.from_numpy(np.ascontiguousarray(grey))[None].float().repeat(3, 1, 1) / 255.0


def _inside(points_px: Any, image: ImageArray) -> Any:
    return ((points_px >= 0) & (points_px < [image.shape[1], image.shape[0]])).all(axis=1)
