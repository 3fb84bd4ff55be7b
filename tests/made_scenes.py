"""Models made by hand: which photo sees which points is known."""

import numpy as np

from pictures import camera
from scenesort.types import PosedPhoto, PosedScene

CAMERA = camera()


def model(seen, name=""):
    """Make a model from photo name → indices of the points it sees; keypoints and points tell who they are."""
    count = 1 + max((point for points in seen.values() for point in points), default=-1)
    photos = tuple(
        PosedPhoto(
            photo,
            CAMERA,
            1,
            np.eye(3, 4),
            np.array([(point, ord(photo[0])) for point in points], float).reshape(-1, 2),
            np.array(points, np.int64),
        )
        for photo, points in sorted(seen.items())
    )
    numbers = np.arange(count)
    rgb = np.repeat(numbers[:, None], 3, axis=1).astype(np.uint8)
    return PosedScene(name, photos, np.repeat(numbers[:, None], 3, axis=1).astype(float), rgb, numbers.astype(float))
