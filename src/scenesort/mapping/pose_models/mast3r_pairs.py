"""Pairs of photos for MASt3R: which, and their inference in batches, each photo encoded once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scenesort.mapping.pose_models.base import PhotoInput
from scenesort.mapping.pose_models.loading import Compute
from scenesort.mapping.pose_models.pictures import Picture, cropped, resized, whole
from scenesort.types import FloatArray

PATCH_PX = 16
SIDE_PX = 512

ALL_PAIRS_PHOTOS = 20
"""Up to so many photos are compared each with each."""

NEIGHBOURS = 12
"""Beyond, with so many of the most alike."""

BATCH_PAIRS = 4
SUBSAMPLE = 8
"""Upstream's own spacing of points that are matched."""


def mast3r_picture(photo: PhotoInput, side_px: int) -> Picture:
    """Return a photo with its longer side `side_px`, cropped in the middle to multiples of 16, square ones to 4:3.

    As upstream's loader, whose networks never saw square pictures at 512 pixels.
    """
    height, width = photo.image.shape[:2]
    longer = max(width, height)
    sides = tuple(max(PATCH_PX, round(side * side_px / longer)) for side in (width, height))
    method = Image.Resampling.LANCZOS if longer > side_px else Image.Resampling.BICUBIC
    picture = resized(whole(photo.image), sides[0], sides[1], method)
    half_width, half_height = ((2 * (side // 2)) // PATCH_PX * PATCH_PX // 2 for side in sides)
    if sides[0] == sides[1]:
        half_height = max(1, round(3 * half_width / 4 / (PATCH_PX // 2))) * (PATCH_PX // 2)
    left, top = sides[0] // 2 - half_width, sides[1] // 2 - half_height
    return cropped(picture, left, top, 2 * half_width, 2 * half_height)


def choose_pairs(likenesses: FloatArray) -> list[tuple[int, int]]:
    """Return pairs (smaller index first, sorted) of photos by how alike they are, (n, n) symmetric.

    All of few photos; of many, each with its most alike ones, and a spanning tree of most alike pairs, so that all hang
    together.
    """
    count = len(likenesses)
    if count <= ALL_PAIRS_PHOTOS:
        return list(itertools.combinations(range(count), 2))
    pairs: set[tuple[int, int]] = set()
    for index in range(count):
        order = [int(other) for other in np.argsort(-likenesses[index], kind="stable") if other != index]
        pairs |= {(min(index, other), max(index, other)) for other in order[:NEIGHBOURS]}
    joined = {0}
    while len(joined) < count:
        inside, outside = sorted(joined), sorted(set(range(count)) - joined)
        block = likenesses[np.ix_(inside, outside)]
        row, column = divmod(int(np.argmax(block)), len(outside))
        pairs.add((min(inside[row], outside[column]), max(inside[row], outside[column])))
        joined.add(outside[column])
    return sorted(pairs)


def likeness(features: Sequence[Encoded]) -> FloatArray:
    """Return the cosine (n, n) between the mean tokens of photos, after taking off what all have in common."""
    means = np.stack([encoded.tokens.float().mean(dim=(0, 1)).numpy() for encoded in features]).astype(np.float64)
    centred = means - means.mean(axis=0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    cosines: FloatArray = unit @ unit.T
    return cosines


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder made of a photo: tokens (1, t, d), positions (1, t, 2), shape (1, 2) of height and width."""

    tokens: Any
    positions: Any
    true_shape: Any

    @property
    def size_hw(self) -> tuple[int, ...]:
        """Height and width of the picture."""
        return tuple(self.true_shape[0].tolist())


class PairInference:
    """Point maps and matches of pairs, written where the alignment looks for what it has already.

    Upstream runs pair by pair and encodes a photo once a pair; what is written is the same up to rounding. Were its
    names for the files to change, the alignment would not find them and compute them itself.
    """

    def __init__(self, network: Any, alignment: Any, compute: Compute, folder: str) -> None:
        self._network, self._alignment, self._compute, self._folder = network, alignment, compute, Path(folder)

    def encode(self, views: Sequence[dict[str, Any]]) -> list[Encoded]:
        """Run the encoder once a photo; what it gives is kept on the CPU."""
        import torch

        found = []
        for view in views:
            shape = torch.from_numpy(view["true_shape"])
            with torch.inference_mode(), self._compute.autocast():
                tokens, positions, _ = self._network._encode_image(view["img"].to(self._compute.device), shape)
            found.append(Encoded(tokens.cpu(), positions.cpu(), shape))
        return found

    def write(self, features: Sequence[Encoded], pairs: Sequence[tuple[int, int]]) -> None:
        """Decode pairs in batches of equal shapes and write their point maps and matches."""
        for batch in _batches(features, pairs):
            first = [features[pair[0]] for pair in batch]
            second = [features[pair[1]] for pair in batch]
            seen_by_first = self._decode(first, second)
            seen_by_second = self._decode(second, first)
            for index, pair in enumerate(batch):
                parts = [
                    {key: values[index] for key, values in result.items()}
                    for result in (*seen_by_first, *seen_by_second)
                ]
                self._write_pair(pair, parts)

    def _decode(self, first: Sequence[Encoded], second: Sequence[Encoded]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Both photos' maps in the frames of the first ones."""
        import torch

        device = self._compute.device
        tokens1, positions1, shape1 = _joined(first, device)
        tokens2, positions2, shape2 = _joined(second, device)
        with torch.inference_mode():
            with self._compute.autocast():
                decoded1, decoded2 = self._network._decoder(tokens1, positions1, tokens2, positions2)
            # The heads want full precision.
            own = self._network._downstream_head(1, [layer.float() for layer in decoded1], shape1)
            other = self._network._downstream_head(2, [layer.float() for layer in decoded2], shape2)
        return own, other

    def _write_pair(self, pair: tuple[int, int], parts: Sequence[dict[str, Any]]) -> None:
        import torch

        own1, other2, own2, other1 = parts
        codes = [self._alignment.hash_md5(str(index)) for index in pair]
        device = self._compute.device
        with torch.inference_mode():
            matches = self._alignment.extract_correspondences(
                [part["desc"] for part in parts],
                [part["desc_conf"] for part in parts],
                device=device,
                subsample=SUBSAMPLE,
            )
            means = [float(part["conf"].mean()) for part in parts]
        score = (float(np.prod(means)) ** 0.25, float(matches[2].sum()), len(matches[2]))
        self._save(
            (own1["pts3d"], own1["conf"], other2["pts3d"], other2["conf"]), "forward", codes[0], f"{codes[1]}.pth"
        )
        self._save(
            (own2["pts3d"], own2["conf"], other1["pts3d"], other1["conf"]), "forward", codes[1], f"{codes[0]}.pth"
        )
        group = f"corres_conf=desc_conf_subsample={SUBSAMPLE}"
        self._save((score, matches), group, f"{codes[0]}-{codes[1]}.pth")

    def _save(self, content: Any, *parts: str) -> None:
        import torch

        path = self._folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(self._alignment.to_cpu(content), path)


def _joined(features: Sequence[Encoded], device: Any) -> tuple[Any, Any, Any]:
    import torch

    return (
        torch.cat([encoded.tokens for encoded in features]).to(device),
        torch.cat([encoded.positions for encoded in features]).to(device),
        torch.cat([encoded.true_shape for encoded in features]),
    )


def _batches(features: Sequence[Encoded], pairs: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Pairs whose first photos have one shape, and whose second ones do, a few at a time."""
    groups: dict[Any, list[tuple[int, int]]] = {}
    for pair in pairs:
        groups.setdefault(tuple(features[index].size_hw for index in pair), []).append(pair)
    for group in groups.values():
        for start in range(0, len(group), BATCH_PAIRS):
            yield group[start : start + BATCH_PAIRS]
