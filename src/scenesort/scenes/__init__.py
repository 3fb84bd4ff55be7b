"""Verified view graph → connected parts → scenes and outliers."""

from scenesort.scenes.assignment import assign, one_scene_a_photo
from scenesort.scenes.look_alikes import Cut, weakest_cut
from scenesort.scenes.view_graph import build_view_graph, connected_parts

__all__ = ["Cut", "assign", "build_view_graph", "connected_parts", "one_scene_a_photo", "weakest_cut"]
