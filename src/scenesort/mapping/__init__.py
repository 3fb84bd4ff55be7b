"""Scene → cameras and points. Members are found by name; see TEMPLATE.md for how to add one."""

from scenesort.mapping.base import MappingMember, MappingTask, load
from scenesort.mapping.sharing import choose, with_shared_cameras
from scenesort.mapping.uncertainty import TRUSTED_DEVIATION, center_deviations, untrusted

__all__ = [
    "TRUSTED_DEVIATION",
    "MappingMember",
    "MappingTask",
    "center_deviations",
    "choose",
    "load",
    "untrusted",
    "with_shared_cameras",
]
