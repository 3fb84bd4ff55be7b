"""MUSt3R (Cabon et al., CVPR 2025): photos one by one against a memory of those before, in one frame."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from scenesort import weights
from scenesort.errors import WeightsError
from scenesort.mapping.pose_models.base import OpenScene, PhotoInput, PoseModelOptions, ScenePrediction
from scenesort.mapping.pose_models.checkpoints import Checkpoint, accepted_licence, fill, find_checkpoint
from scenesort.mapping.pose_models.constructors import read_constructor
from scenesort.mapping.pose_models.loading import choose_compute, import_upstream, quiet
from scenesort.mapping.pose_models.must3r_memory import SIDE_PX, Must3rScene, must3r_side

_MODELS = ("must3r",)

_ENCODERS = {"Dust3rEncoder"}
_DECODERS = {"MUSt3R": "MUSt3R", "CausalMUSt3R": "MUSt3R"}
"""Networks by their names in checkpoints; the causal one is for training, and upstream replaces it too."""

_TRAINING = {"protected_imgs", "mem_dropout", "dropout_mode", "use_xformers_mask", "use_mem_mask"}
"""Arguments of the causal decoder alone."""

# Estimated: 423 million parameters in float32; of each photo kept, keys and values of 12 layers, at 512 x 384 for 768
# tokens of 768 numbers each.
_NETWORK_MB = 1700.0
_WORKING_MB = 700.0
_PHOTO_MB = 2 * 12 * 768 * 768 * 4 / 1e6


class Must3r:
    """Poses by registering each photo's points in its own frame with the same points in the scene's; metric scale.

    Photos are cropped to the nearest of the shapes it was trained with and resized to the longer side `side_px`, one of
    upstream's. Focal lengths are fitted to the points, principal points are the middle of what is seen. The memory
    keeps 50 photos.
    """

    name: ClassVar[str] = "must3r"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ("must3r",)
    package: ClassVar[str] = "must3r"
    install: ClassVar[str] = "pip install 'must3r @ git+https://github.com/naver/must3r.git'"
    upstream: ClassVar[str] = "naver/must3r@0c0d76b76b68993e380752d56dd3e04979cbbeef"
    licence: ClassVar[str] = "MUSt3R Non-Commercial License"
    commercial: ClassVar[bool] = False
    experimental: ClassVar[bool] = False
    native_memory: ClassVar[bool] = True
    least_photos: ClassVar[int] = 1

    def __init__(self, options: PoseModelOptions, device: str) -> None:
        chosen = options.model or self.weights[0]
        accepted_licence(self, chosen, options)
        self._side_px = must3r_side(options.side_px, self.name)
        self._compute = choose_compute(self.name, device, options.precision)
        modules = ("must3r.model", "must3r.engine.inference", "must3r.model.blocks.attention")
        model, inference, attention = import_upstream(self.name, self.package, self.install, modules)
        if self._compute.device.type == "cuda" and attention.has_xformers:
            attention.toggle_memory_efficient_attention(enabled=True)
        checkpoint = find_checkpoint(self.name, chosen, _MODELS)
        state = weights.read_state(checkpoint.state_file, (argparse.Namespace, SimpleNamespace))
        encoder, decoder = self._networks(model, state, checkpoint)
        self._encoder, self._decoder = (part.eval().to(self._compute.device) for part in (encoder, decoder))
        self._postprocess = inference.postprocess

    @classmethod
    def memory_mb(cls, num_photos: int, side_px: int) -> float:
        """Predict the memory of `predict`, estimated from the sizes of network and memory; see PoseModel."""
        share = ((side_px or SIDE_PX) / SIDE_PX) ** 2
        return _NETWORK_MB + share * (_WORKING_MB + _PHOTO_MB * min(num_photos, Must3rScene.most_photos))

    def predict(self, photos: Sequence[PhotoInput]) -> ScenePrediction:
        """Pose photos at once, by adding them in their order; see PoseModel."""
        scene = self.open_scene()
        for photo in photos:
            scene.add(photo)
        return scene.finish()

    def open_scene(self) -> OpenScene:
        """Begin a scene with MUSt3R's own memory; see PoseModel."""
        return Must3rScene(self._encoder, self._decoder, self._postprocess, self._compute, self._side_px, self.name)

    def _networks(self, model: Any, state: Mapping[str, Any], checkpoint: Checkpoint) -> tuple[Any, Any]:
        path = checkpoint.path
        try:
            texts = [str(getattr(state["args"], part)) for part in ("encoder", "decoder")]
            states = [dict(state[part]) for part in ("encoder", "decoder")]
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise WeightsError(
                f"{self.name}: {path} is no checkpoint of MUSt3R: it lacks {error}; give a file such as MUSt3R_512.pth"
            ) from error
        encoder = self._built(model, texts[0], dict.fromkeys(_ENCODERS, "Dust3rEncoder"), path)
        decoder = self._built(model, texts[1], _DECODERS, path, landscape_only=False)
        fill(encoder, states[0], checkpoint, self.name)
        fill(decoder, states[1], checkpoint, self.name)
        return encoder, decoder

    def _built(self, model: Any, text: str, classes: Mapping[str, str], path: Path, **changes: Any) -> Any:
        name, arguments = read_constructor(text, path)
        if name not in classes:
            raise WeightsError(f"{self.name}: {path} holds a network '{name}' instead of {' or '.join(classes)}")
        kept = {key: value for key, value in arguments.items() if key not in _TRAINING}
        try:
            with quiet():
                return getattr(model, classes[name])(**kept | changes)
        except (TypeError, ValueError, AssertionError) as error:
            raise WeightsError(f"{self.name}: {path} describes a network that can't be built: {error}") from error
