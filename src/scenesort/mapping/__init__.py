"""Scene → cameras and points. Members are found by name; see TEMPLATE.md for how to add one."""

from scenesort.mapping.backend import model_options, window_plan
from scenesort.mapping.base import MappingMember, MappingTask, Surroundings
from scenesort.mapping.finding import is_pose_model, load, used_pose_models
from scenesort.mapping.focal_lengths import doubted_focals
from scenesort.mapping.health import measure
from scenesort.mapping.parts import map_part
from scenesort.mapping.sharing import choose, with_shared_cameras
from scenesort.mapping.uncertainty import TRUSTED_DEVIATION, center_deviations, unproven, untrusted

__all__ = [
    "TRUSTED_DEVIATION",
    "MappingMember",
    "MappingTask",
    "Surroundings",
    "center_deviations",
    "choose",
    "doubted_focals",
    "is_pose_model",
    "load",
    "map_part",
    "measure",
    "model_options",
    "unproven",
    "untrusted",
    "used_pose_models",
    "window_plan",
    "with_shared_cameras",
]
