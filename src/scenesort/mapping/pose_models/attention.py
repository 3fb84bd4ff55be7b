"""Fused attention for networks that compute it step by step.

CroCo's blocks, on which DUSt3R and MASt3R are built, multiply out the whole matrix of attention. Torch's
`scaled_dot_product_attention` gives the same numbers and chooses by device and precision: flash or memory-efficient
kernels on a GPU, a fused one on the CPU. The other models call it, or xformers, themselves.
"""

from __future__ import annotations

from types import MethodType
from typing import Any


def fuse_attention(network: Any, blocks: Any) -> int:
    """Let every attention of a network be fused; `blocks` is CroCo's module of that name. Returns how many were.

    Same weights, same result up to rounding; for inference alone, as dropout is left out.
    """
    count = 0
    for module in network.modules():
        if type(module) is blocks.Attention:
            module.forward = MethodType(_self_attention, module)
        elif type(module) is blocks.CrossAttention:
            module.forward = MethodType(_cross_attention, module)
        else:
            continue
        count += 1
    return count


def _self_attention(module: Any, x: Any, xpos: Any) -> Any:
    query, key, value = (
        part.unflatten(-1, (module.num_heads, -1)).transpose(1, 2) for part in module.qkv(x).chunk(3, dim=-1)
    )
    return _attended(module, query, key, value, xpos, xpos)


def _cross_attention(module: Any, query: Any, key: Any, value: Any, qpos: Any, kpos: Any) -> Any:
    heads = (
        projection(tokens).unflatten(-1, (module.num_heads, -1)).transpose(1, 2)
        for projection, tokens in ((module.projq, query), (module.projk, key), (module.projv, value))
    )
    return _attended(module, *heads, qpos, kpos)


def _attended(module: Any, query: Any, key: Any, value: Any, qpos: Any, kpos: Any) -> Any:
    from torch.nn.functional import scaled_dot_product_attention

    if module.rope is not None:
        # Rotary positions come back in float32 under mixed precision; the kernels want one type.
        query, key = module.rope(query, qpos).to(value.dtype), module.rope(key, kpos).to(value.dtype)
    mixed = scaled_dot_product_attention(query, key, value, scale=module.scale)
    return module.proj(mixed.transpose(1, 2).flatten(2))
