"""COLMAP databases from arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pycolmap

from scenesort.colmap.convert import to_camera, to_two_view_geometry
from scenesort.types import Camera, MappingPhoto, TwoViewGeometry


def write_database(path: Path, photos: Sequence[MappingPhoto], geometries: Sequence[TwoViewGeometry]) -> frozenset[int]:
    """Write a COLMAP database with cameras, images, keypoints, matches and two-view geometries.

    Image ids follow the photos' order from 1; cameras are shared by group. Returns the ids of the fixed cameras.
    """
    camera_ids = camera_ids_of(photos)
    written: set[int] = set()
    fixed: set[int] = set()
    image_ids: Mapping[str, int] = {photo.name: row for row, photo in enumerate(photos, start=1)}
    with pycolmap.Database.open(path) as database, pycolmap.DatabaseTransaction(database):
        for photo in photos:
            image_id = image_ids[photo.name]
            camera_id = camera_ids[photo.camera_group]
            if camera_id not in written:
                written.add(camera_id)
                _write_camera_and_rig(database, photo.camera, camera_id)
                if photo.camera.fixed:
                    fixed.add(camera_id)
            image = pycolmap.Image(name=photo.name, camera_id=camera_id, image_id=image_id)
            database.write_image(image, use_image_id=True)
            frame = pycolmap.Frame(frame_id=image_id, rig_id=camera_id)
            frame.add_data_id(image.data_id)
            database.write_frame(frame, use_frame_id=True)
            database.write_keypoints(image_id, photo.keypoints_px.astype(np.float32))
        for geometry in geometries:
            first, second = (image_ids[name] for name in geometry.pair)
            database.write_matches(first, second, geometry.inlier_matches)
            database.write_two_view_geometry(first, second, to_two_view_geometry(geometry))
    return frozenset(fixed)


def camera_ids_of(photos: Sequence[MappingPhoto]) -> dict[str, int]:
    """Return the id of each camera group in a database of these photos: from 1, in the order of the photos."""
    groups = dict.fromkeys(photo.camera_group for photo in photos)
    return {group: camera_id for camera_id, group in enumerate(groups, start=1)}


def _write_camera_and_rig(database: pycolmap.Database, camera: Camera, camera_id: int) -> None:
    written = to_camera(camera, camera_id)
    database.write_camera(written, use_camera_id=True)
    rig = pycolmap.Rig(rig_id=camera_id)
    rig.add_ref_sensor(written.sensor_id)
    database.write_rig(rig, use_rig_id=True)
