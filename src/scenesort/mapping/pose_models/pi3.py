"""Pi3 (Wang et al., 2025): poses and points of photos in any order, with no photo of reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from scenesort import geometry, weights
from scenesort.errors import WeightsError
from scenesort.mapping.pose_models.base import OpenScene, PhotoInput, PoseModelOptions, PosePrediction, ScenePrediction
from scenesort.mapping.pose_models.checkpoints import Checkpoint, accepted_licence, fill, find_checkpoint
from scenesort.mapping.pose_models.conversion import intrinsics_of_points, pose_prediction, to_numpy
from scenesort.mapping.pose_models.loading import choose_compute, import_upstream, multiple_of
from scenesort.mapping.pose_models.pictures import Picture, resized, to_tensor, whole

PATCH_PX = 14
SIDE_PX = 588
"""Longer side of a 4:3 photo at upstream's limit of 255,000 pixels."""

_LIMIT_OF_SIDE = 255_000 / SIDE_PX**2
"""Pixels of a picture, over the square of the side."""

_REPOSITORY = "yyfz233/Pi3"
_SIZES = ("pos_type", "decoder_size")

# Published by its authors (benchmark_pi3.json, bfloat16): 3,658 MB for the network, 39.1 MB a photo of 364 x 504.
_NETWORK_MB = 3658.0
_PIXEL_MB = 39.1 / (364 * 504)


class Pi3:
    """Poses from the camera head, points as predicted; intrinsics fitted to the points; in arbitrary scale.

    All photos are resized to one shape of at most as many pixels as upstream allows. Upstream takes the first photo's
    shape; here it is the mean of all, which is the same for photos of one shape.
    """

    name: ClassVar[str] = "pi3"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ()
    package: ClassVar[str] = "pi3"
    install: ClassVar[str] = (
        "git clone https://github.com/yyfz/Pi3.git && pip install einops huggingface_hub, and put the folder Pi3 on "
        "PYTHONPATH (it is no package that pip can install)"
    )
    upstream: ClassVar[str] = "yyfz/Pi3@9fa3ddb3f8d53041f8b2738df404f62223bbaa7b"
    licence: ClassVar[str] = "CC-BY-NC-4.0"
    commercial: ClassVar[bool] = False
    experimental: ClassVar[bool] = False
    native_memory: ClassVar[bool] = False
    least_photos: ClassVar[int] = 1

    def __init__(self, options: PoseModelOptions, device: str) -> None:
        chosen = options.model or _REPOSITORY
        accepted_licence(self, chosen, options)
        self._side_px = multiple_of(options.side_px, PATCH_PX, SIDE_PX, self.name)
        self._compute = choose_compute(self.name, device, options.precision)
        (model,) = import_upstream(self.name, self.package, self.install, ("pi3.models.pi3",))
        checkpoint = find_checkpoint(self.name, chosen, ())
        self._network = self._load(model, checkpoint).to(self._compute.device)

    @classmethod
    def memory_mb(cls, num_photos: int, side_px: int) -> float:
        """Predict the memory of `predict` from its authors' measurements; see PoseModel."""
        return _NETWORK_MB + num_photos * _PIXEL_MB * _LIMIT_OF_SIDE * (side_px or SIDE_PX) ** 2

    def predict(self, photos: Sequence[PhotoInput]) -> ScenePrediction:
        """Pose photos at once; see PoseModel."""
        import torch

        pictures = self._pictures(photos)
        with torch.inference_mode(), self._compute.autocast():
            found = self._network(to_tensor(pictures)[None].to(self._compute.device))
        points, local, logits, world_from_cam = (
            to_numpy(found[key])[0] for key in ("points", "local_points", "conf", "camera_poses")
        )
        predictions: list[PosePrediction] = []
        for index, (photo, picture) in enumerate(zip(photos, pictures, strict=True)):
            sureness = 1 / (1 + np.exp(-logits[index, ..., 0]))
            intrinsics = intrinsics_of_points(local[index], sureness, picture)
            pose = geometry.invert(world_from_cam[index, :3])
            predictions.append(pose_prediction(photo, picture, pose, intrinsics, points[index], sureness, self.name))
        return ScenePrediction(tuple(predictions), "arbitrary")

    def open_scene(self) -> OpenScene | None:
        """None: Pi3 has no memory of its own."""
        return None

    def _pictures(self, photos: Sequence[PhotoInput]) -> list[Picture]:
        ratios = [photo.image.shape[1] / photo.image.shape[0] for photo in photos]
        width_px, height_px = fitted_size(float(np.exp(np.mean(np.log(ratios)))), self._side_px)
        return [resized(whole(photo.image), width_px, height_px, Image.Resampling.LANCZOS) for photo in photos]

    def _load(self, model: Any, checkpoint: Checkpoint) -> Any:
        config = checkpoint.config()
        try:
            network = model.Pi3(**{name: config[name] for name in _SIZES if name in config})
        except (TypeError, ValueError, NotImplementedError) as error:
            raise WeightsError(f"{self.name}: config.json of {checkpoint.path} fits no Pi3: {error}") from error
        fill(network, weights.read_state(checkpoint.state_file), checkpoint, self.name, ("mask_token",))
        return network.eval()


def fitted_size(ratio: float, side_px: int) -> tuple[int, int]:
    """Return width and height, multiples of 14, of width over height `ratio` within the limit of pixels.

    By upstream's rule: round both, then take patches off the side that is too long until the limit holds.
    """
    limit = _LIMIT_OF_SIDE * side_px**2
    width, height = math.sqrt(limit * ratio), math.sqrt(limit / ratio)
    columns, rows = max(1, round(width / PATCH_PX)), max(1, round(height / PATCH_PX))
    while columns * rows * PATCH_PX**2 > limit and max(columns, rows) > 1:
        if (columns / rows > ratio and columns > 1) or rows == 1:
            columns -= 1
        else:
            rows -= 1
    return columns * PATCH_PX, rows * PATCH_PX
