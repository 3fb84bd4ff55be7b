"""scenesort: a pile of mixed photos becomes scenes with camera poses.

>>> import scenesort
>>> result = scenesort.run("photos", "out")  # doctest: +SKIP
>>> for scene in result.scenes:  # doctest: +SKIP
...     print(scene.name, len(scene.photos), "photos", len(scene.points_xyz), "points")
"""

from scenesort.config import Options, preset, with_values
from scenesort.errors import ScenesortError
from scenesort.evaluation import Evaluation, score
from scenesort.pipeline import run
from scenesort.results import CollectionResult, RunResult
from scenesort.types import Camera, Photo, PosedPhoto, PosedScene

__version__ = "0.1.0"

__all__ = [
    "Camera",
    "CollectionResult",
    "Evaluation",
    "Options",
    "Photo",
    "PosedPhoto",
    "PosedScene",
    "RunResult",
    "ScenesortError",
    "preset",
    "run",
    "score",
    "with_values",
]
