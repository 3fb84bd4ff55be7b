"""The memory of a scene: photos fed in order, in windows that memory holds, joined into models."""

from scenesort.mapping.scene_memory.joining import Join, Shared, depths, join, shared_photos
from scenesort.mapping.scene_memory.memory import WindowPlan, is_out_of_memory, plan_window
from scenesort.mapping.scene_memory.ordering import grow_order, links_of
from scenesort.mapping.scene_memory.predicting import predict_scene
from scenesort.mapping.scene_memory.windows import Window, keyframes, next_window

__all__ = [
    "Join",
    "Shared",
    "Window",
    "WindowPlan",
    "depths",
    "grow_order",
    "is_out_of_memory",
    "join",
    "keyframes",
    "links_of",
    "next_window",
    "plan_window",
    "predict_scene",
    "shared_photos",
]
