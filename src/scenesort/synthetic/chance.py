"""Where the randomness of a place comes from: what is its own and what it shares with its look-alikes."""

from __future__ import annotations

import numpy as np

from scenesort.synthetic.textures import Rng


class Chance:
    """The generators of a place's parts: those of its own, and those that all places of one `shared_seed` have.

    `common` is the share of wear and furniture that is the same in all of them, 0 … 1; with any of it, layout, ground,
    light and backdrop are the same, too. What stands in the middle is always the place's own.
    """

    def __init__(self, seed: int, shared_seed: int, common: float) -> None:
        self.own = np.random.default_rng((seed, 1))
        self._shared_seed, self._common = shared_seed, common
        self.layout = np.random.default_rng((shared_seed, 31)) if common > 0 else self.own

    def piece(self, number: int) -> Rng:
        """The generator of one building's wear or one piece of furniture."""
        # Steps of the golden ratio spread the common pieces evenly over consecutive numbers.
        is_common = ((self._shared_seed + number) * 0.6180339887) % 1.0 < self._common
        return np.random.default_rng((self._shared_seed, 32, number)) if is_common else self.own
