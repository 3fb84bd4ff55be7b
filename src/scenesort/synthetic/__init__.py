"""Rendered photo collections with exactly known cameras: for the demo, the tests and the growth benchmarks.

`make_collection` writes one to disk; `make_place`, `walk_poses`, `render_photo` and `project` are the same in memory.
Nothing here is a photograph: every picture is drawn from a seed with numpy and OpenCV alone.
"""

from scenesort.synthetic.cameras import center_in_world, look_at, project, simple_radial, turn_camera, turn_pose
from scenesort.synthetic.collection import (
    CollectionSpec,
    SceneSpec,
    TruePhoto,
    demo_spec,
    make_collection,
    make_outlier,
    make_scene,
    many_photos,
)
from scenesort.synthetic.look_alikes import LEVELS, look_alike_pair
from scenesort.synthetic.places import Place, Walk, make_lone_place, make_place, walk_poses
from scenesort.synthetic.render import Look, depth_map, render_photo
from scenesort.synthetic.world import Face, Frame, Sun, World

__all__ = [
    "LEVELS",
    "CollectionSpec",
    "Face",
    "Frame",
    "Look",
    "Place",
    "SceneSpec",
    "Sun",
    "TruePhoto",
    "Walk",
    "World",
    "center_in_world",
    "demo_spec",
    "depth_map",
    "look_alike_pair",
    "look_at",
    "make_collection",
    "make_lone_place",
    "make_outlier",
    "make_place",
    "make_scene",
    "many_photos",
    "project",
    "render_photo",
    "simple_radial",
    "turn_camera",
    "turn_pose",
    "walk_poses",
]
