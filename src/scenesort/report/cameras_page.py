"""Aligned cameras as one interactive page for all scenes, complete in one file: it opens offline, from a folder.

The address names the scene that is shown first: `cameras.html#COLLECTION/SCENE`.

three.js draws it, in the copy that trimesh carries for its own viewer (MIT licence, its notice is kept).
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from urllib.parse import quote

import numpy as np

from scenesort.errors import MissingDependencyError
from scenesort.evaluation.alignment import AlignedScene, Status
from scenesort.report.cameras_view import (
    FRUSTUM_EDGES,
    OTHER_RGB,
    TRUE_RGB,
    UNMEASURED_RGB,
    CamerasView,
    Rgb,
    describe,
    scale_position,
    scale_rgb,
)
from scenesort.types import FloatArray

_THREE_BEGINS, _THREE_ENDS = "/**\n * @license\n * Copyright 2010", "(function(){const _changeEvent"
"""Where three.js itself stands in trimesh's viewer: after it come controls and a loader that the page does without."""

_COLOUR_STEPS = 9


def to_page(views: Iterable[CamerasView]) -> str:
    """Return the page; equal views give equal text. Raises `MissingDependencyError` where trimesh has no three.js."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("scenesort.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    scenes = [
        {
            "dataset": view.scene.dataset,
            "scene": view.scene.scene,
            "address": f"{quote(view.scene.dataset, safe='')}/{quote(view.scene.scene, safe='')}",
            "data": _as_json(_scene_data(view)),
        }
        for view in views
    ]
    page: str = environment.get_template("cameras.html").render(
        scenes=scenes,
        three=_three_js(),
        colours={"true": _css(TRUE_RGB), "other": _css(OTHER_RGB), "unmeasured": _css(UNMEASURED_RGB)},
        gradient=", ".join(_css(scale_rgb(position)) for position in np.linspace(0, 1, _COLOUR_STEPS)),
    )
    return page


def _scene_data(view: CamerasView) -> dict[str, object]:
    """What the page's script draws and tells of one scene."""
    scene = view.scene
    thumbnails = {camera.photo: camera.thumbnail for camera in view.cameras if camera.thumbnail is not None}
    photos = {photo: index for index, photo in enumerate([*scene.photos, *scene.strangers])}
    rows = [
        {"name": photo, "error": _number(error), "accuracy": _number(accuracy), "status": _in_words(scene, row)}
        for row, (photo, error, accuracy) in enumerate(
            zip(scene.photos, scene.errors.tolist(), scene.accuracy.tolist(), strict=True)
        )
    ]
    rows += [
        {"name": photo, "error": None, "accuracy": None, "status": f"in cluster {scene.cluster}, from another scene"}
        for photo in scene.strangers
    ]
    return {
        "title": f"{scene.dataset} / {scene.scene}",
        "words": describe(scene),
        "radius": _number(view.radius),
        "depth": _number(view.depth),
        "edges": FRUSTUM_EDGES,
        "marks": [
            {
                "at": round(scale_position(threshold, scene.thresholds), 4),
                "text": f"{threshold:g}",
                "chosen": threshold == scene.threshold,
            }
            for threshold in sorted(set(scene.thresholds))
        ],
        "photos": rows,
        "thumbnails": {
            photos[photo]: "data:image/jpeg;base64," + base64.b64encode(thumbnail.jpeg()).decode("ascii")
            for photo, thumbnail in thumbnails.items()
        },
        "cameras": [
            {
                "group": camera.group,
                "photo": photos[camera.photo],
                "corners": _numbers(camera.corners()),
                "colour": _css(camera.rgb),
                "pictured": camera.thumbnail is not None,
            }
            for camera in view.cameras
        ],
        "joins": [
            {"photo": photos[join.photo], "ends": _numbers(join.ends), "colour": _css(join.rgb)} for join in view.joins
        ],
    }


def _in_words(scene: AlignedScene, row: int) -> str:
    match scene.status[row]:
        case Status.WITHIN:
            return f"nearer than {scene.threshold:g}"
        case Status.BEYOND:
            return f"not nearer than {scene.threshold:g}"
        case Status.UNMEASURED:
            return "has a pose, but its error can't be measured"
        case Status.UNPOSED:
            return "in the cluster, but without a pose"
        case Status.ELSEWHERE:
            return f"submitted in {scene.clusters[row]}"


def _three_js() -> str:
    import trimesh

    with zipfile.ZipFile(io.BytesIO(trimesh.resources.get_bytes("templates/viewer.zip"))) as archive:
        viewer = archive.read("viewer.html.template").decode("utf-8")
    begin, end = viewer.find(_THREE_BEGINS), viewer.find(_THREE_ENDS)
    if not 0 <= begin < end:
        raise MissingDependencyError(
            f"trimesh {trimesh.__version__} carries no three.js where it is looked for; install a version 5.2 or later"
            " of its fifth series."
        )
    return viewer[begin:end]


def _as_json(data: object) -> str:
    # A '<' in a name must not end the script that holds the data.
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _number(value: float) -> float | None:
    return float(f"{value:.7g}") if np.isfinite(value) else None


def _numbers(values: FloatArray) -> Sequence[float | None]:
    return [_number(value) for value in values.ravel().tolist()]


def _css(rgb: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)
