"""Aligned cameras as one picture: a perspective view with photos on the frusta, and the scene from above."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from scenesort.report.cameras_canvas import INK, WHITE, Box, Canvas
from scenesort.report.cameras_view import (
    FRUSTUM_EDGES,
    OTHER_RGB,
    TRUE_RGB,
    CamerasView,
    DrawnCamera,
    Rgb,
    describe,
    scale_position,
    scale_rgb,
)
from scenesort.types import FloatArray

WIDTH_PX = 1600
MARGIN_PX = 28
_PANEL_TOP_PX = 104
_PANEL_HEIGHT_PX = (440, 800)
"""As low as that for a flat scene, as high as that for a tall one."""
_PERSPECTIVE_WIDTH_PX = 960
_LEGEND_HEIGHT_PX = 124
_PADDING_PX = (72, 116)
"""Room that is kept free in a panel, in all: left and right, top and bottom."""

_FAINT: Rgb = (110, 116, 126)
_FRAME: Rgb = (214, 216, 220)

_MAX_LABELS = 5
_LINE_WIDTH_PX = {"true": 1.6, "estimated": 2.6, "other": 1.4, "error": 1.6}

Project = Callable[[FloatArray], FloatArray]
"""Points (n, 3) of the view frame to (n, 3): x and y in the picture, then the distance from the eye."""


def to_png(view: CamerasView) -> bytes:
    """Return the picture, `WIDTH_PX` wide; equal views give equal bytes."""
    with io.BytesIO() as file:
        draw(view).save(file, format="PNG")
        return file.getvalue()


def draw(view: CamerasView) -> Image.Image:
    """Draw the two views, the colour scale, the legend and the names of the worst cameras."""
    perspective, from_above = _Projection.fitted(view, _perspective(view)), _Projection.fitted(view, _from_above(view))
    top, middle = _PANEL_TOP_PX, MARGIN_PX + _PERSPECTIVE_WIDTH_PX
    wanted = (perspective.wanted_height(middle - MARGIN_PX), from_above.wanted_height(WIDTH_PX - MARGIN_PX - middle))
    bottom = top + round(float(np.clip(max(wanted), *_PANEL_HEIGHT_PX)))
    canvas = Canvas(WIDTH_PX, bottom + _LEGEND_HEIGHT_PX)
    room = WIDTH_PX - 2 * MARGIN_PX
    canvas.text((MARGIN_PX, 22), canvas.clip(f"{view.scene.dataset} / {view.scene.scene}", 34, room), 34)
    canvas.text((MARGIN_PX, 66), canvas.clip(describe(view.scene), 20, room), 20, _FAINT)

    left_box = (MARGIN_PX, top, middle, bottom)
    right_box = (middle + 20, top, WIDTH_PX - MARGIN_PX, bottom)
    outside = _draw_panel(canvas, view, left_box, perspective.into(left_box), is_main=True)
    caption = "seen from behind and above; up is estimated from the true cameras"
    if outside:
        caption += f"; {outside} submitted cameras lie outside"
    canvas.text((left_box[0] + 12, bottom - 30), caption, 16, _FAINT)
    _draw_panel(canvas, view, right_box, from_above.into(right_box), is_main=False)
    canvas.text((right_box[0] + 12, bottom - 30), "from above", 16, _FAINT)
    _scale_bar(canvas, (right_box[2] - 16, bottom - 22), from_above.factor(right_box))
    _legend(canvas, view, bottom + 24)
    return canvas.finished()


@dataclass(frozen=True, slots=True, eq=False)
class _Projection:
    """A projection and the rectangle of it, from `low` to `high` (2,), that is to be seen."""

    project: Project
    low: FloatArray
    high: FloatArray

    @classmethod
    def fitted(cls, view: CamerasView, project: Project) -> _Projection:
        """Show the true cameras, and of the others those near them."""
        near = [
            camera.corners()
            for camera in view.cameras
            if camera.group == "true" or np.linalg.norm(camera.view_from_cam[:, 3]) < 1.3 * view.radius
        ]
        points = project(np.concatenate(near) if near else view.radius * np.array([[-1.0, -1, -1], [1, 1, 1]]))
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        return cls(project, low, np.maximum(high, low + 1e-9 * float((high - low).max())))

    def wanted_height(self, width: float) -> float:
        """Return the height of a box of this width that is filled, in pixels."""
        across, down = self.high - self.low
        return float((width - _PADDING_PX[0]) * down / across + _PADDING_PX[1])

    def factor(self, box: Box) -> float:
        """Return pixels per unit of the projection."""
        room = np.array([box[2] - box[0] - _PADDING_PX[0], box[3] - box[1] - _PADDING_PX[1]])
        return float(np.min(room / (self.high - self.low)))

    def into(self, box: Box) -> Project:
        """Return the projection to pixels, in the middle of the box."""
        factor = self.factor(box)
        center = np.array([box[0] + box[2], box[1] + box[3] - 24]) / 2

        def placed(points: FloatArray) -> FloatArray:
            flat = self.project(points)
            return np.column_stack([(flat[:, :2] - (self.low + self.high) / 2) * factor + center, flat[:, 2]])

        return placed


@dataclass(frozen=True, slots=True)
class _Stroke:
    """Something to be painted at a distance from the eye."""

    distance: float
    paint: Callable[[], None]


def _draw_panel(canvas: Canvas, view: CamerasView, box: Box, project: Project, *, is_main: bool) -> int:
    """Draw the cameras into a box, the farthest first; returns how many of those that were submitted lie outside.

    The main panel has photos and names, too.
    """
    inside = Canvas(WIDTH_PX, box[3])
    inside.rectangle(box, WHITE)
    thinner = 1.0 if len(view.cameras) < 120 else 0.6
    strokes: list[_Stroke] = []
    outside = 0
    for camera in view.cameras:
        points = project(camera.corners())
        if not _is_inside(points[0], box):
            outside += camera.group != "true"
        if np.all(points[:, 2] > 0):
            strokes += _frustum(inside, camera, points, box, thinner, is_main)
    for join in view.joins:
        ends = project(_before_the_eye(join.ends, project))
        strokes.append(_line(inside, ends, join.rgb, _LINE_WIDTH_PX["error"] * thinner, box))
    for stroke in sorted(strokes, key=lambda stroke: -stroke.distance):
        stroke.paint()
    if is_main:
        _label_worst(inside, view, box, project)
    canvas.take(inside, box)
    canvas.rectangle(box, outline=_FRAME)
    return outside


def _frustum(
    canvas: Canvas, camera: DrawnCamera, points: FloatArray, box: Box, thinner: float, with_photos: bool
) -> list[_Stroke]:
    strokes = []
    if with_photos and camera.thumbnail is not None:
        pixels, quad = camera.thumbnail.pixels, points[1:5, :2]
        strokes.append(_Stroke(float(points[1:5, 2].mean()), lambda: canvas.picture(pixels, quad, box)))
    width = _LINE_WIDTH_PX[camera.group] * thinner
    strokes += [_line(canvas, points[list(edge)], camera.rgb, width, box) for edge in FRUSTUM_EDGES]
    if _is_inside(points[0], box):
        x, y, distance = points[0].tolist()
        strokes.append(_Stroke(distance, lambda: canvas.disc((x, y), 1.6 * width, camera.rgb)))
    return strokes


def _line(canvas: Canvas, ends: FloatArray, rgb: Rgb, width: float, box: Box) -> _Stroke:
    # An edge of a photo is as far as the photo itself: the nudge puts it on top.
    distance = float(ends[:, 2].mean()) * (1 - 1e-3)
    seen = _part_inside(ends[:, :2], box)
    return _Stroke(distance, lambda: canvas.line(seen, rgb, width) if seen else None)


def _part_inside(ends: FloatArray, box: Box) -> list[tuple[float, float]]:
    """The part of a line (2, 2) that lies in a box, after Liang and Barsky; nothing where there is none.

    Far-off cameras have places that no drawing library takes.
    """
    start, along = ends[0], ends[1] - ends[0]
    low, high = np.array(box[:2]), np.array(box[2:])
    first, last = 0.0, 1.0
    for axis in range(2):
        if along[axis] == 0:
            if not low[axis] <= start[axis] <= high[axis]:
                return []
            continue
        shares = sorted(((low[axis] - start[axis]) / along[axis], (high[axis] - start[axis]) / along[axis]))
        first, last = max(first, shares[0]), min(last, shares[1])
    if first >= last:
        return []
    return [(float(x), float(y)) for x, y in (start + first * along, start + last * along)]


def _before_the_eye(ends: FloatArray, project: Project) -> FloatArray:
    """A line (2, 3) of the view frame, shortened from its second end until all of it is before the eye."""
    while not np.all(project(ends)[:, 2] > 0):
        ends = np.stack([ends[0], ends.mean(axis=0)])
    return ends


def _is_inside(place: FloatArray, box: Box) -> bool:
    return bool(place[2] > 0 and box[0] <= place[0] <= box[2] and box[1] <= place[1] <= box[3])


def _label_worst(canvas: Canvas, view: CamerasView, box: Box, project: Project) -> None:
    """Name the worst estimated cameras that are seen."""
    errors = dict(zip(view.scene.photos, view.scene.errors.tolist(), strict=True))
    measured = [camera for camera in view.cameras if camera.group == "estimated" and errors[camera.photo] >= 0]
    taken: list[tuple[float, float]] = []
    for camera in sorted(measured, key=lambda camera: -errors[camera.photo])[:_MAX_LABELS]:
        corners = project(camera.corners())
        if not _is_inside(corners[0], box):
            continue
        words = f"{canvas.clip(camera.photo, 14, 170)}  {errors[camera.photo]:.2g}"
        # Away from the photo, but inside the panel.
        width = canvas.width_of(words, 14)
        is_left = corners[1:5, 0].mean() > corners[0, 0]
        x = float(np.clip(corners[0, 0] + (-8 - width if is_left else 8), box[0] + 6, box[2] - width - 6))
        y = float(corners[0, 1] + 2)
        while any(abs(y - other_y) < 18 and abs(x - other_x) < width for other_x, other_y in taken):
            y += 18
        if y > box[3] - 50:
            continue
        taken.append((x, y))
        canvas.text((x, y), words, 14)


def _perspective(view: CamerasView) -> Project:
    turn, tilt = math.radians(32.0), math.radians(26.0)
    around = np.array([[math.cos(turn), 0, -math.sin(turn)], [0, 1, 0], [math.sin(turn), 0, math.cos(turn)]])
    over = np.array([[1, 0, 0], [0, math.cos(tilt), -math.sin(tilt)], [0, math.sin(tilt), math.cos(tilt)]])
    rotation, eye = over @ around, 4.0 * view.radius

    def project(points: FloatArray) -> FloatArray:
        turned = points @ rotation.T
        distance = eye - turned[:, 2]
        safe = np.where(distance > 0.05 * eye, distance, np.nan)
        planar = np.stack([turned[:, 0], -turned[:, 1]], axis=1) / safe[:, None]
        return np.column_stack([planar, np.where(np.isnan(safe), -1.0, distance)])

    return project


def _from_above(view: CamerasView) -> Project:
    def project(points: FloatArray) -> FloatArray:
        return np.column_stack([points[:, 0], points[:, 2], 1e6 * view.radius - points[:, 1]])

    return project


def _scale_bar(canvas: Canvas, right: tuple[float, float], pixels_per_unit: float) -> None:
    """A bar of a round length, as long as a fifth of the panel or less, in the unit of the true cameras."""
    longest = 120 / pixels_per_unit
    power = 10 ** math.floor(math.log10(longest))
    length = next(step * power for step in (5, 2, 1) if step * power <= longest)
    x, y = right
    canvas.line([(x - length * pixels_per_unit, y), (x, y)], INK, 3)
    canvas.text((x - length * pixels_per_unit / 2, y - 8), f"{length:g}", 16, INK, anchor="mb")


def _legend(canvas: Canvas, view: CamerasView, top: float) -> None:
    by_error = tuple(scale_rgb(position) for position in np.linspace(0, 1, 7))
    entries: list[tuple[tuple[Rgb, ...], str]] = [
        ((TRUE_RGB,), "true camera; with a photo where there is no estimate"),
        (by_error, "estimated camera, coloured by error; a line joins it with its true place"),
    ]
    if any(camera.group == "other" for camera in view.cameras):
        entries.append(((OTHER_RGB,), "camera of a photo that belongs to another scene"))
    for row, (colours, words) in enumerate(entries):
        middle, width = top + 8 + 26 * row, 28 / len(colours)
        for step, rgb in enumerate(colours):
            left = MARGIN_PX + step * width
            canvas.rectangle((left, middle - 2, left + width, middle + 2), rgb)
        canvas.text((MARGIN_PX + 36, middle), words, 17, anchor="lm")
    _colour_scale(canvas, view, (WIDTH_PX - MARGIN_PX - 480, top + 4, WIDTH_PX - MARGIN_PX - 30, top + 24))


def _colour_scale(canvas: Canvas, view: CamerasView, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = box
    width = right - left
    for step in range(int(width)):
        canvas.rectangle((left + step, top, left + step + 1, bottom), scale_rgb(step / (width - 1)))
    last_text = -math.inf
    for threshold in sorted(view.scene.thresholds):
        x = left + scale_position(threshold, view.scene.thresholds) * width
        canvas.line([(x, top - 3), (x, bottom + 5)], INK, 1.5)
        is_chosen = threshold == view.scene.threshold
        if x - last_text > 44 or is_chosen:
            canvas.text((x, bottom + 8), f"{threshold:g}", 15, INK if is_chosen else _FAINT, anchor="ma")
            last_text = x
        if is_chosen:
            canvas.polygon([(x - 6, top - 11), (x + 6, top - 11), (x, top - 3)], INK)
    canvas.text((left, bottom + 32), "error: distance from the true place; marks: the scene's thresholds", 15, _FAINT)
