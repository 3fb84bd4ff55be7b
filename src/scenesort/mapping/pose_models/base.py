"""What a pose model is: photos of one scene in, poses, intrinsics, confidences and point maps out, in one pass.

Feed-forward models (DUSt3R, MASt3R, MUSt3R, VGGT, Pi3, Depth-Anything-3) and the `oracle` of the tests all speak this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from scenesort.plugins import load_member
from scenesort.types import Camera, Float32Array, FloatArray, ImageArray

GROUP = "scenesort.pose_models"

Scale = Literal["metric", "arbitrary"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


@dataclass(frozen=True, slots=True)
class PhotoInput:
    """A photo as a pose model sees it.

    `image`: (h, w, 3) uint8 RGB of the photo's frame at full size. `camera`: what is known of its intrinsics;
    `camera.has_focal_prior` says whether more than a guess. `taken_at_s`: seconds since 1970, None where unknown, for
    models that use continuity of motion.
    """

    name: str
    image: ImageArray
    camera: Camera
    taken_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class PointMap:
    """For each cell of a grid over the photo, the point that it shows.

    `points_xyz`: (h, w, 3) float32 in the frame and units of the prediction's poses. `confidence`: (h, w) float32, at
    least 0, higher is surer; 0 where there is no point. `frame_from_grid`: (2, 3) float64, takes a cell's centre
    (column + 0.5, row + 0.5, 1) to the photo's frame in pixels.
    """

    points_xyz: Float32Array
    confidence: Float32Array
    frame_from_grid: FloatArray


@dataclass(frozen=True, slots=True)
class PosePrediction:
    """What a model says of one photo.

    `cam_from_world`: (3, 4) float64, OpenCV axes. `camera`: predicted intrinsics in pixels of the photo's frame at full
    size. `confidence`: at least 0, higher is surer; comparable between photos of one model, not between models.
    """

    name: str
    cam_from_world: FloatArray
    camera: Camera
    confidence: float
    point_map: PointMap | None = None


@dataclass(frozen=True, slots=True)
class ScenePrediction:
    """What a model says of some photos of one scene, all in one frame, in the order they were given.

    `scale`: `metric` where a unit is meant to be a metre, else `arbitrary`. Nothing is promised about the frame but
    that all photos share it.
    """

    photos: tuple[PosePrediction, ...]
    scale: Scale


@dataclass(frozen=True, slots=True)
class PoseModelOptions:
    """How a model runs.

    `model`: a name of the weights registry, a hub name, or the path of a folder or file; empty for the member's own.
    `side_px`: longer side of the picture that the model sees, 0 for the member's own. `precision`: numbers that it
    computes with; `auto` is bfloat16 on a GPU that has it, float16 on older ones and float32 on the CPU.
    `accept_licence`: whether the user has accepted a licence that forbids commercial use.
    """

    model: str = ""
    side_px: int = 0
    precision: Precision = "auto"
    accept_licence: bool = False
    seed: int = 0


class OpenScene(Protocol):
    """A scene under way: photos come one by one, and each gets a pose from what the scene remembers of the others."""

    def add(self, photo: PhotoInput) -> PosePrediction:
        """Take one more photo and return its pose in the scene's frame."""
        ...

    def finish(self) -> ScenePrediction:
        """Return all photos in the order they came, with the last word on each."""
        ...


@runtime_checkable
class PoseModel(Protocol):
    """A feed-forward model of poses.

    `version` changes whenever the output for the same input changes. `weights` names entries of the weights registry
    that it loads unless the options name another model. `package` is the upstream package that must be importable,
    `install` how a user gets it, `upstream` the repository and commit that the adapter was read from; `experimental`
    marks adapters that were only read, never run on upstream's code. `native_memory` says that `open_scene` uses the
    model's own memory, so that a scene of any length need not be cut into windows.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    weights: ClassVar[tuple[str, ...]]
    package: ClassVar[str]
    install: ClassVar[str]
    upstream: ClassVar[str]
    licence: ClassVar[str]
    commercial: ClassVar[bool]
    experimental: ClassVar[bool]
    native_memory: ClassVar[bool]
    least_photos: ClassVar[int]

    def __init__(self, options: PoseModelOptions, device: str) -> None:
        """Load the model once; raises MissingDependencyError, WeightsError or OptionError with what to do."""

    @classmethod
    def memory_mb(cls, num_photos: int, side_px: int) -> float:
        """Predict the memory that `predict` takes at its peak for so many photos at once, the weights included."""
        ...

    def predict(self, photos: Sequence[PhotoInput]) -> ScenePrediction:
        """Pose photos of one scene at once. Raises OutOfMemoryError (of torch) or MemoryError when it doesn't fit."""
        ...

    def open_scene(self) -> OpenScene | None:
        """Begin a scene that photos are added to; None for models without a memory of their own."""
        ...


def load(name: str) -> type[PoseModel]:
    """Return the class registered as `name`; raises OptionError or MissingDependencyError."""
    member: Any = load_member(GROUP, name)
    return member  # type: ignore[no-any-return]
