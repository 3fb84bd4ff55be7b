"""The only door to pycolmap: arrays in, arrays out, options and conventions in one place."""

from scenesort.colmap.absolute_pose import refine_pose
from scenesort.colmap.adjustment import AdjustmentSettings, adjust
from scenesort.colmap.cameras import as_model, focal_px, pixels_from_points, rays_from_pixels
from scenesort.colmap.database import write_database
from scenesort.colmap.global_mapping import map_globally
from scenesort.colmap.incremental import LARGE_PART_PHOTOS, MapperSettings, NextPhoto, map_incrementally
from scenesort.colmap.model import read_model, write_model
from scenesort.colmap.sift import SiftExtractor
from scenesort.colmap.similarity import estimate_similarity
from scenesort.colmap.starting import map_from_poses
from scenesort.colmap.triangulation import PosedKeypoints, TriangulatedTracks, triangulate_matches
from scenesort.colmap.verification import verify_pair

__all__ = [
    "LARGE_PART_PHOTOS",
    "AdjustmentSettings",
    "MapperSettings",
    "NextPhoto",
    "PosedKeypoints",
    "SiftExtractor",
    "TriangulatedTracks",
    "adjust",
    "as_model",
    "estimate_similarity",
    "focal_px",
    "map_from_poses",
    "map_globally",
    "map_incrementally",
    "pixels_from_points",
    "rays_from_pixels",
    "read_model",
    "refine_pose",
    "triangulate_matches",
    "verify_pair",
    "write_database",
    "write_model",
]
