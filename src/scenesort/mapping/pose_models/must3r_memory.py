"""A scene in MUSt3R's own memory: tokens of the photos kept, and each further photo posed against them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from scenesort import geometry
from scenesort.errors import OptionError
from scenesort.mapping.pose_models.base import PhotoInput, PosePrediction, ScenePrediction
from scenesort.mapping.pose_models.conversion import pose_prediction, to_numpy
from scenesort.mapping.pose_models.loading import Compute
from scenesort.mapping.pose_models.pictures import Picture, cropped, resized, to_tensor, whole

SIDE_PX = 512

_SHORTER_SIDES_PX = {
    224: (224,),
    336: (336,),
    384: (288, 256, 192, 128),
    448: (448,),
    512: (384, 336, 288, 256, 160),
    768: (576, 512, 432, 384, 240),
}
"""The shapes that upstream resizes to, by the longer side."""

_FIRST_PHOTOS = 2
"""So many are looked at together to begin with, as upstream does."""


def must3r_side(side_px: int, member: str) -> int:
    """Return the longer side to see photos at; raises OptionError when upstream has no shapes for it."""
    side = side_px or SIDE_PX
    if side not in _SHORTER_SIDES_PX:
        sides = ", ".join(map(str, _SHORTER_SIDES_PX))
        raise OptionError(f"{member}: side_px = {side} is none of its sides; take one of {sides}")
    return side


def must3r_picture(photo: PhotoInput, side_px: int) -> Picture:
    """Return a photo cropped in the middle to the nearest trained shape and resized to it, by upstream's rule."""
    height, width = photo.image.shape[:2]
    ratios = [side_px / shorter for shorter in _SHORTER_SIDES_PX[side_px]]
    # Upstream compares width over height in both orientations.
    targets = ratios if width >= height else [1 / ratio for ratio in ratios]
    nearest = int(np.argmin([abs(width / height - target) for target in targets]))
    shorter = _SHORTER_SIDES_PX[side_px][nearest]
    target_width, target_height = (side_px, shorter) if width >= height else (shorter, side_px)
    ratio = target_width / target_height
    crop_width, crop_height = width, height
    if width / height < ratio:
        crop_height = max(1, int(width / ratio))
    elif width / height > ratio:
        crop_width = max(1, int(height * ratio))
    left, top = round((width - crop_width) / 2), round((height - crop_height) / 2)
    middle = cropped(whole(photo.image), left, top, crop_width, crop_height)
    return resized(middle, target_width, target_height, Image.Resampling.BILINEAR)


@dataclass(slots=True)
class _Seen:
    """A photo of the scene; `tokens`, `positions`: what the encoder made of it; `sureness` when it was added."""

    photo: PhotoInput
    picture: Picture
    tokens: Any
    positions: Any
    prediction: PosePrediction | None = None
    sureness: float = 0.0


class Must3rScene:
    """The photos of one scene and the memory that the decoder poses them by.

    The first photo is the frame; beyond `most_photos` the memory forgets those that were surest when they came, as they
    brought least that was new. That is upstream's rule for keyframes by mean confidence.
    """

    most_photos: ClassVar[int] = 50

    def __init__(
        self,
        encoder: Any,
        decoder: Any,
        postprocess: Callable[..., dict[str, Any]],
        compute: Compute,
        side_px: int,
        member: str,
    ) -> None:
        self._encoder, self._decoder, self._postprocess = encoder, decoder, postprocess
        self._compute, self._side_px, self._member = compute, side_px, member
        self._seen: list[_Seen] = []
        self._memory: Any = None
        # Which photo each label of the memory's tokens stands for; upstream counts them up.
        self._kept: dict[int, int] = {}

    def add(self, photo: PhotoInput) -> PosePrediction:
        """Take one more photo and return its pose; see OpenScene."""
        self._seen.append(self._encoded(photo))
        number = len(self._seen)
        if number <= _FIRST_PHOTOS:
            self._memory = None
            self._kept = {index: index for index in range(number)}
            new = self._seen
        else:
            self._kept[int(self._memory[2])] = number - 1
            new = self._seen[-1:]
        self._memory, maps = self._decode(new, render=False)
        for seen, pointmaps in zip(new, maps, strict=True):
            seen.prediction = self._prediction(seen, pointmaps)
            seen.sureness = seen.prediction.confidence
        self._forget()
        last = self._seen[-1].prediction
        assert last is not None
        return last

    def finish(self) -> ScenePrediction:
        """Return all photos, each seen again against the whole memory; see OpenScene."""
        predictions = []
        for seen in self._seen:
            _, maps = self._decode([seen], render=True)
            predictions.append(self._prediction(seen, maps[0]))
        return ScenePrediction(tuple(predictions), "metric")

    def _encoded(self, photo: PhotoInput) -> _Seen:
        import torch

        picture = must3r_picture(photo, self._side_px)
        image = to_tensor([picture], (0.5,) * 3, (0.5,) * 3)
        with torch.inference_mode(), self._compute.autocast():
            tokens, positions = self._encoder(image.to(self._compute.device), self._true_shape(picture))
        return _Seen(photo, picture, tokens.cpu(), positions.cpu())

    def _decode(self, photos: Sequence[_Seen], *, render: bool) -> tuple[Any, list[Any]]:
        """New memory, and raw point maps (h, w, channels) of each photo; as lists, as shapes may differ."""
        import torch

        device = self._compute.device
        with torch.inference_mode(), self._compute.autocast():
            memory, maps = self._decoder(
                [seen.tokens[None].to(device) for seen in photos],
                [seen.positions[None].to(device) for seen in photos],
                [self._true_shape(seen.picture)[None] for seen in photos],
                self._memory,
                render=render,
            )
        return memory, [pointmaps[0, 0] for pointmaps in maps]

    def _prediction(self, seen: _Seen, pointmaps: Any) -> PosePrediction:
        import torch

        with torch.inference_mode():
            found = self._postprocess(
                pointmaps[None], pointmaps_activation=self._decoder.pointmaps_activation, compute_cam=True
            )
        pose = geometry.invert(to_numpy(found["c2w"])[0, :3])
        focal_px = float(to_numpy(found["focal"])[0])
        width, height = seen.picture.size_px
        intrinsics = np.array([[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1]])
        # Its confidence is 1 + exp(x): without the 1 it tends to 0 where nothing is known.
        sureness = to_numpy(found["conf"])[0] - 1
        points = to_numpy(found["pts3d"])[0]
        return pose_prediction(seen.photo, seen.picture, pose, intrinsics, points, sureness, self._member)

    def _forget(self) -> None:
        while len(self._kept) > self.most_photos:
            # The first photo is the scene's frame, the last was just added.
            candidates = list(self._kept)[1:-1]
            label = max(candidates, key=lambda known: self._seen[self._kept[known]].sureness)
            del self._kept[label]
            tokens, labels, *rest = self._memory
            keep = labels[0] != label
            self._memory = ([layer[:, keep] for layer in tokens], labels[:, keep], *rest)

    def _true_shape(self, picture: Picture) -> Any:
        import torch

        width, height = picture.size_px
        return torch.tensor([[height, width]], device=self._compute.device)
