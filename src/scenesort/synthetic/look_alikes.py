"""Pairs of places that look alike, at three levels fixed by what plain COLMAP makes of them.

Of 20 pairs, plain COLMAP separates at least 80% of the mild ones, at most 30% of the middle ones and none of the wicked
ones (`benchmarks/look_alikes.py` measures it), though in every photo there is something that only its own place has.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from scenesort.errors import OptionError
from scenesort.synthetic.collection import CollectionSpec, SceneSpec
from scenesort.synthetic.places import PLACE_KINDS

Level = Literal["mild", "middle", "wicked"]
LEVELS: tuple[Level, ...] = ("mild", "middle", "wicked")
LIKENESS: dict[Level, tuple[float, float]] = {"mild": (0.5, 0.0), "middle": (1.0, 0.3), "wicked": (1.0, 0.85)}
"""Share of the fronts that are the same, and of wear and furniture (`SceneSpec.likeness`, `SceneSpec.common`)."""
PAIR_SIDE_PX = (480, 360)


def look_alike_pair(level: Level, seed: int) -> CollectionSpec:
    """Two scenes of 6 to 8 photos that look alike; kind of place, numbers of photos and cameras follow from `seed`.

    Raises OptionError for an unknown level.
    """
    if level not in LEVELS:
        raise OptionError(f"no level '{level}' of look-alikes; there are: {', '.join(LEVELS)}")
    rng = np.random.default_rng((seed, 41, LEVELS.index(level)))
    shared = 2_000_000 + 10_000 * LEVELS.index(level) + 10 * seed
    likeness, common = LIKENESS[level]
    width_px, height_px = PAIR_SIDE_PX
    focal_ratio, radial = float(rng.uniform(0.75, 0.95)), float(rng.uniform(-0.05, 0.0))
    has_exif = bool(rng.random() < 0.5)
    scenes = tuple(
        SceneSpec(
            f"{level}{seed:03d}{side}",
            PLACE_KINDS[seed % len(PLACE_KINDS)],
            shared + number,
            int(rng.integers(6, 9)),
            shared,
            likeness,
            common,
            width_px,
            height_px,
            focal_ratio,
            radial,
            has_exif,
        )
        for number, side in enumerate("ab", start=1)
    )
    return CollectionSpec(f"{level}{seed:03d}", scenes, 0, shared, width_px, height_px)
