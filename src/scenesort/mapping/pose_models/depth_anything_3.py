"""Depth-Anything-3 (Lin et al., 2025): depth and poses of any number of photos from one plain transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from scenesort import weights
from scenesort.errors import WeightsError
from scenesort.mapping.pose_models.base import OpenScene, PhotoInput, PoseModelOptions, PosePrediction, ScenePrediction
from scenesort.mapping.pose_models.checkpoints import Checkpoint, accepted_licence, fill, find_checkpoint
from scenesort.mapping.pose_models.conversion import pose_prediction, to_numpy, unproject
from scenesort.mapping.pose_models.loading import check_licence, choose_compute, import_upstream, multiple_of, quiet
from scenesort.mapping.pose_models.pictures import (
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    Picture,
    cropped,
    resized_by_area,
    to_tensor,
    whole,
)

PATCH_PX = 14
SIDE_PX = 504

_MODELS = ("da3-small", "da3-base")
_NON_COMMERCIAL = {"da3-large", "da3-giant"}
"""CC-BY-NC-4.0 by the table of model cards; what else there is predicts no poses, or needs two networks."""

_PREFIX = "model."
"""Of the tensors' names in published files."""


# Whole processes on the CPU, photos of 504 x 378, random weights: base took 1,288 MB while loading and 1,653 MB for
# 4 photos; small 582, 862 and 1,379 MB for 1, 4 and 10 photos, 90 MB a photo, which is doubled for base.
_LOADING_MB = 1300.0
_NETWORK_MB = 950.0
_PHOTO_MB = 180.0


class DepthAnything3:
    """Poses and intrinsics from the camera decoder, points from depth; in arbitrary scale.

    Photos are seen with the longer side `side_px`, sides rounded to multiples of 14; photos of different shapes are
    cropped in the middle to the smallest height and width, as its input processor does. Principal points are the middle
    of what is seen.
    """

    name: ClassVar[str] = "depth-anything-3"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ("da3-base",)
    package: ClassVar[str] = "depth_anything_3"
    install: ClassVar[str] = (
        "pip install addict einops omegaconf && "
        "pip install --no-deps git+https://github.com/ByteDance-Seed/Depth-Anything-3.git"
    )
    upstream: ClassVar[str] = "ByteDance-Seed/Depth-Anything-3@2c21ea849ceec7b469a3e62ea0c0e270afc3281a"
    licence: ClassVar[str] = "Apache-2.0"
    commercial: ClassVar[bool] = True
    experimental: ClassVar[bool] = False
    native_memory: ClassVar[bool] = False
    least_photos: ClassVar[int] = 1

    def __init__(self, options: PoseModelOptions, device: str) -> None:
        chosen = options.model or self.weights[0]
        accepted_licence(self, chosen, options)
        self._side_px = multiple_of(options.side_px, PATCH_PX, SIDE_PX, self.name)
        self._compute = choose_compute(self.name, device, options.precision)
        configs, registry = import_upstream(
            self.name, self.package, self.install, ("depth_anything_3.cfg", "depth_anything_3.registry")
        )
        checkpoint = find_checkpoint(self.name, chosen, _MODELS)
        network_name = self._network_name(checkpoint)
        if network_name in _NON_COMMERCIAL:
            check_licence(self.name, chosen, "CC-BY-NC-4.0", False, options.accept_licence)
        with quiet():
            network = configs.create_object(configs.load_config(registry.MODEL_REGISTRY[network_name]))
        fill(network, self._state(checkpoint), checkpoint, self.name, ("mask_token",))
        self._network = network.eval().to(self._compute.device)

    @classmethod
    def memory_mb(cls, num_photos: int, side_px: int) -> float:
        """Predict the memory of `predict` with the base network, from runs of it in float32; see PoseModel."""
        return max(_LOADING_MB, _NETWORK_MB + num_photos * _PHOTO_MB * ((side_px or SIDE_PX) / SIDE_PX) ** 2)

    def predict(self, photos: Sequence[PhotoInput]) -> ScenePrediction:
        """Pose photos at once; see PoseModel."""
        import torch

        pictures = self._pictures(photos)
        with torch.inference_mode():
            images = to_tensor(pictures, IMAGENET_MEAN, IMAGENET_DEVIATION)[None].to(self._compute.device)
            with self._compute.autocast(), quiet():
                found = self._network(images, export_feat_layers=[])
        poses, intrinsics, depth, confidence = (
            to_numpy(found[key])[0] for key in ("extrinsics", "intrinsics", "depth", "depth_conf")
        )
        predictions: list[PosePrediction] = []
        for index, (photo, picture) in enumerate(zip(photos, pictures, strict=True)):
            pose = poses[index, :3]
            points = unproject(depth[index], intrinsics[index], pose)
            # Its confidence is 1 + exp(x): without the 1 it tends to 0 where nothing is known.
            sureness = confidence[index] - 1
            predictions.append(pose_prediction(photo, picture, pose, intrinsics[index], points, sureness, self.name))
        return ScenePrediction(tuple(predictions), "arbitrary")

    def open_scene(self) -> OpenScene | None:
        """None: Depth-Anything-3 has no memory of its own."""
        return None

    def _pictures(self, photos: Sequence[PhotoInput]) -> list[Picture]:
        fitted = [self._fitted(photo) for photo in photos]
        width_px, height_px = (min(picture.size_px[axis] for picture in fitted) for axis in (0, 1))
        parts = []
        for picture in fitted:
            left_px, top_px = (picture.size_px[0] - width_px) // 2, (picture.size_px[1] - height_px) // 2
            parts.append(cropped(picture, left_px, top_px, width_px, height_px))
        return parts

    def _fitted(self, photo: PhotoInput) -> Picture:
        """In two steps, as upstream: longer side first, then multiples of 14, halves up."""
        height, width = photo.image.shape[:2]
        scale = self._side_px / max(width, height)
        first = (max(1, round(width * scale)), max(1, round(height * scale)))
        second = (max(PATCH_PX, (side + PATCH_PX // 2) // PATCH_PX * PATCH_PX) for side in first)
        return resized_by_area(resized_by_area(whole(photo.image), *first), *second)

    def _network_name(self, checkpoint: Checkpoint) -> str:
        """The name of the network that config.json gives; only those that predict poses are taken."""
        found = str(checkpoint.config().get("model_name", ""))
        usable = {*_MODELS, *_NON_COMMERCIAL}
        if found not in usable:
            raise WeightsError(
                f"{self.name}: config.json of {checkpoint.path} names the network '{found}'; it must be one that "
                f"predicts poses: {', '.join(sorted(usable))}"
            )
        return found

    def _state(self, checkpoint: Checkpoint) -> dict[str, Any]:
        state = weights.read_state(checkpoint.state_file)
        return {name.removeprefix(_PREFIX): tensor for name, tensor in state.items()}
