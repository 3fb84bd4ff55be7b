"""Looks made by hand: which photo shows what at which point is known."""

import numpy as np

from scenesort.scenes import Looks

NUM_POINTS = 900


def looks_of(place_of, chance, common=0.7, wrong=0.02, seen=0.4, angles=(0.5, 5.5), num_points=NUM_POINTS):
    """Photos of one or several places in one frame: `common` of the points look the same in all places.

    Every photo has a match at `seen` of what its place has, and shows something else at `wrong` of it.
    """
    place_of = np.asarray(place_of)
    is_common = chance.random(num_points) < common
    owner = chance.integers(0, place_of.max() + 1, num_points)
    has = is_common[None, :] | (owner[None, :] == place_of[:, None])
    sees = has & (chance.random(has.shape) < seen)
    rows = {"photo": [], "reference": [], "point": [], "angle_deg": [], "differs": []}
    for photo in range(len(place_of)):
        for point in np.flatnonzero(~sees[photo] & sees.any(axis=0)):
            reference = chance.choice(np.flatnonzero(sees[:, point]))
            rows["photo"].append(photo)
            rows["reference"].append(reference)
            rows["point"].append(point)
            rows["angle_deg"].append(chance.uniform(*angles))
            rows["differs"].append(not has[photo, point] or chance.random() < wrong)
    return Looks(**{name: np.array(values) for name, values in rows.items()}, sees=sees)
