"""Groups: photos that belong together by someone's word, by clustering or by hand, and the pairs inside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesort.retrieval.index_exact import RowArray
from scenesort.retrieval.proposals import Proposals


@dataclass(frozen=True, slots=True)
class Groups:
    """Hard groups of n photos.

    `names`: (g,) names of the groups, sorted. `labels`: (n,) int64 numbers of the photos' groups in `names`, -1 for
    photos in no group.
    """

    names: tuple[str, ...]
    labels: RowArray


def groups_first(pairs: RowArray, labels: RowArray) -> NDArray[np.bool_]:
    """Tell which pairs (m, 2) are of two photos of one group, (m,) bool; a photo labelled -1 is in none.

    `np.argsort(~groups_first(pairs, labels), kind="stable")` puts them first and leaves the order as it was otherwise.
    """
    first, second = labels[pairs[:, 0]], labels[pairs[:, 1]]
    is_inside: NDArray[np.bool_] = (first == second) & (first >= 0)
    return is_inside


def within_groups(proposals: Proposals, labels: RowArray) -> Proposals:
    """Keep the pairs inside a group, in their order; `labels` (n,) are those of `Groups` or `Clusters`."""
    kept = groups_first(proposals.pairs, labels)
    return Proposals(proposals.pairs[kept], proposals.scores[kept], proposals.rules, proposals.proposed_by[kept])
