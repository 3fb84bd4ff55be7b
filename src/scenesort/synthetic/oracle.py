"""A pose model without training: it knows the truth of rendered photos and spoils it by as much as it is asked to.

It stands for models such as MASt3R or VGGT where the way around them is tested and measured: windows, joins,
refinement, the mixed backend. Its `model` is a folder as `make_collection` writes it, with an `oracle.toml` of
`OracleNoise` if the answers are not to be exact.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np

from scenesort import geometry
from scenesort.errors import OptionError, WeightsError
from scenesort.geometry import Similarity
from scenesort.mapping.pose_models.base import (
    OpenScene,
    PhotoInput,
    PointMap,
    PoseModelOptions,
    PosePrediction,
    ScenePrediction,
)
from scenesort.synthetic.cameras import grid_camera, pixel_rays
from scenesort.synthetic.truth import TrueView, check_truth, read_truth
from scenesort.types import FloatArray

NOISE_FILE = "oracle.toml"
MULTIPLIER_SPREAD = 0.3
"""Photos are spoilt unequally: the logarithm of the factor on a photo's noise has this standard deviation."""
OUTLIER_FACTOR = 10.0
"""An outlier's confidence is as low as that of a photo with so much more noise."""

_BASE_MB, _PHOTO_MB = 50.0, 4.0


@dataclass(frozen=True, slots=True)
class OracleNoise:
    """How far from the truth the answers are. Standard deviations, for a photo of median confidence.

    `rotation_deg`: angle of a rotation about a random axis. `translation`: distance of the centre from its place, as a
    share of the scene's size, which is the median depth of what the photos show. `focal`: share of the focal length.
    `points`: share of a point's depth; half of its variance is common to a photo, half is each cell's own.
    `drift_deg`, `drift`: the frame turns and moves by so much with each further photo of a call, all in one direction
    that the call draws (degrees, share of the scene's size). `outliers`: share of photos whose pose is wrong
    altogether. `random_frame`: whether each call has a frame and scale of its own (scale exp(-1.5) … exp(1.5)).
    `fits_photos`: with more photos at once memory runs out; 0 for never.
    """

    rotation_deg: float = 0.0
    translation: float = 0.0
    focal: float = 0.0
    points: float = 0.0
    drift_deg: float = 0.0
    drift: float = 0.0
    outliers: float = 0.0
    random_frame: bool = True
    fits_photos: int = 0


class Oracle:
    """Poses, cameras and point maps of rendered photos, from their truth; see the module's text."""

    name: ClassVar[str] = "oracle"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ()
    package: ClassVar[str] = "scenesort"
    install: ClassVar[str] = "pip install scenesort"
    upstream: ClassVar[str] = "scenesort"
    licence: ClassVar[str] = "Apache-2.0"
    commercial: ClassVar[bool] = True
    experimental: ClassVar[bool] = False
    native_memory: ClassVar[bool] = False
    least_photos: ClassVar[int] = 1

    def __init__(self, options: PoseModelOptions, device: str) -> None:
        folder = self.check_model(options.model)
        self._views, self._noise, self._seed = read_truth(folder), read_noise(folder / NOISE_FILE), options.seed

    @classmethod
    def from_truth(cls, views: Mapping[str, TrueView], noise: OracleNoise, seed: int = 0) -> Oracle:
        """Make an oracle of photos by name, without a folder."""
        made = cls.__new__(cls)
        made._views, made._noise, made._seed = dict(views), noise, seed
        return made

    @classmethod
    def check_model(cls, model: str) -> Path:
        """Return the folder that a model's name means; raises WeightsError when it isn't one."""
        folder = Path(model).expanduser()
        if not model or not folder.is_dir():
            problem = f"'{model}' is no folder" if model else "it has no truth of its own"
            raise WeightsError(
                f"{cls.name}: {problem}; set pose_models.model to the folder that make_collection of "
                "scenesort.synthetic wrote"
            )
        check_truth(folder)
        return folder

    @classmethod
    def memory_mb(cls, num_photos: int, side_px: int) -> float:
        """Predict the memory of `predict`; see PoseModel."""
        return _BASE_MB + _PHOTO_MB * num_photos

    def predict(self, photos: Sequence[PhotoInput]) -> ScenePrediction:
        """Pose photos at once; see PoseModel. The same photos in the same order get the same answer."""
        names = [photo.name for photo in photos]
        call = _Call(self._views, self._noise, self._seed, names)
        return ScenePrediction(tuple(call.pose(name, row) for row, name in enumerate(names)), "arbitrary")

    def open_scene(self) -> OpenScene | None:
        """Begin a scene that photos are added to, all in the frame of the first."""
        return _OracleScene(self._views, self._noise, self._seed)


class IncrementalOracle(Oracle):
    """The oracle as a model with a memory of its own, which takes the photos of a scene one by one."""

    name: ClassVar[str] = "oracle-incremental"
    native_memory: ClassVar[bool] = True


class _OracleScene:
    """Photos under way; noise and frame are those of a call that began with the first photo."""

    def __init__(self, views: Mapping[str, TrueView], noise: OracleNoise, seed: int) -> None:
        self._views, self._noise, self._seed = views, noise, seed
        self._call: _Call | None = None
        self._photos: list[PosePrediction] = []

    def add(self, photo: PhotoInput) -> PosePrediction:
        if self._call is None:
            self._call = _Call(self._views, self._noise, self._seed, [photo.name])
        self._call.check_room(len(self._photos) + 1)
        self._photos.append(self._call.pose(photo.name, len(self._photos)))
        return self._photos[-1]

    def finish(self) -> ScenePrediction:
        return ScenePrediction(tuple(self._photos), "arbitrary")


class _Call:
    """One answer: a frame, a direction of drift, and noise drawn from seed and photos."""

    def __init__(self, views: Mapping[str, TrueView], noise: OracleNoise, seed: int, names: Sequence[str]) -> None:
        self._views, self._noise = views, noise
        self.check_room(len(names))
        strangers = [name for name in names if name not in views]
        if strangers:
            raise WeightsError(
                f"oracle: it knows nothing of photo '{strangers[0]}'; set pose_models.model to the folder of the "
                "collection that the photo is from"
            )
        digest = hashlib.sha256("\n".join(names).encode()).digest()
        self._rng = np.random.default_rng([seed, *np.frombuffer(digest[:16], np.uint32).tolist()])
        depths = [_median_depth(views[name]) for name in names]
        self._size = float(np.median(depths))
        self._origin = geometry.center_in_world(views[names[0]].cam_from_world)
        self._axis, self._direction = _unit(self._rng), _unit(self._rng)
        self._frame = Similarity(1.0, np.eye(3), np.zeros(3))
        if noise.random_frame:
            scale = float(np.exp(self._rng.uniform(-1.5, 1.5)))
            turned = _rotation(_unit(self._rng) * self._rng.uniform(0, np.pi))
            self._frame = Similarity(scale, turned, self._rng.normal(0, self._size * scale, 3))

    def check_room(self, num_photos: int) -> None:
        if 0 < self._noise.fits_photos < num_photos:
            raise MemoryError(f"oracle: {num_photos} photos don't fit")

    def pose(self, name: str, row: int) -> PosePrediction:
        """The answer for the photo that is the call's number `row`."""
        if name not in self._views:
            raise WeightsError(f"oracle: it knows nothing of photo '{name}'; set pose_models.model to its folder")
        view, noise, rng = self._views[name], self._noise, self._rng
        factor = float(np.exp(rng.normal(0, MULTIPLIER_SPREAD)))
        turn, shift = rng.normal(0, 1, 3) / np.sqrt(3), rng.normal(0, 1, 3) / np.sqrt(3)
        focal_noise, is_outlier = rng.normal(), rng.random() < noise.outliers
        wild_turn, wild_shift = _unit(rng) * rng.uniform(0.5, np.pi), rng.normal(0, self._size, 3)
        truth = view.cam_from_world
        if not np.isfinite(truth).all():
            # A photo of no scene: a model gives it some pose all the same.
            truth, is_outlier = np.column_stack([np.eye(3), -self._origin]), True
        drifted = _drifted(truth, self._origin, self._axis * row * np.radians(noise.drift_deg))
        center = geometry.center_in_world(drifted) + row * noise.drift * self._size * self._direction
        center = center + factor * noise.translation * self._size * shift
        rotation = _rotation(factor * np.radians(noise.rotation_deg) * turn) @ drifted[:, :3]
        if is_outlier:
            rotation, center, factor = _rotation(wild_turn) @ rotation, center + wild_shift, OUTLIER_FACTOR * factor
        exact = np.column_stack([rotation, -rotation @ center])
        focal, *rest = view.camera.params
        # Focal lengths stay above 0 however large the noise is.
        camera = dataclasses.replace(
            view.camera, params=(focal * float(np.exp(noise.focal * focal_noise)), *rest), has_focal_prior=False
        )
        point_map = self._point_map(view, exact, factor)
        return PosePrediction(name, self._frame.apply_to_poses(exact), camera, 1.0 / factor, point_map)

    def _point_map(self, view: TrueView, cam_from_world: FloatArray, factor: float) -> PointMap:
        rng, share = self._rng, self._noise.points / np.sqrt(2)
        rays_x, rays_y = pixel_rays(grid_camera(view.camera, view.cell_px), 1)
        cell_factor = np.exp(rng.normal(0, MULTIPLIER_SPREAD, view.depth_m.shape))
        off = factor * share * rng.normal() + cell_factor * share * rng.normal(size=view.depth_m.shape)
        known = np.isfinite(view.depth_m)
        depth = np.where(known, view.depth_m, 1.0) * np.exp(off)
        local = np.stack([rays_x * depth, rays_y * depth, depth], axis=-1)
        world = geometry.transform_points(geometry.invert(cam_from_world), local.reshape(-1, 3))
        points = self._frame.apply_to_points(world).reshape(local.shape).astype(np.float32)
        confidence = np.where(known, 1.0 / (factor * cell_factor), 0.0).astype(np.float32)
        return PointMap(points, confidence, np.array([[view.cell_px, 0.0, 0.0], [0.0, view.cell_px, 0.0]]))


def read_noise(path: Path) -> OracleNoise:
    """Read a TOML file of `OracleNoise`; none means exact answers. Raises OptionError."""
    if not path.is_file():
        return OracleNoise()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OptionError(f"oracle: {path} can't be read: {error}") from error
    known = {field.name: field.default for field in dataclasses.fields(OracleNoise)}
    for name, value in values.items():
        if name not in known:
            raise OptionError(f"oracle: {path} sets '{name}'; it may set {', '.join(known)}")
        is_right = type(value) is bool if type(known[name]) is bool else type(value) in (int, float) and value >= 0
        if not is_right:
            raise OptionError(f"oracle: {path} sets {name} = {value!r}; give a value like {known[name]!r}")
    return OracleNoise(**values)


def _median_depth(view: TrueView) -> float:
    known = view.depth_m[np.isfinite(view.depth_m)]
    return float(np.median(known)) if known.size else 1.0


def _drifted(cam_from_world: FloatArray, origin: FloatArray, turn: FloatArray) -> FloatArray:
    """The pose after the world was turned by a rotation vector (3,) about `origin`."""
    rotation = _rotation(turn)
    world_from_turned = np.column_stack([rotation.T, origin - rotation.T @ origin])
    return geometry.compose(cam_from_world, world_from_turned)


def _rotation(vector: FloatArray) -> FloatArray:
    """The rotation (3, 3) by a rotation vector (3,) in radians."""
    return np.asarray(cv2.Rodrigues(np.asarray(vector, dtype=np.float64))[0], dtype=np.float64)


def _unit(rng: np.random.Generator) -> FloatArray:
    vector = rng.normal(size=3)
    unit: FloatArray = vector / np.linalg.norm(vector)
    return unit
