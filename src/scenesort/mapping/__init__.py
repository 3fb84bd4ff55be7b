"""Scene → cameras and points. Members are found by name; see TEMPLATE.md for how to add one."""

from scenesort.mapping.base import MappingMember, MappingTask, Surroundings
from scenesort.mapping.finding import is_pose_model, load, used_pose_models
from scenesort.mapping.sharing import choose, with_shared_cameras

__all__ = [
    "MappingMember",
    "MappingTask",
    "Surroundings",
    "choose",
    "is_pose_model",
    "load",
    "used_pose_models",
    "with_shared_cameras",
]
