"""Between our values and pycolmap's objects."""

from __future__ import annotations

import numpy as np
import pycolmap
from numpy.typing import NDArray

from scenesort.types import Camera, FloatArray, PosedPhoto, PosedScene, TwoViewGeometry


def to_camera(camera: Camera, camera_id: int = 1) -> pycolmap.Camera:
    """Build a COLMAP camera."""
    return pycolmap.Camera(
        camera_id=camera_id,
        model=camera.model,
        width=camera.width_px,
        height=camera.height_px,
        params=list(camera.params),
        has_prior_focal_length=camera.has_focal_prior,
    )


def from_camera(camera: pycolmap.Camera, fixed: bool = False) -> Camera:
    """Read a COLMAP camera."""
    return Camera(
        model=camera.model.name,
        width_px=camera.width,
        height_px=camera.height,
        params=tuple(float(value) for value in camera.params),
        has_focal_prior=camera.has_prior_focal_length,
        fixed=fixed,
    )


def to_two_view_geometry(geometry: TwoViewGeometry) -> pycolmap.TwoViewGeometry:
    """Build a COLMAP two-view geometry."""
    found = pycolmap.TwoViewGeometry()
    found.config = int(getattr(pycolmap.TwoViewGeometryConfiguration, geometry.kind))
    found.E, found.F, found.H = geometry.E, geometry.F, geometry.H
    found.inlier_matches = geometry.inlier_matches
    return found


def to_scene(model: pycolmap.Reconstruction, name: str, fixed_cameras: frozenset[int] = frozenset()) -> PosedScene:
    """Read a COLMAP model; photos come sorted by name, points by their id."""
    point_ids = sorted(model.point3D_ids())
    row_of_point = {point_id: row for row, point_id in enumerate(point_ids)}
    model.update_point_3d_errors()
    points = [model.point3D(point_id) for point_id in point_ids]
    photos = []
    for image in sorted((model.image(image_id) for image_id in model.reg_image_ids()), key=lambda image: image.name):
        seen = [point for point in image.points2D if point.has_point3D()]
        photos.append(
            PosedPhoto(
                name=image.name,
                camera=from_camera(model.camera(image.camera_id), fixed=image.camera_id in fixed_cameras),
                camera_id=image.camera_id,
                cam_from_world=np.array(image.cam_from_world().matrix(), dtype=np.float64),
                keypoints_px=np.array([point.xy for point in seen], dtype=np.float64).reshape(-1, 2),
                point_index=np.array([row_of_point[point.point3D_id] for point in seen], dtype=np.int64),
            )
        )
    return PosedScene(
        name=name,
        photos=tuple(photos),
        points_xyz=np.array([point.xyz for point in points], dtype=np.float64).reshape(-1, 3),
        points_rgb=np.array([point.color for point in points], dtype=np.uint8).reshape(-1, 3),
        points_error_px=np.array([point.error for point in points], dtype=np.float64),
    )


def from_scene(scene: PosedScene) -> pycolmap.Reconstruction:
    """Build a COLMAP model of a scene: image ids follow the photos' order, point ids the points', both from 1."""
    model = pycolmap.Reconstruction()
    for image_id, photo in enumerate(scene.photos, start=1):
        add_photo(model, image_id, photo.name, photo.camera, photo.camera_id, photo.cam_from_world, photo.keypoints_px)
    for point, track in enumerate(tracks(scene)):
        elements = [pycolmap.TrackElement(int(photo) + 1, int(keypoint)) for photo, keypoint in track]
        model.add_point3D(scene.points_xyz[point], pycolmap.Track(elements), scene.points_rgb[point])
    for point, error in enumerate(scene.points_error_px, start=1):
        model.point3D(point).error = float(error)
    return model


def add_photo(
    model: pycolmap.Reconstruction,
    image_id: int,
    name: str,
    camera: Camera,
    camera_id: int,
    cam_from_world: FloatArray,
    keypoints_px: FloatArray,
) -> None:
    """Add a posed photo to a COLMAP model, and its camera where the model lacks it.

    `cam_from_world`: (3, 4) float64; `keypoints_px`: (n, 2) float64 in frame pixels.
    """
    if not model.exists_camera(camera_id):
        model.add_camera_with_trivial_rig(to_camera(camera, camera_id))
    image = pycolmap.Image(name=name, keypoints=keypoints_px, camera_id=camera_id, image_id=image_id)
    model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(cam_from_world))


def tracks(scene: PosedScene) -> list[NDArray[np.int64]]:
    """Return for each point its observations, (k, 2) int64 rows of photo index and keypoint index."""
    none = np.zeros(0, dtype=np.int64)
    photo_of = np.concatenate([none, *(np.full(len(photo.point_index), row) for row, photo in enumerate(scene.photos))])
    keypoint_of = np.concatenate([none, *(np.arange(len(photo.point_index)) for photo in scene.photos)])
    point_of = np.concatenate([none, *(photo.point_index for photo in scene.photos)])
    order = np.lexsort((keypoint_of, photo_of, point_of))
    observations = np.stack([photo_of[order], keypoint_of[order]], axis=1).astype(np.int64)
    bounds = np.searchsorted(point_of[order], np.arange(1, len(scene.points_xyz)))
    return np.split(observations, bounds) if len(scene.points_xyz) else []
