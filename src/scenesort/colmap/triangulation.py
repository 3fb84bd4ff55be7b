"""Points of posed photos by COLMAP's incremental triangulator: made, continued, completed and merged from matches.

Source: Schönberger and Frahm, "Structure-from-Motion Revisited", CVPR 2016, section 4.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pycolmap
from numpy.typing import NDArray

from scenesort.colmap.convert import add_photo, to_two_view_geometry
from scenesort.types import Camera, FloatArray, TwoViewGeometry


@dataclass(frozen=True, slots=True, eq=False)
class PosedKeypoints:
    """A photo with its pose (3, 4), its camera and all its keypoints (n, 2) in frame pixels."""

    name: str
    camera: Camera
    camera_id: int
    cam_from_world: FloatArray
    keypoints_px: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class TriangulatedTracks:
    """Observations sorted by point: `photo`, `keypoint`, `point`: (n,) int64; `points_xyz`: (p, 3) float64.

    Merging can leave a point two keypoints of one photo.
    """

    photo: NDArray[np.int64]
    keypoint: NDArray[np.int64]
    point: NDArray[np.int64]
    points_xyz: FloatArray


def triangulate_matches(
    photos: Sequence[PosedKeypoints],
    geometries: Sequence[TwoViewGeometry],
    *,
    max_error_px: float,
    min_angle_deg: float,
    seed: int,
) -> TriangulatedTracks:
    """Return the points of inlier matches between photos with known poses; geometries of other photos are left out.

    Points are seen with at most `max_error_px`, under at least `min_angle_deg`, and in front of their cameras.
    """
    pycolmap.logging.minloglevel = int(pycolmap.logging.Level.FATAL)
    model, graph = pycolmap.Reconstruction(), pycolmap.CorrespondenceGraph()
    image_ids = {photo.name: row for row, photo in enumerate(photos, start=1)}
    for image_id, photo in enumerate(photos, start=1):
        add_photo(model, image_id, photo.name, photo.camera, photo.camera_id, photo.cam_from_world, photo.keypoints_px)
        graph.add_image(image_id, len(photo.keypoints_px))
    for geometry in geometries:
        if all(name in image_ids for name in geometry.pair):
            first, second = (image_ids[name] for name in geometry.pair)
            graph.add_two_view_geometry(first, second, to_two_view_geometry(geometry))
    graph.finalize()
    triangulate_all(model, graph, max_error_px=max_error_px, min_angle_deg=min_angle_deg, seed=seed)
    return _read(model)


def triangulate_all(
    model: pycolmap.Reconstruction,
    graph: pycolmap.CorrespondenceGraph,
    *,
    max_error_px: float,
    min_angle_deg: float,
    seed: int,
) -> None:
    """Make the points of a model of posed photos from a finalized graph of its matches; see triangulate_matches."""
    observations = pycolmap.ObservationManager(model, graph)
    triangulator = pycolmap.IncrementalTriangulator(graph, model, observations)
    options = _options(max_error_px, min_angle_deg, seed)
    for image_id in sorted(model.reg_image_ids()):
        triangulator.triangulate_image(options, image_id)
    triangulator.complete_all_tracks(options)
    triangulator.merge_all_tracks(options)
    triangulator.retriangulate(options)
    triangulator.complete_all_tracks(options)
    observations.filter_all_points3D(max_error_px, min_angle_deg)


def _options(max_error_px: float, min_angle_deg: float, seed: int) -> pycolmap.IncrementalTriangulatorOptions:
    options = pycolmap.IncrementalTriangulatorOptions()
    options.random_seed = seed
    options.min_angle = min_angle_deg
    options.complete_max_reproj_error = max_error_px
    options.merge_max_reproj_error = max_error_px
    options.ignore_two_view_tracks = False
    return options


def _read(model: pycolmap.Reconstruction) -> TriangulatedTracks:
    point_ids = sorted(model.point3D_ids())
    rows = [
        (row, element.image_id - 1, element.point2D_idx)
        for row, point_id in enumerate(point_ids)
        for element in model.point3D(point_id).track.elements
    ]
    table = np.array(sorted(rows), dtype=np.int64).reshape(-1, 3)
    points = np.array([model.point3D(point_id).xyz for point_id in point_ids], dtype=np.float64).reshape(-1, 3)
    return TriangulatedTracks(table[:, 1], table[:, 2], table[:, 0], points)
