"""VGGT (Wang et al., CVPR 2025): all photos of a scene in one pass of alternating attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from PIL import Image

from scenesort import weights
from scenesort.errors import WeightsError
from scenesort.mapping.pose_models.base import OpenScene, PhotoInput, PoseModelOptions, PosePrediction, ScenePrediction
from scenesort.mapping.pose_models.checkpoints import Checkpoint, accepted_licence, fill, find_checkpoint
from scenesort.mapping.pose_models.conversion import pose_prediction, to_numpy, unproject
from scenesort.mapping.pose_models.loading import choose_compute, import_upstream, multiple_of
from scenesort.mapping.pose_models.pictures import Picture, nearest_multiple, padded, resized, to_tensor, whole

PATCH_PX = 14
SIDE_PX = 518
WHITE = 255

_MODELS = ("vggt", "vggt-commercial")
_UNUSED = {"enable_point": False, "enable_track": False}
"""Its authors find points from depth better than those of the point head, and nothing here needs tracks."""

_SIZES = ("img_size", "patch_size", "embed_dim")

# Published for the aggregator in bfloat16 at 518 x 336 (README): 1.88 GB for one photo, 40.63 GB for 200. The network
# itself is kept in float32.
_NETWORK_MB = 4650.0
_PHOTO_MB = 195.0


class Vggt:
    """Poses and intrinsics from the camera head, points from the depth head; in arbitrary scale, near the first photo.

    Photos are seen `side_px` wide, sides rounded to multiples of 14; portrait and mixed shapes are padded with white,
    as its loader does. Principal points are the middle of the photo.
    """

    name: ClassVar[str] = "vggt"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ("vggt",)
    package: ClassVar[str] = "vggt"
    install: ClassVar[str] = (
        "pip install einops huggingface_hub && pip install --no-deps git+https://github.com/facebookresearch/vggt.git"
    )
    upstream: ClassVar[str] = "facebookresearch/vggt@44b3afbd1869d8bde4894dd8ea1e293112dd5eba"
    licence: ClassVar[str] = "CC-BY-NC-4.0"
    commercial: ClassVar[bool] = False
    experimental: ClassVar[bool] = False
    native_memory: ClassVar[bool] = False
    least_photos: ClassVar[int] = 1

    def __init__(self, options: PoseModelOptions, device: str) -> None:
        chosen = options.model or self.weights[0]
        accepted_licence(self, chosen, options)
        self._side_px = multiple_of(options.side_px, PATCH_PX, SIDE_PX, self.name)
        self._compute = choose_compute(self.name, device, options.precision)
        model, self._encoding = import_upstream(
            self.name, self.package, self.install, ("vggt.models.vggt", "vggt.utils.pose_enc")
        )
        checkpoint = find_checkpoint(self.name, chosen, _MODELS)
        self._network = self._load(model, checkpoint).to(self._compute.device)

    @classmethod
    def memory_mb(cls, num_photos: int, side_px: int) -> float:
        """Predict the memory of `predict` from its authors' figures for the aggregator; see PoseModel."""
        return _NETWORK_MB + num_photos * _PHOTO_MB * ((side_px or SIDE_PX) / SIDE_PX) ** 2

    def predict(self, photos: Sequence[PhotoInput]) -> ScenePrediction:
        """Pose photos at once; see PoseModel."""
        import torch

        pictures = self._pictures(photos)
        with torch.inference_mode():
            images = to_tensor(pictures)[None].to(self._compute.device)
            # As in upstream's demo_colmap: mixed precision for the aggregator alone.
            with self._compute.autocast():
                tokens, first_patch = self._network.aggregator(images)
            encoding = self._network.camera_head(tokens)[-1]
            depth, confidence = self._network.depth_head(tokens, images=images, patch_start_idx=first_patch)
            size_hw = tuple(images.shape[-2:])
            poses, intrinsics = self._encoding.pose_encoding_to_extri_intri(encoding, size_hw)
        poses, intrinsics, depth, confidence = (
            to_numpy(tensor)[0] for tensor in (poses, intrinsics, depth, confidence)
        )
        predictions: list[PosePrediction] = []
        for index, (photo, picture) in enumerate(zip(photos, pictures, strict=True)):
            points = unproject(depth[index, ..., 0], intrinsics[index], poses[index])
            # Its confidence is 1 + exp(x): without the 1 it tends to 0 where nothing is known.
            sureness = confidence[index] - 1
            predictions.append(
                pose_prediction(photo, picture, poses[index], intrinsics[index], points, sureness, self.name)
            )
        return ScenePrediction(tuple(predictions), "arbitrary")

    def open_scene(self) -> OpenScene | None:
        """None: VGGT has no memory of its own."""
        return None

    def _pictures(self, photos: Sequence[PhotoInput]) -> list[Picture]:
        fitted = [self._fitted(photo) for photo in photos]
        height_px = max(picture.size_px[1] for picture in fitted)
        return [padded(picture, self._side_px, height_px, WHITE) for picture in fitted]

    def _fitted(self, photo: PhotoInput) -> Picture:
        height, width = photo.image.shape[:2]
        scale = self._side_px / max(width, height)
        fitted_width, fitted_height = (
            min(self._side_px, nearest_multiple(side * scale, PATCH_PX)) for side in (width, height)
        )
        return resized(whole(photo.image), fitted_width, fitted_height, Image.Resampling.BICUBIC)

    def _load(self, model: Any, checkpoint: Checkpoint) -> Any:
        config = checkpoint.config()
        try:
            network = model.VGGT(**{name: config[name] for name in _SIZES if name in config}, **_UNUSED)
        except (TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(f"{self.name}: config.json of {checkpoint.path} fits no VGGT: {error}") from error
        fill(network, weights.read_state(checkpoint.state_file), checkpoint, self.name, ("mask_token",))
        return network.eval()
