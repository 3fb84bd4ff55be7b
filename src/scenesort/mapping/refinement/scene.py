"""Between predictions, views and posed scenes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scenesort.mapping.pose_models import ScenePrediction
from scenesort.mapping.refinement.tracks import Tracks
from scenesort.mapping.refinement.views import Views
from scenesort.types import Camera, FloatArray, MappingPhoto, PosedPhoto, PosedScene


def predicted_views(photos: Sequence[MappingPhoto], prediction: ScenePrediction) -> Views:
    """Return the predicted poses and cameras, sorted by name; cameras that the user gave replace predicted ones.

    Photos without a finite pose, and photos that the task doesn't know, are left out.
    """
    known = {photo.name: photo for photo in photos}
    posed = sorted(
        (
            photo
            for photo in prediction.photos
            if photo.name in known
            and np.isfinite(photo.cam_from_world).all()
            and np.isfinite(photo.camera.params).all()
        ),
        key=lambda photo: photo.name,
    )
    ids: dict[object, int] = {}
    cameras: list[Camera] = []
    camera_ids: list[int] = []
    for photo in posed:
        given = known[photo.name]
        cameras.append(given.camera if given.camera.fixed else photo.camera)
        key = ("given", given.camera_group) if given.camera.fixed else ("predicted", photo.name)
        camera_ids.append(ids.setdefault(key, len(ids) + 1))
    poses = np.array([photo.cam_from_world for photo in posed], dtype=np.float64).reshape(-1, 3, 4)
    return Views(tuple(photo.name for photo in posed), poses, tuple(cameras), tuple(camera_ids))


def posed_scene(views: Views, tracks: Tracks, points_xyz: FloatArray, unposed: Sequence[str] = ()) -> PosedScene:
    """Return the scene of views with points (t, 3) and their tracks; points are black."""
    errors = views.errors_px(tracks, points_xyz)
    photos = []
    for row, name in enumerate(views.names):
        seen = np.flatnonzero(tracks.photo == row)
        seen = seen[np.argsort(tracks.keypoint[seen], kind="stable")]
        photos.append(
            PosedPhoto(
                name=name,
                camera=views.cameras[row],
                camera_id=views.camera_ids[row],
                cam_from_world=views.cam_from_world[row],
                keypoints_px=tracks.points_px[seen],
                point_index=tracks.track[seen],
            )
        )
    sums = np.bincount(tracks.track, weights=errors, minlength=len(points_xyz))
    return PosedScene(
        name="",
        photos=tuple(photos),
        points_xyz=points_xyz,
        points_rgb=np.zeros((len(points_xyz), 3), dtype=np.uint8),
        points_error_px=sums / np.maximum(tracks.lengths, 1) if len(points_xyz) else np.zeros(0),
        unposed=tuple(sorted(unposed)),
    )
