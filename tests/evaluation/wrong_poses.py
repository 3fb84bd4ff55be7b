"""Right poses and what wrong conventions make of them, written down without the readings' own formulae."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from builders import FloatArray, random_rotation

from scenesort.evaluation import PoseTable

THRESHOLDS = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.4])

Wrong = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""What is written for one right rotation (3, 3) and translation (3,)."""

OPENGL = np.diag([1.0, -1.0, -1.0])
UP = np.diag([1.0, -1.0, 1.0])


def center(R: FloatArray, t: FloatArray) -> FloatArray:
    return -R.T @ t


def quaternion(R: FloatArray) -> tuple[float, float, float, float]:
    """w, x, y, z from the axis and angle; not for half turns."""
    w = np.sqrt(1 + np.trace(R)) / 2
    axis = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]) / (4 * w)
    return (float(w), *axis.tolist())


def from_quaternion(w: float, x: float, y: float, z: float) -> FloatArray:
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


def w_last_as_first(R: FloatArray) -> FloatArray:
    w, x, y, z = quaternion(R)
    return from_quaternion(x, y, z, w)


def w_first_as_last(R: FloatArray) -> FloatArray:
    w, x, y, z = quaternion(R)
    return from_quaternion(w=z, x=w, y=x, z=y)


def mirror(axis: int) -> FloatArray:
    return np.diag([-1.0 if index == axis else 1.0 for index in range(3)])


WRONG: dict[str, Wrong] = {
    "camera-to-world": lambda R, t: (R.T, center(R, t)),
    "opengl-camera-to-world": lambda R, t: (R.T @ OPENGL, center(R, t)),
    "centres": lambda R, t: (R, center(R, t)),
    "opengl-centres": lambda R, t: (OPENGL @ R, center(R, t)),
    "transposed": lambda R, t: (R.T, t),
    "opengl": lambda R, t: (OPENGL @ R, OPENGL @ t),
    "opengl-rotations": lambda R, t: (OPENGL @ R, t),
    "negated-translations": lambda R, t: (R, -t),
    "negated-centres": lambda R, t: (R, -center(R, t)),
    "negated-camera-to-world": lambda R, t: (R.T, R.T @ t),
    "left-handed": lambda R, t: (UP @ R @ UP, UP @ t),
    "left-handed-camera-to-world": lambda R, t: (UP @ R.T @ UP, UP @ center(R, t)),
    "mirrored": lambda R, t: (R @ mirror(2), t),
    "mirrored-camera-to-world": lambda R, t: (mirror(2) @ R.T, mirror(2) @ center(R, t)),
    "mirrored-centres-x": lambda R, t: (R, -R @ mirror(0) @ center(R, t)),
    "mirrored-centres-y": lambda R, t: (R, -R @ mirror(1) @ center(R, t)),
    "mirrored-centres-z": lambda R, t: (R, -R @ mirror(2) @ center(R, t)),
    "negated": lambda R, t: (-R, -t),
    "w-last": lambda R, t: (w_last_as_first(R), t),
    "w-first": lambda R, t: (w_first_as_last(R), t),
    "w-last-camera-to-world": lambda R, t: (w_last_as_first(R.T), center(R, t)),
    "w-first-camera-to-world": lambda R, t: (w_first_as_last(R.T), center(R, t)),
}


def corrupt(table: PoseTable, wrong: Wrong, datasets: tuple[str, ...] | None = None) -> PoseTable:
    """The table in a wrong convention, or these collections of it."""
    poses = [
        wrong(R, t) if datasets is None or dataset in datasets else (R, t)
        for dataset, R, t in zip(table.dataset, table.rotation, table.translation, strict=True)
    ]
    return replace(table, rotation=np.array([R for R, _ in poses]), translation=np.array([t for _, t in poses]))


def look_at(eye: FloatArray, target: FloatArray, random: np.random.Generator) -> FloatArray:
    """cam_from_world rotation of a camera that looks at a target, held upright but for some degrees."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    down = np.array([0.0, 1.0, 0.0]) + random.normal(size=3) * 0.1
    right = np.cross(down, forward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


def table_of(
    dataset: list[str], scene: list[str], image: list[str], R: list[FloatArray], t: list[FloatArray], source: str
) -> PoseTable:
    rows = len(dataset)
    rotation, translation = np.array(R).reshape(rows, 3, 3), np.array(t).reshape(rows, 3)
    return PoseTable(
        tuple(dataset), tuple(scene), tuple(image), rotation, translation, tuple(range(2, rows + 2)), source
    )


def make_world(
    seed: int, *, datasets: tuple[str, ...] = ("park",), num_photos: int = 10, noise: float = 0.0
) -> tuple[PoseTable, PoseTable, dict[tuple[str, str], FloatArray]]:
    """Labels, a right submission in other worlds, and thresholds: cameras around an object, two scenes a collection.

    Right means up to a similarity of each scene's world, and up to `noise`: of this size for half of the centres, seen
    from the object at a distance of 3 to 5, and of a tenth as many radians for the rotations.
    """
    random = np.random.default_rng(seed)
    names: list[tuple[str, str, str]] = []
    true: list[tuple[FloatArray, FloatArray]] = []
    given: list[tuple[FloatArray, FloatArray]] = []
    for dataset in datasets:
        for scene in ("gate", "pond"):
            Q, scale, offset = random_rotation(random), random.uniform(0.2, 5), random.normal(size=3) * 5
            for index in range(num_photos):
                around = random.uniform(-1.2, 1.2)
                away = random.uniform(3, 5)
                eye = away * np.array([np.sin(around), random.uniform(-0.4, 0.4), -np.cos(around)])
                R = look_at(eye, random.normal(size=3) * 0.3, random)
                names.append((dataset, scene, f"{scene}_{index}.png"))
                true.append((R, -R @ eye))
                moved = eye + random.normal(size=3) * noise * (index % 2)
                turned = from_quaternion(*unit(np.array([1.0, *(random.normal(size=3) * noise / 20)]))) @ R
                # x_given = scale · Q · x_true + offset
                R_given = turned @ Q.T
                given.append((R_given, -R_given @ (scale * Q @ moved + offset)))
    columns = [list(column) for column in zip(*names, strict=True)]
    labels = table_of(columns[0], columns[1], columns[2], *map(list, zip(*true, strict=True)), "labels.csv")
    clusters = [f"found_{scene}" for scene in columns[1]]
    submission = table_of(columns[0], clusters, columns[2], *map(list, zip(*given, strict=True)), "submission.csv")
    return labels, submission, {(dataset, scene): THRESHOLDS for dataset in datasets for scene in ("gate", "pond")}


def unit(vector: FloatArray) -> FloatArray:
    return vector / np.linalg.norm(vector)
