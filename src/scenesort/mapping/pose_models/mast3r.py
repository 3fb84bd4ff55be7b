"""MASt3R (Leroy et al., ECCV 2024) and its sparse global alignment (Duisterhof et al., MASt3R-SfM, 3DV 2025)."""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from scenesort import geometry, weights
from scenesort.errors import WeightsError
from scenesort.mapping.pose_models.attention import fuse_attention
from scenesort.mapping.pose_models.base import OpenScene, PhotoInput, PoseModelOptions, PosePrediction, ScenePrediction
from scenesort.mapping.pose_models.checkpoints import Checkpoint, accepted_licence, fill, find_checkpoint
from scenesort.mapping.pose_models.constructors import read_constructor
from scenesort.mapping.pose_models.conversion import grid_intrinsics, pose_prediction, to_numpy
from scenesort.mapping.pose_models.loading import choose_compute, import_upstream, multiple_of, quiet
from scenesort.mapping.pose_models.mast3r_pairs import (
    PATCH_PX,
    SIDE_PX,
    PairInference,
    choose_pairs,
    likeness,
    mast3r_picture,
)
from scenesort.mapping.pose_models.pictures import Picture, to_tensor

_MODELS = ("mast3r",)
_CLASS = "AsymmetricMASt3R"
_SHIFT_PX = 0.5
"""Its matches have pixel centres at whole numbers, and its intrinsics are fitted to them."""

# Estimated: 689 million parameters in float32; batches of pairs; what the alignment holds of a photo.
_NETWORK_MB = 2760.0
_BATCH_MB = 1500.0
_PHOTO_MB = 30.0


class Mast3r:
    """Point maps and matches of pairs, aligned in one frame; metric scale.

    Photos are resized to the longer side `side_px` and cropped to multiples of 16, square ones to 4:3, as its loader
    does. Up to 20 photos are compared each with each; of more, each with the 12 most alike. Focal lengths and principal
    points are refined by the alignment, which starts from focal lengths that are known.
    """

    name: ClassVar[str] = "mast3r"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ("mast3r",)
    package: ClassVar[str] = "mast3r"
    install: ClassVar[str] = (
        "git clone --recursive https://github.com/naver/mast3r && pip install einops huggingface_hub matplotlib roma "
        "scikit-learn scipy tqdm, with the torchvision that fits your torch, and put the folder mast3r on PYTHONPATH "
        "(it is no package that pip can install)"
    )
    upstream: ClassVar[str] = "naver/mast3r@f5209afc300cec36239a7ac992263f36847bbba0"
    licence: ClassVar[str] = "CC-BY-NC-SA-4.0"
    commercial: ClassVar[bool] = False
    experimental: ClassVar[bool] = False
    native_memory: ClassVar[bool] = False
    least_photos: ClassVar[int] = 2

    def __init__(self, options: PoseModelOptions, device: str) -> None:
        chosen = options.model or self.weights[0]
        accepted_licence(self, chosen, options)
        self._side_px = multiple_of(options.side_px, PATCH_PX, SIDE_PX, self.name)
        self._compute = choose_compute(self.name, device, options.precision)
        self._seed = options.seed
        # CroCo's module has this name once MASt3R has put its folder on the path.
        modules = ("mast3r.model", "mast3r.cloud_opt.sparse_ga", "models.blocks")
        model, self._alignment, blocks = import_upstream(self.name, self.package, self.install, modules)
        checkpoint = find_checkpoint(self.name, chosen, _MODELS)
        self._network = self._load(model, checkpoint).to(self._compute.device)
        fuse_attention(self._network, blocks)

    @classmethod
    def memory_mb(cls, num_photos: int, side_px: int) -> float:
        """Predict the memory of `predict`, estimated from the sizes of the network and its maps; see PoseModel."""
        share = ((side_px or SIDE_PX) / SIDE_PX) ** 2
        return _NETWORK_MB + share * (_BATCH_MB + _PHOTO_MB * num_photos)

    def predict(self, photos: Sequence[PhotoInput]) -> ScenePrediction:
        """Pose photos at once; see PoseModel. Pairs lie in a temporary folder meanwhile."""
        import torch

        if len(photos) < self.least_photos:
            raise ValueError(f"{self.name} needs two photos at least")
        pictures = [mast3r_picture(photo, self._side_px) for photo in photos]
        names = [str(index) for index in range(len(photos))]
        views = [self._view(picture, index) for index, picture in enumerate(pictures)]
        torch.manual_seed(self._seed)
        with tempfile.TemporaryDirectory(prefix="mast3r-") as folder, quiet():
            inference = PairInference(self._network, self._alignment, self._compute, folder)
            features = inference.encode(views)
            pairs = choose_pairs(likeness(features))
            inference.write(features, pairs)
            # The alignment wants both orders of a pair; it reads the second from what the first has left.
            ordered = [*pairs, *((second, first) for first, second in pairs)]
            try:
                scene = self._alignment.sparse_global_alignment(
                    names,
                    [(dict(views[first]), dict(views[second])) for first, second in ordered],
                    folder,
                    self._network,
                    device=self._compute.device,
                    init=self._known_intrinsics(photos, pictures, names),
                    verbose=False,
                )
                points, _, confidences = scene.get_dense_pts3d()
            except AssertionError as error:
                raise WeightsError(
                    f"{self.name}: the alignment refuses what the network gives, points behind their own camera for "
                    "example; set precision to float32, and if that doesn't help download the model again"
                ) from error
            world_from_cam, intrinsics = to_numpy(scene.get_im_poses()), to_numpy(scene.intrinsics)
        predictions: list[PosePrediction] = []
        for index, (photo, picture) in enumerate(zip(photos, pictures, strict=True)):
            width, height = picture.size_px
            pose = geometry.invert(world_from_cam[index, :3])
            matrix = intrinsics[index].copy()
            matrix[:2, 2] += _SHIFT_PX
            # Its confidence is 1 + exp(x): without the 1 it tends to 0 where nothing is known.
            sureness = np.maximum(to_numpy(confidences[index]) - 1, 0)
            xyz = to_numpy(points[index]).reshape(height, width, 3)
            predictions.append(pose_prediction(photo, picture, pose, matrix, xyz, sureness, self.name))
        return ScenePrediction(tuple(predictions), "metric")

    def open_scene(self) -> OpenScene | None:
        """None: MASt3R has no memory of its own."""
        return None

    def _view(self, picture: Picture, index: int) -> dict[str, Any]:
        width, height = picture.size_px
        image = to_tensor([picture], (0.5,) * 3, (0.5,) * 3)
        return {"img": image, "true_shape": np.array([[height, width]], np.int32), "idx": index, "instance": str(index)}

    def _known_intrinsics(
        self, photos: Sequence[PhotoInput], pictures: Sequence[Picture], names: Sequence[str]
    ) -> dict[str, dict[str, Any]]:
        import torch

        known = {}
        for photo, picture, name in zip(photos, pictures, names, strict=True):
            if photo.camera.has_focal_prior or photo.camera.fixed:
                matrix = grid_intrinsics(photo.camera, picture)
                matrix[:2, 2] -= _SHIFT_PX
                tensor = torch.tensor(matrix, dtype=torch.float32, device=self._compute.device)
                known[name] = {"intrinsics": tensor}
        return known

    def _load(self, model: Any, checkpoint: Checkpoint) -> Any:
        path = checkpoint.path
        state = weights.read_state(checkpoint.state_file, (argparse.Namespace,))
        if "args" in state:
            arguments = self._arguments(state, checkpoint)
            state = dict(state.get("model") or {})
        else:
            arguments = checkpoint.config()
        # Photos of both orientations are given as they are; this patch embedding takes them so.
        arguments |= {"landscape_only": False, "patch_embed_cls": "PatchEmbedDust3R"}
        try:
            with quiet():
                network = model.AsymmetricMASt3R(**_as_tuples(arguments))
        except (TypeError, ValueError, AssertionError, KeyError, NotImplementedError) as error:
            raise WeightsError(f"{self.name}: {path} describes a network that can't be built: {error}") from error
        if not any(name.startswith("dec_blocks2") for name in state):
            # Files of before the second decoder has weights of its own hold one for both.
            state |= {
                name.replace("dec_blocks", "dec_blocks2"): tensor
                for name, tensor in state.items()
                if name.startswith("dec_blocks")
            }
        fill(network, state, checkpoint, self.name, ("mask_token",))
        return network.eval()

    def _arguments(self, state: dict[str, Any], checkpoint: Checkpoint) -> dict[str, Any]:
        text = str(getattr(state["args"], "model", ""))
        name, arguments = read_constructor(text, checkpoint.path)
        if name != _CLASS:
            raise WeightsError(f"{self.name}: {checkpoint.path} holds a network '{name}' instead of {_CLASS}")
        return arguments


def _as_tuples(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments as upstream's own checkpoints have them: JSON knows neither tuples nor infinity by every writer."""
    infinities = {"inf": math.inf, "-inf": -math.inf, "Infinity": math.inf, "-Infinity": -math.inf}

    def value_of(value: Any) -> Any:
        if isinstance(value, list):
            return tuple(value_of(item) for item in value)
        return infinities.get(value, value) if isinstance(value, str) else value

    return {name: value_of(value) for name, value in arguments.items()}
