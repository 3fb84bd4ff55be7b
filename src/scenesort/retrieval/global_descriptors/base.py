"""What a member of the global descriptors is, its options, and how one is found by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from scenesort.errors import OptionError
from scenesort.plugins import load_member
from scenesort.types import Features, Float32Array, ImageArray
from scenesort.weights import REGISTRY

GROUP = "scenesort.global_descriptors"

Pooling = Literal["auto", "cls", "mean", "max", "gem"]
Precision = Literal["auto", "float32", "bfloat16", "float16", "4bit"]

CAPTION_PROMPTS = (
    "Describe the place or object in this photo in one sentence: what it is, its material, colour and shape.",
)


@dataclass(frozen=True, slots=True)
class GlobalDescriptorOptions:
    """Options of one member; each member reads those that concern it. Raises OptionError for a value out of range.

    `model`: a name of the weights registry or the path of a folder, empty for the member's own. `model_sha256`: what
    the fingerprint of that model must be (`models.fingerprint_of`), empty for no check. `pooling`: how patches become
    one vector; `auto` is the member's own. `gem_power`: exponent of generalised-mean pooling. `side_px`: longer side of
    the picture that the model sees, 0 for the member's own. `precision`: numbers that the model computes with; `auto`
    is bfloat16 on a GPU and float32 elsewhere; `4bit` is for captions alone. `every_turn`: the sum over the four
    quarter turns of the photo, so that a turned photo has the same vector at four times the cost.
    `words`, `size`, `whitening` (0 … 1), `iterations`, `sample_size`: see `vlad`. `prompts`, `max_new_tokens`,
    `sentence_model` (a name or folder like `model`): see `captions`.
    """

    model: str = ""
    model_sha256: str = ""
    pooling: Pooling = "auto"
    gem_power: float = 3.0
    side_px: int = 0
    precision: Precision = "auto"
    every_turn: bool = False
    words: int = 64
    size: int = 512
    whitening: float = 0.0
    iterations: int = 25
    sample_size: int = 50_000
    prompts: tuple[str, ...] = CAPTION_PROMPTS
    max_new_tokens: int = 60
    sentence_model: str = ""

    def __post_init__(self) -> None:
        if self.pooling not in get_args(Pooling):
            raise OptionError(f"pooling '{self.pooling}' is unknown: use one of {', '.join(get_args(Pooling))}")
        if self.precision not in get_args(Precision):
            raise OptionError(f"precision '{self.precision}' is unknown: use one of {', '.join(get_args(Precision))}")
        if self.side_px and not 32 <= self.side_px <= 4096:
            raise OptionError(f"side_px is {self.side_px}: use 32 to 4096, or 0 for the member's own")
        if not 1 <= self.gem_power <= 100:
            raise OptionError(f"gem_power is {self.gem_power:g}: use 1 (the mean) to 100 (nearly the maximum)")
        if not 0 <= self.whitening <= 1:
            raise OptionError(f"whitening is {self.whitening:g}: use 0 (none) to 1 (equal variances)")
        for name, low in (("words", 1), ("size", 1), ("iterations", 1), ("sample_size", 1)):
            if getattr(self, name) < low:
                raise OptionError(f"{name} is {getattr(self, name)}: use {low} or more")
        if self.max_new_tokens < 1:
            raise OptionError(f"max_new_tokens is {self.max_new_tokens}: use 1 or more")
        if not self.prompts or not all(prompt.strip() for prompt in self.prompts):
            raise OptionError("prompts must be one or more questions, none of them empty")


@runtime_checkable
class PhotoDescriptorMember(Protocol):
    """Describes a photo by its pixels.

    `version` changes whenever the member's output for the same input and options changes. `weights` names the entries
    of the weights registry that it loads when the options name no other model; see `weights_of`.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    weights: ClassVar[tuple[str, ...]]
    sees: ClassVar[Literal["photo"]]

    def __init__(self, options: GlobalDescriptorOptions, device: str) -> None:
        """Load the model once; `device` is a torch device name. Raises WeightsError, MissingDependencyError."""

    def describe(self, image: ImageArray) -> Float32Array:
        """Return the (d,) float32 vector of unit length of an upright RGB image (height, width, 3) uint8."""
        ...


@runtime_checkable
class FeatureDescriptorMember(Protocol):
    """Describes a photo by its local features, in terms of a codebook that is learned first.

    A codebook is a value of the member's own: a frozen dataclass of arrays, the same for the same samples and seed.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    weights: ClassVar[tuple[str, ...]]
    sees: ClassVar[Literal["features"]]

    def __init__(self, options: GlobalDescriptorOptions, device: str) -> None:
        """Keep the options; there may be nothing to load."""

    def fit(self, samples: Sequence[Features], seed: int) -> Any:
        """Learn a codebook from the features of many photos, all of one feature member."""
        ...

    def describe(self, features: Features, codebook: Any) -> Float32Array:
        """Return the (d,) float32 vector of unit length of one photo; zeros when it has no features."""
        ...

    @staticmethod
    def pack_codebook(codebook: Any) -> dict[str, NDArray[Any]]:
        """Return a codebook as named arrays, to be kept."""
        ...

    @staticmethod
    def unpack_codebook(arrays: Mapping[str, NDArray[Any]]) -> Any:
        """Undo `pack_codebook`; raises KeyError for arrays that are no codebook."""
        ...


@runtime_checkable
class CaptionMember(Protocol):
    """A member that sees the photo and describes it in words first, which are kept."""

    def caption(self, image: ImageArray) -> Any:
        """Return what a model says of an upright RGB image; its `answers` are a tuple of texts."""
        ...

    def embed(self, caption: Any) -> Float32Array:
        """Return the (d,) float32 unit vector of a caption."""
        ...


def load(name: str) -> type[PhotoDescriptorMember] | type[FeatureDescriptorMember]:
    """Return the member class registered as `name`; its `sees` tells which of the two protocols it has.

    Raises OptionError for an unknown name, MissingDependencyError when its package can't be imported.
    """
    member: Any = load_member(GROUP, name)
    return member  # type: ignore[no-any-return]


def weights_of(member: type[Any], options: GlobalDescriptorOptions) -> tuple[str, ...]:
    """Return the names of the weights registry that a member needs with these options; folders are not among them."""
    chosen = (options.model,) if options.model else member.weights
    return tuple(name for name in (*chosen, options.sentence_model) if name in REGISTRY)


def unit(vector: NDArray[Any]) -> Float32Array:
    """Return a (d,) vector scaled to unit length as float32; zeros stay zeros."""
    exact = vector.astype(np.float64)
    length = float(np.linalg.norm(exact))
    scaled: Float32Array = (exact / length if length > 0 else exact).astype(np.float32)
    return scaled


def stored(vector: Float32Array) -> NDArray[np.float16]:
    """Return a unit vector as it is kept by photo: float16, whose scalar products are right to about 0.001."""
    return vector.astype(np.float16)


def over_turns(describe: Callable[[ImageArray], Float32Array], image: ImageArray, every_turn: bool) -> Float32Array:
    """Describe an image, or with `every_turn` its four quarter turns together: their sum at unit length."""
    if not every_turn:
        return describe(image)
    turned = [describe(np.ascontiguousarray(np.rot90(image, k))) for k in range(4)]
    return unit(np.sum(np.stack(turned).astype(np.float64), axis=0))
