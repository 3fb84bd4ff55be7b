"""Scene → cameras and points. Members are found by name; see TEMPLATE.md for how to add one."""

from scenesort.mapping.base import MappingMember, MappingTask, load
from scenesort.mapping.sharing import choose, with_shared_cameras

__all__ = ["MappingMember", "MappingTask", "choose", "load", "with_shared_cameras"]
