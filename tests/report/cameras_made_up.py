"""A small scene with known cameras, for tests of its pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scenesort.evaluation.alignment import AlignedScene, Status
from scenesort.geometry import Similarity
from scenesort.report.cameras_view import Thumbnail

UNPOSED, STRANGER = "gate_3.jpg", "tower_0.jpg"


def ring(num_cameras: int, up: NDArray[np.float64], tilt_deg: float = 20.0) -> NDArray[np.float64]:
    """world_from_cam (n, 3, 4) of upright cameras on half a ring, 5 around the origin, that look at it from above."""
    up = up / np.linalg.norm(up)
    first = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
    first /= np.linalg.norm(first)
    second = np.cross(up, first)
    poses = []
    for turn in np.linspace(0, np.pi, num_cameras):
        out = np.cos(turn) * first + np.sin(turn) * second
        center = 5 * (np.cos(np.radians(tilt_deg)) * out + np.sin(np.radians(tilt_deg)) * up)
        forward = -center / 5
        right = np.cross(forward, up)
        right /= np.linalg.norm(right)
        poses.append(np.column_stack([right, np.cross(forward, right), forward, center]))
    return np.array(poses)


def made_up_scene(name: str = "gate", far: float = 0.6) -> AlignedScene:
    """Six photos: exact, nearly exact, `far` off, without a pose, elsewhere, exact; and a photo of another scene."""
    true = ring(6, np.array([0.2, -1.0, 0.1]))
    true[:, :, 3] += [100.0, 50.0, -20.0]
    estimated = true.copy()
    estimated[1, :, 3] += [0.03, 0, 0]
    estimated[2, :, 3] += [0, far, 0]
    estimated[3:5] = np.nan
    errors = np.array([0.0, 0.03, far, np.nan, np.nan, 0.0])
    strangers = true[:1] + np.array([[[0, 0, 0, 1.0]]])
    return AlignedScene(
        dataset="park",
        scene=name,
        cluster="scene_01",
        thresholds=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
        threshold_index=5,
        true_from_submitted=Similarity(1.0, np.eye(3), np.zeros(3)),
        photos=tuple(f"gate_{index}.jpg" for index in range(6)),
        clusters=("scene_01",) * 4 + ("scene_02", "scene_01"),
        status=(Status.WITHIN, Status.WITHIN, Status.BEYOND, Status.UNPOSED, Status.ELSEWHERE, Status.WITHIN),
        true_world_from_cam=true,
        estimated_world_from_cam=estimated,
        errors=errors,
        accuracy=np.array([1.0, 1.0, 0, 0, 0, 1.0]),
        strangers=(STRANGER,),
        strangers_world_from_cam=strangers,
    )


def truth_alone() -> AlignedScene:
    """A scene whose cluster no transform fits."""
    from dataclasses import replace

    scene = made_up_scene()
    nothing = np.full((6, 3, 4), np.nan)
    return replace(
        scene,
        true_from_submitted=None,
        status=(Status.UNMEASURED,) * 6,
        estimated_world_from_cam=nothing,
        errors=np.full(6, np.nan),
        accuracy=np.zeros(6),
        strangers_world_from_cam=nothing[:1],
    )


def made_up_thumbnails(*photos: str) -> dict[str, Thumbnail]:
    """A wide picture for each photo: red at the left, green at the right."""
    pixels = np.zeros((60, 90, 3), dtype=np.uint8)
    pixels[:, :45] = (230, 20, 20)
    pixels[:, 45:] = (20, 230, 20)
    return {photo: Thumbnail(pixels) for photo in photos}
