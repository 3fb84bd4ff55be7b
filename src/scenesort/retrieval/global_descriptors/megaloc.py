"""MegaLoc: One Retrieval to Place Them All (Berton and Masone, 2025, arXiv 2502.17237): DINOv2 and SALAD.

Written after github.com/gmberton/MegaLoc at commit 1af071c68fc3ab6c6018c5c868391763516e50f7 and compared with it: with
the same random weights and pictures of several sizes, no number of the descriptors differs by more than 1e-6.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from scenesort.errors import OptionError
from scenesort.model_folders import find_folder, num_parameters, transformers_for
from scenesort.model_memory import check_memory
from scenesort.retrieval.global_descriptors.base import GlobalDescriptorOptions, over_turns
from scenesort.retrieval.global_descriptors.pictures import fitted_size, network_input
from scenesort.retrieval.global_descriptors.transformer import finite_unit, precision_on
from scenesort.types import Float32Array, ImageArray

SIDE_PX = 322
"""What its authors test it at."""


class MegaLoc:
    """8,448 numbers, trained to tell whether photos show the same place.

    A folder holds `model.safetensors` with the published names, and a config.json with the sizes that differ from the
    published model's: `{}` for that one. Photos keep their aspect; one that would have no more patches than the model
    has clusters is seen larger.
    """

    name: ClassVar[str] = "megaloc"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ("megaloc",)
    sees: ClassVar[Literal["photo"]] = "photo"

    def __init__(self, options: GlobalDescriptorOptions, device: str) -> None:
        if options.pooling != "auto":
            raise OptionError("megaloc pools by optimal transport, as it learned to: leave pooling at auto")
        if options.precision == "4bit":
            raise OptionError("megaloc has no 4-bit form: set precision to bfloat16 or float32")
        transformers_for(self.name)
        # Imported here because the main process reads the class without ever running the model.
        import torch

        from scenesort.retrieval.global_descriptors.megaloc_network import load_network, read_sizes

        chosen = options.model or self.weights[0]
        # The registry's model is pinned by its hash, and so are its sizes.
        folder = find_folder(chosen, self.name, options.model_sha256, needs_config=chosen not in self.weights)
        self._sizes = read_sizes(folder / "config.json", self.name)
        self._precision = precision_on(device, options.precision)
        check_memory(self.name, chosen, num_parameters(folder), self._precision, device)
        self._options = options
        self._device = torch.device(device)
        self._dtype = getattr(torch, self._precision)
        network = load_network(folder / "model.safetensors", self._sizes, self.name, self._dtype)
        self._network = network.to(self._device)

    def describe(self, image: ImageArray) -> Float32Array:
        """Return the unit vector of an upright RGB image; see PhotoDescriptorMember."""
        return over_turns(self._describe_one, image, self._options.every_turn)

    def _describe_one(self, image: ImageArray) -> Float32Array:
        import torch

        picture = network_input(image, self._side_px(*image.shape[:2]), self._sizes.patch_size)
        with torch.inference_mode():
            vector = self._network(picture.to(self._device, self._dtype)).float().cpu().numpy()
        return finite_unit(vector, self.name, self._precision)

    def _side_px(self, height_px: int, width_px: int) -> int:
        """The longer side to see a photo at: the wanted one, or the first larger with more patches than clusters."""
        side_px, patch_px = self._options.side_px or SIDE_PX, self._sizes.patch_size
        while True:
            width, height = fitted_size(width_px, height_px, side_px, patch_px)
            if (width // patch_px) * (height // patch_px) > self._sizes.num_clusters:
                return side_px
            side_px += patch_px
