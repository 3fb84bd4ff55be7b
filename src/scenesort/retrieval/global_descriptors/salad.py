"""SALAD (Izquierdo and Civera, CVPR 2024): patches of a photo are shared out to clusters by optimal transport.

Names of parts follow MegaLoc's published weights, so that they load strictly.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

ROUNDS = 3
"""How often rows and columns are scaled; the weights were trained with so few."""


def transported(scores: torch.Tensor, dustbin: torch.Tensor, rounds: int = ROUNDS) -> torch.Tensor:
    """Return which part of each patch goes to each cluster, (clusters, n), from scores of that shape.

    By Sinkhorn's method: below the scores stands a row of `dustbin` for what belongs nowhere, then rows and columns are
    scaled, `rounds` times. A patch gives 1 in all, a cluster takes about 1, the dustbin the rest: so n must be larger
    than the number of clusters.
    """
    clusters, patches = scores.shape
    scores = torch.cat([scores, dustbin.to(scores).expand(1, patches)])
    wanted = scores.new_zeros(clusters + 1)
    wanted[-1] = math.log(patches - clusters)
    by_column = scores.new_zeros(patches)
    for _ in range(rounds):
        by_row = wanted - torch.logsumexp(scores + by_column, dim=1)
        by_column = -torch.logsumexp(scores + by_row[:, None], dim=0)
    return torch.exp(scores + by_row[:, None] + by_column)[:clusters]


class Salad(nn.Module):
    """Patches and class token of one photo to `clusters * cluster_size + token_size` numbers of unit length.

    The class token's part comes first; then, for each number of a cluster's vector, all clusters.
    """

    def __init__(self, inputs: int, inner: int, clusters: int, cluster_size: int, token_size: int) -> None:
        super().__init__()
        self.token_features = nn.Sequential(nn.Linear(inputs, inner), nn.ReLU(), nn.Linear(inner, token_size))
        self.cluster_features = _for_patches(inputs, inner, cluster_size)
        self.score = _for_patches(inputs, inner, clusters)
        self.dust_bin = nn.Parameter(torch.ones(()))

    def forward(self, patches: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
        """Map patches (n, c) and the class token (c,) to one float32 vector."""
        grid = patches.T[None, :, :, None]
        # Powers and short lengths are beyond half precision.
        vectors = self.cluster_features(grid)[0, :, :, 0].float()
        scores = self.score(grid)[0, :, :, 0].float()
        sums = vectors @ transported(scores, self.dust_bin).T
        place = functional.normalize(self.token_features(token).float(), dim=0)
        return functional.normalize(torch.cat([place, functional.normalize(sums, dim=0).flatten()]), dim=0)


def _for_patches(inputs: int, inner: int, outputs: int) -> nn.Sequential:
    """Two layers on every patch alone; the part between them is where dropout was in training."""
    return nn.Sequential(nn.Conv2d(inputs, inner, 1), nn.Identity(), nn.ReLU(), nn.Conv2d(inner, outputs, 1))
