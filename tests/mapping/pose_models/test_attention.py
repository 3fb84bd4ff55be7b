"""Fused attention gives what attention step by step gives."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from scenesort.mapping.pose_models.attention import fuse_attention


class Attention(nn.Module):
    """With the attributes of CroCo's, and plain arithmetic written for this test."""

    def __init__(self, rope=None):
        super().__init__()
        self.num_heads, self.scale, self.rope = 2, 4**-0.5, rope
        self.qkv, self.proj = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x, xpos):
        return steps(self, *self.qkv(x).split(8, dim=-1), xpos, xpos)


class CrossAttention(nn.Module):
    def __init__(self, rope=None):
        super().__init__()
        self.num_heads, self.scale, self.rope = 2, 4**-0.5, rope
        self.projq, self.projk, self.projv, self.proj = (nn.Linear(8, 8) for _ in range(4))

    def forward(self, query, key, value, qpos, kpos):
        return steps(self, self.projq(query), self.projk(key), self.projv(value), qpos, kpos)


def steps(module, query, key, value, qpos, kpos):
    rows = []
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        one, other = query[..., part], key[..., part]
        if module.rope is not None:
            one, other = module.rope(one[:, None], qpos)[:, 0], module.rope(other[:, None], kpos)[:, 0]
        rows.append(torch.softmax(one @ other.transpose(1, 2) * module.scale, dim=-1) @ value[..., part])
    return module.proj(torch.cat(rows, dim=-1))


def turn(tokens, positions):
    """Some map that depends on positions, (b, heads, n, d) and (b, n, 2)."""
    return tokens * (1 + positions.sum(dim=-1)[:, None, :, None]).cos()


BLOCKS = SimpleNamespace(Attention=Attention, CrossAttention=CrossAttention)


@pytest.mark.parametrize("rope", [None, turn])
def test_the_result_is_the_same(rope):
    torch.manual_seed(0)
    network = nn.ModuleList([Attention(rope), nn.ModuleList([CrossAttention(rope)]), nn.Linear(8, 8)])
    query, key, value = torch.randn(3, 2, 5, 8).unbind()
    key, value = torch.cat([key, key + 1], dim=1), torch.cat([value, value - 1], dim=1)
    qpos, kpos = torch.rand(2, 5, 2), torch.rand(2, 10, 2)
    before = network[0](query, qpos), network[1][0](query, key, value, qpos, kpos)
    assert fuse_attention(network, BLOCKS) == 2
    after = network[0](query, qpos), network[1][0](query, key, value, qpos, kpos)
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other)


def test_one_type_of_numbers_reaches_the_kernel():
    network = nn.ModuleList([Attention(lambda tokens, positions: tokens.float())])
    fuse_attention(network, BLOCKS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network[0](torch.randn(1, 4, 8), torch.rand(1, 4, 2)).dtype == torch.bfloat16
