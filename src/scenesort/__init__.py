"""scenesort: a pile of mixed photos becomes scenes with camera poses.

>>> import scenesort
>>> result = scenesort.run("photos", "out")  # doctest: +SKIP
>>> for scene in result.scenes:  # doctest: +SKIP
...     print(scene.name, len(scene.photos), "photos", len(scene.points_xyz), "points")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenesort.config import Options, preset, with_values
    from scenesort.errors import ScenesortError
    from scenesort.evaluation import Evaluation, score
    from scenesort.loading import load
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
    "load",
    "preset",
    "run",
    "score",
    "with_values",
]

_HOMES = {
    "config": ("Options", "preset", "with_values"),
    "errors": ("ScenesortError",),
    "evaluation": ("Evaluation", "score"),
    "loading": ("load",),
    "pipeline": ("run",),
    "results": ("CollectionResult", "RunResult"),
    "types": ("Camera", "Photo", "PosedPhoto", "PosedScene"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    # Lazy (PEP 562): a worker process imports what its stage needs, not the whole house.
    if name not in _HOME_OF:
        raise AttributeError(f"module 'scenesort' has no attribute '{name}'")
    return getattr(import_module(f"scenesort.{_HOME_OF[name]}"), name)
