"""Photos of a folder: found, checked, decoded and told apart by camera; never all in memory."""

from scenesort.photos.decoding import link_or_export, load_frame, load_mask_upright, load_upright
from scenesort.photos.finding import find_photos, inspect_photo

__all__ = [
    "find_photos",
    "inspect_photo",
    "link_or_export",
    "load_frame",
    "load_mask_upright",
    "load_upright",
]
