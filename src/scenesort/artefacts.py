"""Between the stages' values and the named arrays that artefacts are made of."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenesort.retrieval import Proposals
from scenesort.types import Camera, Features, IndexArray, PosedPhoto, PosedScene, TwoViewGeometry

Arrays = dict[str, NDArray[Any]]
Meta = dict[str, Any]


def pack_features(features: Features) -> tuple[Arrays, Meta]:
    """Turn features into arrays."""
    arrays: Arrays = {
        "keypoints_px": features.keypoints_px,
        "descriptors": features.descriptors,
        "scores": features.scores,
    }
    return arrays, {"upright_size_px": list(features.upright_size_px)}


def unpack_features(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> Features:
    """Undo `pack_features`."""
    width, height = meta["upright_size_px"]
    return Features(arrays["keypoints_px"], arrays["descriptors"], arrays["scores"], (width, height))


def pack_matches(block: Sequence[IndexArray]) -> tuple[Arrays, Meta]:
    """Turn the matches of a block of pairs, in the block's order, into arrays."""
    return {"matches": _stack(block), "offsets": _offsets(block)}, {}


def unpack_matches(arrays: Mapping[str, NDArray[Any]]) -> list[IndexArray]:
    """Undo `pack_matches`."""
    return _split(arrays["matches"], arrays["offsets"])


def pack_geometries(block: Sequence[TwoViewGeometry | None]) -> tuple[Arrays, Meta]:
    """Turn the geometries of a block of pairs (None: not verified) into arrays; the inlier counts are in the meta."""
    inliers = [found.inlier_matches if found else np.zeros((0, 2), dtype=np.uint32) for found in block]
    matrices = np.full((len(block), 3, 3, 3), np.nan)
    for row, found in enumerate(block):
        for slot, matrix in enumerate((found.E, found.F, found.H) if found else ()):
            if matrix is not None:
                matrices[row, slot] = matrix
    arrays: Arrays = {"matches": _stack(inliers), "offsets": _offsets(inliers), "matrices": matrices}
    meta: Meta = {
        "kinds": [found.kind if found else "" for found in block],
        "inliers": [len(matches) for matches in inliers],
    }
    return arrays, meta


def unpack_geometry(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], row: int, pair: tuple[str, str]
) -> TwoViewGeometry:
    """Read one verified pair of a block."""
    start, stop = arrays["offsets"][row : row + 2]
    E, F, H = (None if np.isnan(matrix).any() else matrix for matrix in arrays["matrices"][row])
    return TwoViewGeometry(pair, arrays["matches"][start:stop], meta["kinds"][row], E, F, H)


def pack_proposals(proposed: Proposals) -> tuple[Arrays, Meta]:
    """Turn proposed pairs into arrays."""
    arrays: Arrays = {"pairs": proposed.pairs, "scores": proposed.scores, "proposed_by": proposed.proposed_by}
    return arrays, {"rules": list(proposed.rules)}


def unpack_proposals(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> Proposals:
    """Undo `pack_proposals`."""
    return Proposals(arrays["pairs"], arrays["scores"], tuple(meta["rules"]), arrays["proposed_by"])


def pack_scenes(scenes: Sequence[PosedScene]) -> tuple[Arrays, Meta]:
    """Turn the models of a part into arrays."""
    arrays: Arrays = {}
    meta: Meta = {"scenes": []}
    for index, scene in enumerate(scenes):
        prefix = f"{index}."
        arrays |= {
            f"{prefix}xyz": scene.points_xyz,
            f"{prefix}rgb": scene.points_rgb,
            f"{prefix}error_px": scene.points_error_px,
            f"{prefix}poses": np.array([photo.cam_from_world for photo in scene.photos]).reshape(-1, 3, 4),
            f"{prefix}keypoints_px": np.concatenate(
                [np.zeros((0, 2)), *(photo.keypoints_px for photo in scene.photos)]
            ),
            f"{prefix}point_index": np.concatenate(
                [np.zeros(0, dtype=np.int64), *(photo.point_index for photo in scene.photos)]
            ),
            f"{prefix}offsets": _offsets([photo.point_index for photo in scene.photos]),
        }
        photos = [
            {"name": photo.name, "camera_id": photo.camera_id, "camera": _camera_json(photo.camera)}
            for photo in scene.photos
        ]
        meta["scenes"].append({"name": scene.name, "photos": photos, "unposed": list(scene.unposed)})
    return arrays, meta


def unpack_scenes(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> list[PosedScene]:
    """Undo `pack_scenes`."""
    scenes = []
    for index, header in enumerate(meta["scenes"]):
        part = {name.partition(".")[2]: array for name, array in arrays.items() if name.startswith(f"{index}.")}
        keypoints, points = (_split(part[name], part["offsets"]) for name in ("keypoints_px", "point_index"))
        photos = tuple(
            PosedPhoto(item["name"], Camera(**_camera_values(item["camera"])), item["camera_id"], pose, seen, index_)
            for item, pose, seen, index_ in zip(header["photos"], part["poses"], keypoints, points, strict=True)
        )
        scenes.append(
            PosedScene(header["name"], photos, part["xyz"], part["rgb"], part["error_px"], tuple(header["unposed"]))
        )
    return scenes


def _camera_json(camera: Camera) -> Meta:
    return {
        "model": camera.model,
        "width_px": camera.width_px,
        "height_px": camera.height_px,
        "params": list(camera.params),
        "has_focal_prior": camera.has_focal_prior,
        "fixed": camera.fixed,
    }


def _camera_values(values: Mapping[str, Any]) -> Meta:
    return {**values, "params": tuple(values["params"])}


def _stack(block: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([np.zeros((0, 2), dtype=np.uint32), *block])


def _offsets(block: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    return np.cumsum([0, *(len(rows) for rows in block)], dtype=np.int64)


def _split(rows: NDArray[Any], offsets: NDArray[np.int64]) -> list[NDArray[Any]]:
    return [rows[start:stop] for start, stop in itertools.pairwise(offsets)]
