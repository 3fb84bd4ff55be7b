"""Aligned cameras as a GLB (binary glTF 2.0) that Blender and browsers open.

Nodes: `upright` (the rotation that puts y up) holds the groups `true`, `estimated`, `other` and `error`, which hold a
node for each photo: `true/NAME`, `estimated/NAME`, … A frustum's node is the camera's pose, so its axes are OpenCV's
(x right, y down, z forward) and its origin the camera's centre, counted from the middle of the scene. Thumbnails are
`photo/NAME` below a frustum. Outlines are thin tubes, as few programs draw glTF's lines. The exact frame is told in the
scene's extras: `view_from_world` is 3 × 4, row by row, and takes the labels' world to the file's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from scenesort.geometry import compose
from scenesort.report.cameras_view import (
    FRUSTUM_EDGES,
    CamerasView,
    DrawnCamera,
    Rgb,
    Thumbnail,
    frustum_corners,
)
from scenesort.types import FloatArray

FAR_OUT = 20.0
"""Cameras farther from the middle than this, by the radius of the true ones, would make everything else a dot."""

TUBE_RADIUS = {"true": 0.008, "estimated": 0.014, "other": 0.008, "error": 0.01}
"""Half the thickness of outlines, by the depth of the true frusta."""


def far_out(view: CamerasView) -> tuple[str, ...]:
    """Return the photos whose estimated cameras are left out of the file, and their lines: see `FAR_OUT`."""
    reach = FAR_OUT * view.radius
    return tuple(
        camera.photo
        for camera in view.cameras
        if camera.group != "true" and np.linalg.norm(camera.view_from_cam[:, 3]) > reach
    )


def to_glb(view: CamerasView) -> bytes:
    """Return the file; equal views give equal bytes."""
    trimesh = _library()
    scene = trimesh.Scene(base_frame="scene")
    rotation = view.view_from_world[:, :3]
    # Cameras hang below the one rotation, so their own poses are the labels' again, but for the place of the origin.
    centered_from_view = np.concatenate([rotation.T, np.zeros((3, 1))], axis=1)
    scene.graph.update(frame_from="scene", frame_to="upright", matrix=_square(rotation, np.zeros(3)))
    for group in dict.fromkeys([*(camera.group for camera in view.cameras), *(["error"] if view.joins else [])]):
        scene.graph.update(frame_from="upright", frame_to=group, matrix=np.eye(4))
    left_out = set(far_out(view))
    for camera in view.cameras:
        if camera.group != "true" and camera.photo in left_out:
            continue
        outline = frustum_corners(camera.depth, camera.aspect)[np.array(FRUSTUM_EDGES)]
        pose = compose(centered_from_view, camera.view_from_cam)
        name = f"{camera.group}/{camera.photo}"
        mesh = _tubes(outline, TUBE_RADIUS[camera.group] * view.depth, camera.rgb)
        _add(scene, camera.group, name, mesh, _square(pose[:, :3], pose[:, 3]))
        if camera.thumbnail is not None:
            _add(scene, name, f"photo/{camera.photo}", _photo(camera, camera.thumbnail), np.eye(4))
    for join in view.joins:
        start, end = join.ends @ rotation
        if join.photo not in left_out and not np.array_equal(start, end):
            mesh = _tubes(np.stack([[np.zeros(3), end - start]]), TUBE_RADIUS["error"] * view.depth, join.rgb)
            _add(scene, "error", f"error/{join.photo}", mesh, _square(np.eye(3), start))
    scene.metadata.clear()
    scene.metadata.update(_extras(view))
    return bytes(trimesh.exchange.gltf.export_glb(scene, include_normals=False, tree_postprocessor=_make_unlit))


def _extras(view: CamerasView) -> dict[str, object]:
    scene = view.scene
    return {
        "collection": scene.dataset,
        "scene": scene.scene,
        "cluster": scene.cluster,
        "threshold": scene.threshold,
        "view_from_world": view.view_from_world.ravel().tolist(),
        "left_out": list(far_out(view)),
        "errors": {
            photo: float(error) for photo, error in zip(scene.photos, scene.errors, strict=True) if np.isfinite(error)
        },
    }


def _make_unlit(tree: dict[str, Any]) -> None:
    """Let colours show as they are, whatever the light."""
    for material in tree.get("materials", []):
        material["extensions"] = {"KHR_materials_unlit": {}}
    if tree.get("materials"):
        tree["extensionsUsed"] = sorted({*tree.get("extensionsUsed", []), "KHR_materials_unlit"})


def _add(scene: Any, parent: str, name: str, mesh: Any, parent_from_node: FloatArray) -> None:
    scene.add_geometry(mesh, node_name=name, geom_name=name, parent_node_name=parent, transform=parent_from_node)


def _photo(camera: DrawnCamera, thumbnail: Thumbnail) -> Any:
    """The image plane with the photo on it, in the camera's frame."""
    image = Image.fromarray(thumbnail.pixels)
    image.format = "JPEG"  # how trimesh writes it
    material = _library().visual.material.PBRMaterial(
        name=f"photo/{camera.photo}", baseColorTexture=image, metallicFactor=0.0, roughnessFactor=1.0, doubleSided=True
    )
    faces = np.array([[0, 3, 2], [0, 2, 1]])
    uv = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    visual = _library().visual.TextureVisuals(uv=uv, material=material)
    return _library().Trimesh(frustum_corners(camera.depth, camera.aspect)[1:5], faces, visual=visual, process=False)


def _tubes(segments: FloatArray, radius: float, rgb: Rgb) -> Any:
    """Open square tubes around segments (s, 2, 3) that all have a length."""
    along = segments[:, 1] - segments[:, 0]
    along /= np.linalg.norm(along, axis=1)[:, None]
    across = np.cross(along, np.eye(3)[np.argmin(np.abs(along), axis=1)])
    across /= np.linalg.norm(across, axis=1)[:, None]
    other = np.cross(along, across)
    ring = radius * np.stack([across, other, -across, -other], axis=1)
    vertices = np.concatenate([segments[:, :1] + ring, segments[:, 1:] + ring], axis=1).reshape(-1, 3)
    sides = [[side, (side + 1) % 4, 4 + side] for side in range(4)]
    sides += [[(side + 1) % 4, 4 + (side + 1) % 4, 4 + side] for side in range(4)]
    faces = (np.array(sides)[None] + 8 * np.arange(len(segments))[:, None, None]).reshape(-1, 3)
    visual = _library().visual.TextureVisuals(material=_material(rgb))
    return _library().Trimesh(vertices, faces, visual=visual, process=False)


def _material(rgb: Rgb) -> Any:
    """A material of one colour; glTF's factors are linear light, photos and screens have sRGB."""
    srgb = np.array(rgb) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return _library().visual.material.PBRMaterial(
        name="#{:02x}{:02x}{:02x}".format(*rgb),
        baseColorFactor=[*linear.tolist(), 1.0],
        metallicFactor=0.0,
        roughnessFactor=1.0,
        doubleSided=True,
    )


def _square(rotation: FloatArray, translation: FloatArray) -> FloatArray:
    return np.block([[rotation, translation[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])


def _library() -> Any:
    """Import trimesh, most of which has no types."""
    import trimesh

    return trimesh
