"""Photos of a folder: found, checked, decoded and told apart by camera; never all in memory."""

from scenesort.photos.decoding import link_or_export, load_frame, load_mask_upright, load_upright
from scenesort.photos.finding import Survey, find_photos, inspect_photo, survey

__all__ = [
    "Survey",
    "find_photos",
    "inspect_photo",
    "link_or_export",
    "load_frame",
    "load_mask_upright",
    "load_upright",
    "survey",
]
