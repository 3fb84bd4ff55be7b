"""Photos with the poses and cameras that they have at one moment of a refinement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenesort import colmap, geometry
from scenesort.mapping.refinement.tracks import Tracks
from scenesort.types import Camera, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """`names` in a fixed order; `cam_from_world`: (p, 3, 4) float64; `cameras`: one for each, `camera_ids` from 1."""

    names: tuple[str, ...]
    cam_from_world: FloatArray
    cameras: tuple[Camera, ...]
    camera_ids: tuple[int, ...]

    @property
    def centers(self) -> FloatArray:
        """Camera centres, (p, 3) float64 in world units."""
        return geometry.center_in_world(self.cam_from_world)

    def rays(self, tracks: Tracks) -> FloatArray:
        """Return unit rays (n, 3) in the world's axes of all observations; nan where a camera has none."""
        rays = np.full((len(tracks.photo), 3), np.nan)
        for row, camera in enumerate(self.cameras):
            seen = np.flatnonzero(tracks.photo == row)
            if len(seen):
                local = colmap.rays_from_pixels(camera, tracks.points_px[seen])
                rays[seen] = local @ self.cam_from_world[row, :, :3]
        return rays

    def errors_px(self, tracks: Tracks, points_xyz: FloatArray) -> FloatArray:
        """Return the reprojection error (n,) in pixels of all observations of points (t, 3); inf behind a camera."""
        errors = np.full(len(tracks.photo), np.inf)
        for row, camera in enumerate(self.cameras):
            seen = np.flatnonzero(tracks.photo == row)
            if len(seen):
                local = geometry.transform_points(self.cam_from_world[row], points_xyz[tracks.track[seen]])
                errors[seen] = np.linalg.norm(colmap.pixels_from_points(camera, local) - tracks.points_px[seen], axis=1)
        errors[np.isnan(errors)] = np.inf
        return errors
