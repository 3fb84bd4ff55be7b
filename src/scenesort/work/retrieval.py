"""Global descriptors of photos, what is proposed from them, and proposed pairs screened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from scenesort import photos, retrieval
from scenesort.execution import own_device
from scenesort.retrieval import clustering, global_descriptors
from scenesort.retrieval.global_descriptors import GlobalDescriptorOptions
from scenesort.retrieval.index import DescriptorIndex
from scenesort.retrieval.index_exact import Float16Array, RowArray
from scenesort.types import Features, Float32Array, Photo
from scenesort.work.loading import load, load_features


@dataclass(frozen=True, slots=True)
class DescribeJob:
    """Describe one photo by its pixels with a member of the global descriptors."""

    photo: Photo
    member: str
    options: GlobalDescriptorOptions
    max_side_px: int
    device: str


@dataclass(frozen=True, slots=True)
class Described:
    """A photo's global descriptor (d,) float16 of unit length or zero, and what a model said of it, if it did."""

    vector: Float16Array
    caption: tuple[str, ...] = ()


def describe(job: DescribeJob) -> Described:
    """Decode the photo upright and describe it."""
    image, _ = photos.load_upright(job.photo, job.max_side_px)
    member = _descriptor_member(job.member, job.options, job.device)
    if isinstance(member, global_descriptors.CaptionMember):
        caption = member.caption(image)
        return Described(global_descriptors.stored(member.embed(caption)), caption.answers)
    return Described(global_descriptors.stored(member.describe(image)))


@dataclass(frozen=True, slots=True)
class CodebookJob:
    """Learn a codebook from the features of some photos, given by their keys."""

    store: Path
    member: str
    options: GlobalDescriptorOptions
    samples: tuple[str, ...]
    seed: int


def learn_codebook(job: CodebookJob) -> Any:
    """Return the codebook, or None where no photo has features."""
    samples = _LazyFeatures(job.store, job.samples)
    if not any(len(features) for features in samples):
        return None
    return _descriptor_member(job.member, job.options, "cpu").fit(samples, job.seed)


@dataclass(frozen=True, slots=True)
class AggregateJob:
    """Describe a block of photos by their features, given by their keys, in terms of a codebook."""

    store: Path
    member: str
    options: GlobalDescriptorOptions
    features: tuple[str, ...]
    codebook: Any


def aggregate(job: AggregateJob) -> Float16Array:
    """Return the descriptors (photos, d) float16 of a block, zeros for photos without features."""
    if job.codebook is None:
        return np.zeros((len(job.features), 1), dtype=np.float16)
    member = _descriptor_member(job.member, job.options, "cpu")
    described = [member.describe(features, job.codebook) for features in _LazyFeatures(job.store, job.features)]
    return global_descriptors.stored(np.stack(described))


@dataclass(frozen=True, slots=True)
class StoredDescriptors:
    """Where the descriptors of all photos by one member lie: keys of blocks in order, and how many photos each has.

    A key is empty where describing failed or came too late.
    """

    member: str
    blocks: tuple[str, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SearchJob:
    """Propose pairs from stored descriptors; `fusion_file` holds a fusion fitted elsewhere, None fits one here.

    `rows`: (m,) int64, the photos that are searched, by themselves; None for all.
    """

    store: Path
    descriptors: tuple[StoredDescriptors, ...]
    options: retrieval.SearchOptions
    fusion_file: Path | None = None
    rows: RowArray | None = None


def search(job: SearchJob) -> retrieval.Proposals:
    """Search the descriptors; see retrieval.search."""
    trained = retrieval.load_fusion(job.fusion_file) if job.fusion_file else None
    descriptors = load_descriptors(job.store, job.descriptors)
    if job.rows is None:
        return retrieval.search(descriptors, job.options, trained)
    chosen = {name: held[job.rows] for name, held in descriptors.items()}
    return retrieval.renumbered(retrieval.search(chosen, job.options, trained), job.rows)


@dataclass(frozen=True, slots=True)
class ClusterJob:
    """Cluster photos by their stored descriptors, fused; `neighbours` of each photo are given to the member."""

    store: Path
    descriptors: tuple[StoredDescriptors, ...]
    member: str
    options: clustering.ClusteringOptions
    fusion: retrieval.FusionOptions
    fusion_file: Path | None
    neighbours: int
    seed: int


def cluster(job: ClusterJob) -> clustering.Clusters:
    """Cluster the photos; those without a descriptor are in no cluster."""
    trained = retrieval.load_fusion(job.fusion_file) if job.fusion_file else None
    rows = retrieval.fused(load_descriptors(job.store, job.descriptors), job.fusion, trained)
    known = np.flatnonzero(np.any(rows, axis=1))
    index = DescriptorIndex.in_memory(rows.shape[1])
    index.add(rows[known])
    member = clustering.load(job.member)(job.options)
    found = member.cluster(rows[known], index.neighbours(job.neighbours), job.seed)
    labels, confidence = np.full(len(rows), -1, dtype=np.int64), np.zeros(len(rows), dtype=np.float32)
    labels[known], confidence[known] = found.labels, found.confidence
    return clustering.Clusters(labels, confidence)


def load_descriptors(store: Path, stored: Sequence[StoredDescriptors]) -> dict[str, Float16Array]:
    """Load the descriptors (n, d) of each member by name; zeros where there are none."""
    loaded: dict[str, Float16Array] = {}
    for found in stored:
        rows = [
            load(store, "descriptors", block)[0]["descriptors"] if block else np.zeros((size, 1), dtype=np.float16)
            for block, size in zip(found.blocks, found.sizes, strict=True)
        ]
        dimension = max((block.shape[1] for block in rows), default=1)
        loaded[found.member] = np.concatenate(
            [
                block if block.shape[1] == dimension else np.zeros((len(block), dimension), dtype=np.float16)
                for block in [np.zeros((0, dimension), dtype=np.float16), *rows]
            ]
        )
    return loaded


@dataclass(frozen=True, slots=True)
class ScreenJob:
    """Score pairs (m, 2) of the photos whose features have the keys `photos`."""

    store: Path
    photos: tuple[str, ...]
    pairs: RowArray
    keypoints: int


def screen(job: ScreenJob) -> Float32Array:
    """Score a block of pairs, (m,) float32; see retrieval.screen."""
    described = [retrieval.screen_descriptors(load_features(job.store, key), job.keypoints) for key in job.photos]
    return retrieval.screen(described, job.pairs)


class _LazyFeatures(Sequence[Features]):
    """Features of many photos, of which few are in memory."""

    def __init__(self, store: Path, keys: Sequence[str]) -> None:
        self._store, self._keys = store, keys

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return _LazyFeatures(self._store, self._keys[index])
        return load_features(self._store, self._keys[index])

    def __iter__(self) -> Iterator[Features]:
        return (load_features(self._store, key) for key in self._keys)


@lru_cache(maxsize=4)
def _descriptor_member(name: str, options: GlobalDescriptorOptions, device: str) -> Any:
    return global_descriptors.load(name)(options, own_device(device))
