"""Small labels and submissions made of camera centres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scenesort.evaluation import PoseTable

FloatArray = NDArray[np.float64]
Row = tuple[str, str, str, FloatArray]
"""dataset, scene, image, (3,) centre; a centre of nan makes a photo without a pose."""

NO_POSE = np.full(3, np.nan)
THRESHOLDS = np.array([0.025, 0.05, 0.1, 0.2, 0.5, 1.0])


def make_table(rows: list[Row], source: str = "made-up table", seed: int = 0) -> PoseTable:
    """A table with the centres of `rows` and arbitrary rotations."""
    random = np.random.default_rng(seed)
    centers = np.array([center for *_, center in rows], dtype=np.float64).reshape(-1, 3)
    rotations = np.array([random_rotation(random) for _ in rows]).reshape(-1, 3, 3)
    rotations[np.isnan(centers).any(axis=1)] = np.nan
    return PoseTable(
        dataset=tuple(dataset for dataset, *_ in rows),
        scene=tuple(scene for _, scene, *_ in rows),
        image=tuple(image for _, _, image, _ in rows),
        rotation=rotations,
        translation=-np.einsum("nij,nj->ni", rotations, centers),
        line=tuple(range(2, len(rows) + 2)),
        source=source,
    )


def make_scene(scene: str, centers: FloatArray, dataset: str = "park", photos: str | None = None) -> list[Row]:
    """Rows of one scene or cluster, whose photos are named after `photos`, or else the scene, and numbered."""
    return [(dataset, scene, f"{photos or scene}_{index}.png", center) for index, center in enumerate(centers)]


def random_rotation(random: np.random.Generator) -> FloatArray:
    q, r = np.linalg.qr(random.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def random_centers(random: np.random.Generator, num_cameras: int) -> FloatArray:
    return random.normal(size=(num_cameras, 3)) * 2 + random.normal(size=3) * 10


def move(centers: FloatArray, random: np.random.Generator) -> FloatArray:
    """The centres under a random similarity."""
    return centers @ random_rotation(random).T * random.uniform(0.1, 10) + random.normal(size=3) * 20


def blur(centers: FloatArray, random: np.random.Generator) -> FloatArray:
    """The centres with noise that differs from camera to camera, so that some are accurate and some are not."""
    spread = random.choice([0.03, 0.15, 0.6], size=(len(centers), 1))
    return centers + random.normal(size=centers.shape) * spread
