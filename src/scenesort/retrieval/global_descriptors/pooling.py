"""From many local vectors to one: mean, maximum and generalised mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SMALLEST = 1e-6
"""What generalised-mean pooling takes instead of smaller values: its powers are defined for positive ones."""


def pool(tokens: torch.Tensor, pooling: str, gem_power: float) -> torch.Tensor:
    """Pool (n, d) vectors into (d,) by `mean`, `max` or `gem`.

    `gem` is (mean(x^p))^(1/p) with x at least `SMALLEST` (Radenović et al., PAMI 2019): the mean at p = 1, and nearer
    to the maximum the larger p is. It sees the positive part alone of values of both signs.
    """
    if pooling == "mean":
        return tokens.mean(dim=0)
    if pooling == "max":
        return tokens.amax(dim=0)
    # The largest value is taken out first: its power may be too large for the number's format.
    positive = tokens.clamp(min=SMALLEST)
    largest = positive.amax(dim=0)
    return largest * (positive / largest).pow(gem_power).mean(dim=0).pow(1 / gem_power)
