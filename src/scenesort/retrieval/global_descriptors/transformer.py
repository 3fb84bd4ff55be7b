"""What all vision transformers among the members share: load a folder, run a photo, pool its patches."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from scenesort.errors import OptionError, WeightsError
from scenesort.model_folders import (
    find_folder,
    load_model,
    model_type,
    num_parameters,
    read_json,
    transformers_for,
)
from scenesort.model_memory import check_memory
from scenesort.retrieval.global_descriptors.base import GlobalDescriptorOptions, over_turns, unit
from scenesort.retrieval.global_descriptors.pictures import network_input
from scenesort.retrieval.global_descriptors.pooling import pool
from scenesort.types import Float32Array, ImageArray

_VISION_HALF = {r"^vision_model\.": ""}
"""How tensors of a whole model's vision half are called when that half is a model of its own."""


class VisionTransformer:
    """A member's base: `architectures` maps types in config.json to classes of transformers.

    Photos are seen whole, at their aspect, with position embeddings interpolated to their size. `class_tokens` stand
    before the patches in the output, besides the registers that the configuration names.
    """

    version: ClassVar[str] = "1"
    sees: ClassVar[Literal["photo"]] = "photo"
    name: ClassVar[str]
    weights: ClassVar[tuple[str, ...]]
    architectures: ClassVar[dict[str, str]]
    own_pooling: ClassVar[str]
    own_side_px: ClassVar[int]
    class_tokens: ClassVar[int] = 1
    takes_any_size: ClassVar[bool] = False
    """Whether the class interpolates position embeddings without being told to."""

    def __init__(self, options: GlobalDescriptorOptions, device: str) -> None:
        if options.precision == "4bit":
            raise OptionError(f"{self.name} has no 4-bit form: set precision to bfloat16 or float32")
        chosen = options.model or "".join(self.weights[:1])
        if not chosen:
            raise OptionError(f"{self.name} has no model of its own: set model to the folder of one")
        transformers = transformers_for(self.name)
        # Imported here because the main process reads the class without ever running the model.
        import torch

        folder = find_folder(chosen, self.name, options.model_sha256)
        kind = model_type(folder, tuple(self.architectures), self.name)
        self._precision = precision_on(device, options.precision)
        check_memory(self.name, chosen, num_parameters(folder), self._precision, device)
        dtype = getattr(torch, self._precision)
        vision_class = getattr(transformers, self.architectures[kind])
        model = load_model(vision_class, folder, self.name, dtype=dtype, key_mapping=_VISION_HALF)
        self._model = model.to(torch.device(device))
        self._device = torch.device(device)
        self._options = options
        self._pooling = self.own_pooling if options.pooling == "auto" else options.pooling
        self._patch_px = int(model.config.patch_size)
        self._skipped = self.class_tokens + int(getattr(model.config, "num_register_tokens", 0))
        self._mean, self._deviation = _normalisation(folder / "preprocessor_config.json", self.name)

    def describe(self, image: ImageArray) -> Float32Array:
        """Return the unit vector of an upright RGB image; see PhotoDescriptorMember."""
        return over_turns(self._describe_one, image, self._options.every_turn)

    def _describe_one(self, image: ImageArray) -> Float32Array:
        import torch

        side_px = self._options.side_px or self.own_side_px
        picture = network_input(image, side_px, self._patch_px, self._mean, self._deviation)
        settings = {} if self.takes_any_size else {"interpolate_pos_encoding": True}
        with torch.inference_mode():
            found = self._model(pixel_values=picture.to(self._device, self._model.dtype), **settings)
            vector = self._pooled(found).float().cpu().numpy()
        return finite_unit(vector, self.name, self._precision)

    def _pooled(self, found: Any) -> Any:
        if self._pooling == "cls":
            return found.pooler_output[0]
        return pool(found.last_hidden_state[0, self._skipped :].float(), self._pooling, self._options.gem_power)


def finite_unit(vector: NDArray[Any], member: str, precision: str) -> Float32Array:
    """Return a model's vector at unit length; raises WeightsError when some of its numbers are not finite."""
    if not np.isfinite(vector).all():
        raise WeightsError(
            f"{member}: the model gave numbers that are not finite in {precision}; "
            "set precision to float32, or download the model again"
        )
    return unit(vector)


def precision_on(device: str, precision: str) -> str:
    """Return the numbers a model computes with: what was asked, else bfloat16 on a GPU and float32 elsewhere."""
    if precision != "auto":
        return precision
    return "bfloat16" if device.startswith("cuda") else "float32"


def _normalisation(path: Any, member: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation by channel that the model was trained with, from its preprocessor_config.json."""
    if not path.is_file():
        raise WeightsError(
            f"{member}: {path} is missing, which tells how photos must be normalised; download the model again"
        )
    content = read_json(path, member)
    try:
        mean, deviation = (tuple(float(value) for value in content[name]) for name in ("image_mean", "image_std"))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{member}: {path} lacks image_mean or image_std; download the model again") from error
    if len(mean) != 3 or len(deviation) != 3 or min(deviation) <= 0:
        raise WeightsError(f"{member}: {path} has no three channels' mean and deviation; download the model again")
    return mean, deviation
