"""Scene → cameras and points. Members are found by name; see TEMPLATE.md for how to add one."""

from scenesort.mapping.base import MappingMember, MappingPhoto, MappingTask, load

__all__ = ["MappingMember", "MappingPhoto", "MappingTask", "load"]
