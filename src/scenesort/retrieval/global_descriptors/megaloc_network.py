"""MegaLoc's network: DINOv2 of transformers, SALAD and a linear layer; and how the published tensors get into it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from scenesort.errors import WeightsError
from scenesort.model_folders import read_json, transformers_for
from scenesort.retrieval.global_descriptors.salad import Salad

POSITION_OFFSET = 0.1
"""Patches by which DINOv2's authors enlarge a grid when they interpolate positions, against rounding."""

_BACKBONE = "backbone."
_HEAD = "aggregator."

_RENAMED = (
    (r"patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"pos_embed", "embeddings.position_embeddings"),
    (r"cls_token", "embeddings.cls_token"),
    (r"norm\.", "layernorm."),
    (r"blocks\.(\d+)\.attn\.proj\.", r"encoder.layer.\1.attention.output.dense."),
    (r"blocks\.(\d+)\.ls([12])\.gamma", r"encoder.layer.\1.layer_scale\2.lambda1"),
    (r"blocks\.(\d+)\.((?:norm[12]|mlp\.fc[12])\.)", r"encoder.layer.\1.\2"),
)
"""Beginnings of the names that DINOv2's authors use, and what transformers' published models have in their place."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes that config.json may give, by MegaLoc's and transformers' names; defaults are the published model's.

    `image_size` is what the positions were learned at, in pixels.
    """

    feat_dim: int = 8448
    num_clusters: int = 64
    cluster_dim: int = 256
    token_dim: int = 256
    mlp_dim: int = 512
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    mlp_ratio: int = 4
    image_size: int = 518
    patch_size: int = 14


def read_sizes(path: Path, member: str) -> Sizes:
    """Return the sizes in a config.json, the published model's where it is missing or silent; raises WeightsError."""
    content = read_json(path, member) if path.is_file() else {}
    given = {item.name: content[item.name] for item in fields(Sizes) if item.name in content}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise WeightsError(
                f"{member}: {path} has {name} {value!r}, where a whole number from 1 on is wanted; correct it, or "
                "leave it out for the published model's"
            )
    sizes = Sizes(**given)
    if sizes.hidden_size % sizes.num_attention_heads:
        raise WeightsError(
            f"{member}: {path} has hidden_size {sizes.hidden_size}, which num_attention_heads "
            f"{sizes.num_attention_heads} doesn't divide; correct it"
        )
    return sizes


class Head(nn.Module):
    """SALAD, then one linear layer; parts are called as in the published weights."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.agg = Salad(sizes.hidden_size, sizes.mlp_dim, sizes.num_clusters, sizes.cluster_dim, sizes.token_dim)
        self.linear = nn.Linear(sizes.num_clusters * sizes.cluster_dim + sizes.token_dim, sizes.feat_dim)

    def forward(self, patches: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
        """Map patches (n, c) and the class token (c,) to (feat_dim,)."""
        vector: torch.Tensor = self.linear(self.agg(patches, token).to(self.linear.weight.dtype))
        return vector


class MegaLocNetwork(nn.Module):
    """Pictures to descriptors. Built by `load_network`."""

    def __init__(self, backbone: Any, head: Head) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """Map one picture (1, 3, h, w), its sides multiples of the patch, to (feat_dim,) numbers of any length."""
        tokens = self.backbone(pixel_values=picture).last_hidden_state[0]
        vector: torch.Tensor = self.head(tokens[1:], tokens[0])
        return vector


def load_network(path: Path, sizes: Sizes, member: str, dtype: torch.dtype) -> MegaLocNetwork:
    """Build the network from a safetensors file with the published names.

    Raises WeightsError for a damaged file, and unless it holds exactly the network's tensors.
    """
    import safetensors.torch

    transformers = transformers_for(member)
    try:
        state = safetensors.torch.load_file(path)
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{member}: {path} can't be read: {error}; download the model again") from error
    with torch.device("meta"):  # the file has every number, so none is drawn
        head = Head(sizes)
    head_shapes = {_HEAD + name: tuple(part.shape) for name, part in head.state_dict().items()}
    _check(state, _backbone_shapes(sizes) | head_shapes, path, member)
    head.load_state_dict(_under(_HEAD, state), assign=True)
    config = transformers.Dinov2Config(
        hidden_size=sizes.hidden_size,
        num_hidden_layers=sizes.num_hidden_layers,
        num_attention_heads=sizes.num_attention_heads,
        mlp_ratio=sizes.mlp_ratio,
        image_size=sizes.image_size,
        patch_size=sizes.patch_size,
        use_mask_token=False,
    )
    # This way transformers renames what its own version calls otherwise than its published models.
    backbone = transformers.Dinov2Model.from_pretrained(
        None, config=config, state_dict=renamed(_under(_BACKBONE, state)), dtype=dtype
    )
    backbone.embeddings.interpolate_pos_encoding = partial(
        _positions, backbone.embeddings, sizes.image_size // sizes.patch_size, sizes.patch_size
    )
    return MegaLocNetwork(backbone, head.to(dtype)).eval()


def renamed(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return DINOv2's tensors, named by its authors, under the names of transformers' published models."""
    found = {}
    for name, tensor in state.items():
        if block := re.fullmatch(r"blocks\.(\d+)\.attn\.qkv\.(weight|bias)", name):
            for part, third in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                found[f"encoder.layer.{block[1]}.attention.attention.{part}.{block[2]}"] = third
            continue
        pattern, text = next(pair for pair in _RENAMED if re.match(pair[0], name))
        found[re.sub(f"^{pattern}", text, name)] = tensor
    return found


def _positions(
    embeddings: Any, side: int, patch_px: int, tokens: torch.Tensor, height: int, width: int
) -> torch.Tensor:
    """Return the position embeddings of a picture, as DINOv2's authors interpolate them from `side` by `side` patches.

    transformers scales to the size alone: without the offset each position lies elsewhere by a small part of a patch.
    """
    learned: torch.Tensor = embeddings.position_embeddings
    rows, columns = height // patch_px, width // patch_px
    if rows == columns == side:
        return learned
    grid = learned[0, 1:].float().T.reshape(1, -1, side, side)
    factors = ((rows + POSITION_OFFSET) / side, (columns + POSITION_OFFSET) / side)
    resized = functional.interpolate(grid, scale_factor=factors, mode="bicubic")
    return torch.cat([learned[:, :1], resized.flatten(2).transpose(1, 2).to(learned)], dim=1).to(tokens)


def _under(prefix: str, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _backbone_shapes(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """What tensors the backbone has, by their published names."""
    width, inner = sizes.hidden_size, sizes.hidden_size * sizes.mlp_ratio
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, (sizes.image_size // sizes.patch_size) ** 2 + 1, width),
        "patch_embed.proj.weight": (width, 3, sizes.patch_size, sizes.patch_size),
        "patch_embed.proj.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
    }
    for block in range(sizes.num_hidden_layers):
        for layer, outputs, inputs in (
            ("attn.qkv", 3 * width, width),
            ("attn.proj", width, width),
            ("mlp.fc1", inner, width),
            ("mlp.fc2", width, inner),
        ):
            shapes[f"blocks.{block}.{layer}.weight"] = (outputs, inputs)
            shapes[f"blocks.{block}.{layer}.bias"] = (outputs,)
        for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "ls1.gamma", "ls2.gamma"):
            shapes[f"blocks.{block}.{name}"] = (width,)
    return {_BACKBONE + name: shape for name, shape in shapes.items()}


def _check(state: Mapping[str, torch.Tensor], shapes: Mapping[str, tuple[int, ...]], path: Path, member: str) -> None:
    """Raise WeightsError unless a file has exactly the tensors of the network, in their shapes."""
    flaws = [
        *(f"{name} is missing" for name in sorted(shapes.keys() - state.keys())),
        *(f"{name} has no place" for name in sorted(state.keys() - shapes.keys())),
        *(
            f"{name} is {tuple(state[name].shape)}, not {shapes[name]}"
            for name in sorted(shapes.keys() & state.keys())
            if tuple(state[name].shape) != shapes[name]
        ),
    ]
    if flaws:
        raise WeightsError(
            f"{member}: {len(flaws)} tensors of {path} don't fit the network that config.json tells of: "
            f"{', '.join(flaws[:3])}{', …' if len(flaws) > 3 else ''}; download the model again, or give its own "
            "config.json"
        )
