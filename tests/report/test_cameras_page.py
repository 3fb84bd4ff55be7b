"""The interactive page of aligned cameras: what it holds, and that it stands alone."""

from __future__ import annotations

import base64
import io
import json
import re
from typing import Any

import numpy as np
import pytest
import trimesh
from cameras_made_up import STRANGER, UNPOSED, made_up_scene, made_up_thumbnails, truth_alone
from PIL import Image

from scenesort.errors import MissingDependencyError
from scenesort.report.cameras_page import to_page
from scenesort.report.cameras_view import lay_out


@pytest.fixture(scope="module")
def page() -> str:
    thumbnails = made_up_thumbnails("gate_0.jpg", UNPOSED, STRANGER)
    return to_page([lay_out(made_up_scene(), thumbnails), lay_out(made_up_scene("</script><b>"), {})])


def scene_data(page: str, index: int) -> dict[str, Any]:
    found = re.search(rf'<script type="application/json" id="scene-{index}">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_nothing_is_fetched_from_elsewhere(page: str) -> None:
    for address in re.findall(r"""(?:src|href|action|poster)\s*=\s*["']([^"']*)["']""", page):
        assert address.startswith("data:"), address
    assert not re.search(r"<link[^>]*stylesheet|@import|<iframe|url\(", page.split("<script>")[0])
    script = page.rsplit("<script>", 1)[1]
    assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import\(", script)


def test_numbers_of_a_scene(page: str) -> None:
    data = scene_data(page, 0)
    assert data["title"] == "park / gate"
    photos = {photo["name"]: photo for photo in data["photos"]}
    assert photos["gate_2.jpg"] == {
        "name": "gate_2.jpg",
        "error": 0.6,
        "accuracy": 0.0,
        "status": "not nearer than 0.5",
    }
    assert photos[UNPOSED]["error"] is None
    assert photos[UNPOSED]["status"] == "in the cluster, but without a pose"
    assert photos["gate_4.jpg"]["status"] == "submitted in scene_02"
    assert "another scene" in photos[STRANGER]["status"]
    names = [photo["name"] for photo in data["photos"]]
    assert {names[int(index)] for index in data["thumbnails"]} == {"gate_0.jpg", UNPOSED, STRANGER}
    assert [camera["group"] for camera in data["cameras"]].count("true") == 6
    assert [mark["text"] for mark in data["marks"] if mark["chosen"]] == ["0.5"]


def test_corners_are_those_of_the_view(page: str) -> None:
    view = lay_out(made_up_scene(), made_up_thumbnails("gate_0.jpg", UNPOSED, STRANGER))
    for drawn, camera in zip(scene_data(page, 0)["cameras"], view.cameras, strict=True):
        np.testing.assert_allclose(drawn["corners"], camera.corners().ravel(), atol=1e-5)


def test_thumbnails_can_be_opened(page: str) -> None:
    address = scene_data(page, 0)["thumbnails"]["0"]
    image = Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/jpeg;base64,"))))
    assert (image.format, image.size) == ("JPEG", (90, 60))


def test_names_can_not_break_the_page(page: str) -> None:
    assert scene_data(page, 1)["title"] == "park / </script><b>"
    assert page.count("</script><b>") == 0
    assert "#park/" not in page  # the address in the option is quoted, without '#'
    assert 'data-address="park/%3C%2Fscript%3E%3Cb%3E"' in page


def test_truth_alone_is_told() -> None:
    data = scene_data(to_page([lay_out(truth_alone(), {})]), 0)
    assert "no transform fits" in data["words"]
    assert data["joins"] == []
    assert data["photos"][0]["status"] == "has a pose, but its error can't be measured"


def test_the_licence_of_three_js_is_kept(page: str) -> None:
    assert "Three.js Authors" in page
    assert "SPDX-License-Identifier: MIT" in page
    assert "TrackballControls" not in page


def test_equal_scenes_give_equal_pages(page: str) -> None:
    views = [lay_out(made_up_scene(), made_up_thumbnails("gate_0.jpg", UNPOSED, STRANGER))]
    assert to_page(views) == to_page(views)


def test_a_trimesh_without_three_js(monkeypatch: pytest.MonkeyPatch) -> None:
    import zipfile

    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("viewer.html.template", "<html></html>")
        monkeypatch.setattr(trimesh.resources, "get_bytes", lambda _: archive_bytes)
        archive_bytes = file.getvalue()
    with pytest.raises(MissingDependencyError, match=r"carries no three\.js"):
        to_page([])
