"""Fusion: several global descriptors of a photo in one unit vector whose cosine similarity weighs theirs.

Each descriptor is scaled to unit length, projected on principal components, scaled again and weighted; the parts stand
one after the other. The components are each descriptor's own (`independent`) or those of all weighted descriptors
together (`shared`), fitted on the collection at hand (`collection`) or on another one, saved and loaded (`training`):
four variants in all.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenesort.errors import OptionError
from scenesort.retrieval.index_exact import Float16Array
from scenesort.types import Float32Array, FloatArray

VERSION = 1
"""Part of the key of fused descriptors and of the file format: raise it when results change."""

FUSION_FILE = "fusion.npz"
"""Name of the file of a fusion, in a folder of what was learned."""

PCA_KINDS = ("independent", "shared", "none")

FITTED_ON = ("collection", "training")

MAX_FIT_PHOTOS = 20_000
"""Photos that components are fitted on, evenly spread over a larger collection."""

BLOCK_ROWS = 4096
"""Photos projected at once."""

LEAST_VARIANCE = 1e-7
"""Share of the first component's variance below which a component is rounding and is dropped."""

Descriptors = Mapping[str, NDArray[np.floating[Any]]]
"""Descriptors (n, d) of the same photos in the same order, by the name of what made them; any length but zero."""


@dataclass(frozen=True, slots=True)
class FusionOptions:
    """How descriptors are fused.

    `pca`: `independent`, `shared` or `none`. `fitted_on`: `collection` or `training`. `components`: most components of
    each descriptor's own PCA, or of the shared one. `weights`: by the descriptor's name, those not named weigh 1; the
    fused similarity is the weighted mean of the parts' similarities. `least_photos`: a smaller collection is fused
    without PCA where the PCA would be fitted on it, because components of a few photos are those photos.
    """

    pca: str = "independent"
    fitted_on: str = "collection"
    components: int = 512
    weights: tuple[tuple[str, float], ...] = ()
    least_photos: int = 50

    def __post_init__(self) -> None:
        for option, value, known in (("pca", self.pca, PCA_KINDS), ("fitted_on", self.fitted_on, FITTED_ON)):
            if value not in known:
                raise OptionError(f"{option} is '{value}': it can be {', '.join(known)}")
        if self.components < 1:
            raise OptionError(f"components is {self.components}: at least 1")
        for name, weight in self.weights:
            if not (weight > 0 and math.isfinite(weight)):
                raise OptionError(f"the weight of '{name}' is {weight}: weights are above 0; leave a descriptor out")


VARIANTS = {
    f"{pca}-{fitted_on}": FusionOptions(pca=pca, fitted_on=fitted_on)
    for pca in ("independent", "shared")
    for fitted_on in FITTED_ON
}
"""The four variants by name."""


@dataclass(frozen=True, slots=True)
class Projection:
    """Principal components: `mean` (d,) float32 and `basis` (d, c) float32 with orthonormal columns, strongest first.

    Each column's largest number is positive, which fixes its sign.
    """

    mean: Float32Array
    basis: Float32Array


@dataclass(frozen=True, slots=True)
class Fusion:
    """A fitted fusion.

    `names`, `dimensions` and `weights` (which sum to 1) of the descriptors, in the order in which they stand.
    `projections`: one a descriptor (`independent`), one of all (`shared`), none (`none`).
    """

    pca: str
    names: tuple[str, ...]
    dimensions: tuple[int, ...]
    weights: tuple[float, ...]
    projections: tuple[Projection, ...]

    @property
    def dimension(self) -> int:
        """Length of a fused descriptor."""
        if self.projections:
            return sum(projection.basis.shape[1] for projection in self.projections)
        return sum(self.dimensions)


def fit_fusion(descriptors: Descriptors, options: FusionOptions) -> Fusion:
    """Fit the fusion of `options` on descriptors, whether they are the collection at hand or a training set.

    Raises OptionError when descriptors are not of the same photos or hold a row of zeros or nan, or when a weight
    names none of them.
    """
    names = tuple(sorted(descriptors))
    count = _count_photos(descriptors)
    given = dict(options.weights)
    for name in given:
        if name not in descriptors:
            raise OptionError(f"a weight is given for '{name}', which is not among the descriptors: {', '.join(names)}")
    total = sum(given.get(name, 1.0) for name in names)
    plain = Fusion(
        pca="none",
        names=names,
        dimensions=tuple(descriptors[name].shape[1] for name in names),
        weights=tuple(given.get(name, 1.0) / total for name in names),
        projections=(),
    )
    if options.pca == "none" or count < max(options.least_photos, 2):
        return plain
    chosen = np.unique(np.linspace(0, count - 1, min(count, MAX_FIT_PHOTOS)).astype(np.int64))
    sample = {name: descriptors[name][chosen] for name in names}
    if options.pca == "shared":
        fitted = [_fit_projection(_weighted(plain, sample), options.components)]
    else:
        fitted = [_fit_projection(_unit(name, sample[name]), options.components) for name in names]
    if not all(projection.basis.shape[1] for projection in fitted):
        # Photos that are all alike have no components.
        return plain
    return Fusion(options.pca, names, plain.dimensions, plain.weights, tuple(fitted))


def fuse(fusion: Fusion, descriptors: Descriptors) -> Float16Array:
    """Return the fused descriptors (n, `fusion.dimension`) float16 of unit length.

    A photo whose projection is nothing at all, being the mean itself, gets the first component. Raises OptionError for
    descriptors that `fusion` was not fitted for.
    """
    count = _count_photos(descriptors)
    given = tuple(sorted(descriptors)), tuple(descriptors[name].shape[1] for name in sorted(descriptors))
    if given != (fusion.names, fusion.dimensions):
        raise OptionError(
            f"the fusion was fitted for {_listed(fusion.names, fusion.dimensions)}, not for {_listed(*given)}: "
            "fit it on the same descriptors"
        )
    fused = np.empty((count, fusion.dimension), dtype=np.float16)
    for first in range(0, count, BLOCK_ROWS):
        block = {name: descriptors[name][first : first + BLOCK_ROWS] for name in fusion.names}
        if fusion.pca == "independent":
            parts = [
                np.float32(math.sqrt(weight)) * _scaled((_unit(name, block[name]) - projection.mean) @ projection.basis)
                for name, weight, projection in zip(fusion.names, fusion.weights, fusion.projections, strict=True)
            ]
            rows = np.concatenate(parts, axis=1)
        else:
            rows = _weighted(fusion, block)
            for projection in fusion.projections:
                rows = (rows - projection.mean) @ projection.basis
        fused[first : first + BLOCK_ROWS] = _scaled(rows)
    return fused


def fuse_collection(
    descriptors: Descriptors, options: FusionOptions, trained: Fusion | None = None
) -> tuple[Float16Array, Fusion]:
    """Fuse a collection's descriptors as `options` say; returns them with the fusion that was used.

    `trained`: the fusion fitted on a training set, needed with `fitted_on` `training` and left alone otherwise; its
    own weights and components hold. Raises OptionError when it is missing or was fitted in another way.
    """
    if options.fitted_on == "collection":
        fusion = fit_fusion(descriptors, options)
    elif trained is None:
        raise OptionError(
            "fitted_on is 'training' and no fitted fusion is given: fit one on a training set and save it"
        )
    elif trained.pca != options.pca:
        raise OptionError(f"the trained fusion has pca '{trained.pca}', and '{options.pca}' is asked for")
    else:
        fusion = trained
    return fuse(fusion, descriptors), fusion


def save_fusion(fusion: Fusion, path: Path) -> None:
    """Write a fusion to an `.npz` file."""
    arrays: dict[str, NDArray[Any]] = {
        "version": np.array(VERSION),
        "pca": np.array(fusion.pca),
        "names": np.array(fusion.names),
        "dimensions": np.array(fusion.dimensions),
        "weights": np.array(fusion.weights),
    }
    for number, projection in enumerate(fusion.projections):
        arrays[f"mean_{number}"], arrays[f"basis_{number}"] = projection.mean, projection.basis
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_fusion(path: Path) -> Fusion:
    """Read what `save_fusion` wrote; raises OptionError for any other file."""
    try:
        with np.load(path, allow_pickle=False) as held:
            if int(held["version"]) != VERSION:
                raise OptionError(f"{path} holds a fusion of another version: fit it again")
            pca = str(held["pca"])
            count = {"independent": len(held["names"]), "shared": 1}.get(pca, 0)
            return Fusion(
                pca=pca,
                names=tuple(str(name) for name in held["names"]),
                dimensions=tuple(int(dimension) for dimension in held["dimensions"]),
                weights=tuple(float(weight) for weight in held["weights"]),
                projections=tuple(Projection(held[f"mean_{n}"], held[f"basis_{n}"]) for n in range(count)),
            )
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise OptionError(f"{path} holds no fitted fusion that can be read ({error}): fit one and save it") from error


def _fit_projection(rows: Float32Array, components: int) -> Projection:
    """Principal components of rows (n, d), through the smaller of their two Gram matrices."""
    mean = rows.mean(axis=0, dtype=np.float64)
    centred: FloatArray = rows - mean
    if len(rows) > rows.shape[1]:
        variance, basis = np.linalg.eigh(centred.T @ centred)
    else:
        variance, left = np.linalg.eigh(centred @ centred.T)
        basis = centred.T @ (left / np.sqrt(np.maximum(variance, 1e-300)))
    variance, basis = variance[::-1], basis[:, ::-1]
    # Unit rows of n photos have a variance of up to n: rounding of float32 stays far below this bound.
    keep = (variance > LEAST_VARIANCE * max(float(variance[0]), 1e-3))[:components]
    basis = basis[:, :components][:, keep]
    sign = np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(basis.shape[1])])
    return Projection(mean.astype(np.float32), (basis * sign).astype(np.float32))


def _weighted(fusion: Fusion, descriptors: Descriptors) -> Float32Array:
    parts = [
        np.float32(math.sqrt(weight)) * _unit(name, descriptors[name])
        for name, weight in zip(fusion.names, fusion.weights, strict=True)
    ]
    return np.concatenate(parts, axis=1)


def _unit(name: str, descriptors: NDArray[np.floating[Any]]) -> Float32Array:
    rows = descriptors.astype(np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise OptionError(f"descriptors '{name}' hold a photo of zeros, inf or nan: describe the photos again")
    unit: Float32Array = rows / lengths
    return unit


def _scaled(rows: NDArray[np.floating[Any]]) -> Float32Array:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    first = np.zeros(rows.shape[1], dtype=np.float32)
    first[:1] = 1
    scaled: Float32Array = np.where(lengths > 1e-12, rows / np.maximum(lengths, np.float32(1e-12)), first)
    return scaled.astype(np.float32)


def _count_photos(descriptors: Descriptors) -> int:
    if not descriptors:
        raise OptionError("there are no descriptors to fuse: name at least one")
    counts = {name: len(rows) for name, rows in descriptors.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        raise OptionError(f"descriptors to fuse are of different numbers of photos: {listed}")
    return next(iter(counts.values()))


def _listed(names: tuple[str, ...], dimensions: tuple[int, ...]) -> str:
    return ", ".join(f"{name} ({dimension})" for name, dimension in zip(names, dimensions, strict=True))
