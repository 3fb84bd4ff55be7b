"""The GLB of aligned cameras, read back."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import numpy as np
import pytest
import trimesh
from cameras_made_up import STRANGER, UNPOSED, made_up_scene, made_up_thumbnails, truth_alone

from scenesort.report.cameras_glb import FAR_OUT, far_out, to_glb
from scenesort.report.cameras_view import lay_out

PHOTOS = tuple(f"gate_{index}.jpg" for index in range(6))
POSED = tuple(f"gate_{index}.jpg" for index in (0, 1, 2, 5))


def header(content: bytes) -> dict[str, Any]:
    length = struct.unpack("<I", content[12:16])[0]
    return json.loads(content[20 : 20 + length])


def load(content: bytes) -> Any:
    return trimesh.load_scene(io.BytesIO(content), file_type="glb")


def test_nodes_and_their_groups() -> None:
    content = to_glb(lay_out(made_up_scene(), made_up_thumbnails("gate_0.jpg", UNPOSED)))
    nodes = header(content)["nodes"]
    children = {node["name"]: {nodes[child]["name"] for child in node.get("children", [])} for node in nodes}
    assert children["upright"] == {"true", "estimated", "other", "error"}
    assert children["true"] == {f"true/{photo}" for photo in PHOTOS}
    assert children["estimated"] == {f"estimated/{photo}" for photo in POSED}
    assert children["other"] == {f"other/{STRANGER}"}
    # An estimate that is exact has no line.
    assert children["error"] == {"error/gate_1.jpg", "error/gate_2.jpg"}
    assert children["estimated/gate_0.jpg"] == {"photo/gate_0.jpg"}
    assert children[f"true/{UNPOSED}"] == {f"photo/{UNPOSED}"}
    assert len(header(content)["images"]) == 2


def test_positions_and_y_up() -> None:
    scene = made_up_scene()
    content = to_glb(lay_out(scene, {}))
    loaded = load(content)
    view_from_world = np.array(header(content)["scenes"][0]["extras"]["view_from_world"]).reshape(3, 4)
    for photo, true, estimated in zip(PHOTOS, scene.true_world_from_cam, scene.estimated_world_from_cam, strict=True):
        for group, pose in (("true", true), ("estimated", estimated)):
            if np.isfinite(pose).all():
                placed = loaded.graph[f"{group}/{photo}"][0]
                expected = view_from_world[:, :3] @ pose + np.column_stack([np.zeros((3, 3)), view_from_world[:, 3]])
                np.testing.assert_allclose(placed[:3], expected, atol=1e-6)
                # The cameras stand upright: their own up, -y, points upwards in the file.
                assert -placed[1, 1] > 0.8
                # The apex of the frustum is the camera's centre.
                mesh = loaded.geometry[f"{group}/{photo}"]
                assert np.linalg.norm(mesh.vertices, axis=1).min() < 0.05
    lines = loaded.geometry["error/gate_2.jpg"].bounds
    assert np.linalg.norm(lines[1] - lines[0]) == pytest.approx(0.6, abs=0.05)
    start = loaded.graph["error/gate_2.jpg"][0][:3, 3]
    np.testing.assert_allclose(start, loaded.graph["true/gate_2.jpg"][0][:3, 3], atol=1e-6)


def test_photos_are_the_right_way_round() -> None:
    content = to_glb(lay_out(made_up_scene(), made_up_thumbnails("gate_0.jpg")))
    mesh = load(content).geometry["photo/gate_0.jpg"]
    image = np.asarray(mesh.visual.material.baseColorTexture)
    for vertex, (u, v) in zip(mesh.vertices, mesh.visual.uv, strict=True):
        # Left of the camera (-x) is the picture's left, red; the upper side (-y) is the picture's first row.
        row, column = round((1 - v) * (image.shape[0] - 1)), round(u * (image.shape[1] - 1))
        assert (image[row, column, 0] > 150) == (vertex[0] < 0)
        assert (row == 0) == (vertex[1] < 0)


def test_materials_are_unlit_and_in_linear_light() -> None:
    tree = header(to_glb(lay_out(made_up_scene(), made_up_thumbnails("gate_0.jpg"))))
    assert tree["extensionsUsed"] == ["KHR_materials_unlit"]
    assert all(material["extensions"] == {"KHR_materials_unlit": {}} for material in tree["materials"])
    assert all(material["doubleSided"] for material in tree["materials"])
    factors = {m["name"]: m["pbrMetallicRoughness"].get("baseColorFactor") for m in tree["materials"]}
    # sRGB 114 is 0.168 in linear light, 178 is 0.445.
    np.testing.assert_allclose(factors["#0072b2"], [0, 0.168, 0.445, 1], atol=0.004)


def test_a_lost_camera_is_left_out_and_named() -> None:
    view = lay_out(made_up_scene(far=1e5), {})
    assert far_out(view) == ("gate_2.jpg",)
    loaded = load(to_glb(view))
    assert "estimated/gate_2.jpg" not in loaded.graph.nodes
    assert "true/gate_2.jpg" in loaded.graph.nodes
    assert np.abs(loaded.bounds).max() < FAR_OUT * view.radius
    assert header(to_glb(view))["scenes"][0]["extras"]["left_out"] == ["gate_2.jpg"]
    assert far_out(lay_out(made_up_scene(), {})) == ()


def test_truth_alone() -> None:
    nodes = {node["name"] for node in header(to_glb(lay_out(truth_alone(), {})))["nodes"]}
    assert nodes == {"upright", "true", *(f"true/{photo}" for photo in PHOTOS)} | (nodes & {"scene"})


def test_equal_scenes_give_equal_bytes() -> None:
    first, second = (to_glb(lay_out(made_up_scene(), made_up_thumbnails(*PHOTOS))) for _ in range(2))
    assert first == second
