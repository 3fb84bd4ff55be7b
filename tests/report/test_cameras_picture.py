"""The picture of aligned cameras."""

from __future__ import annotations

import io

import numpy as np
import pytest
from cameras_made_up import STRANGER, UNPOSED, made_up_scene, made_up_thumbnails, truth_alone
from PIL import Image

from scenesort.report.cameras_picture import WIDTH_PX, _part_inside, draw, to_png
from scenesort.report.cameras_view import OTHER_RGB, TRUE_RGB, Rgb, lay_out, scale_rgb

PANELS = (slice(110, 540), slice(30, 1570))


def count(pixels: np.ndarray, rgb: Rgb) -> int:
    """Pixels of nearly this colour within the panels."""
    return int((np.abs(pixels[PANELS].astype(int) - rgb).max(axis=2) < 12).sum())


def test_both_kinds_of_cameras_are_seen() -> None:
    content = to_png(lay_out(made_up_scene(), {}))
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        assert image.width == WIDTH_PX
        pixels = np.asarray(image)
    assert count(pixels, TRUE_RGB) > 300
    assert count(pixels, scale_rgb(0.0)) > 300
    assert count(pixels, scale_rgb(1.0)) > 100
    assert count(pixels, OTHER_RGB) > 50


def test_photos_are_seen_on_frusta_the_right_way_round() -> None:
    pixels = np.asarray(draw(lay_out(made_up_scene(), made_up_thumbnails("gate_2.jpg"))))[PANELS].astype(int)
    plain = np.asarray(draw(lay_out(made_up_scene(), {})))
    red = np.argwhere((pixels[:, :, 0] > 200) & (pixels[:, :, 1] < 60) & (pixels[:, :, 2] < 60))
    green = np.argwhere((pixels[:, :, 1] > 200) & (pixels[:, :, 0] < 60) & (pixels[:, :, 2] < 60))
    assert min(len(red), len(green)) > 200
    assert count(plain, (230, 20, 20)) == 0
    # Seen from behind the camera, the photo's left is at the left.
    assert red[:, 1].mean() < green[:, 1].mean()


def test_the_truth_alone_has_no_other_colours() -> None:
    pixels = np.asarray(draw(lay_out(truth_alone(), {})))
    assert count(pixels, TRUE_RGB) > 300
    assert count(pixels, scale_rgb(0.0)) == count(pixels, scale_rgb(1.0)) == count(pixels, OTHER_RGB) == 0


@pytest.mark.parametrize("far", [40.0, -1e4, 1e12])
def test_a_lost_camera_does_not_shrink_the_others(far: float) -> None:
    usual, lost = (np.asarray(draw(lay_out(made_up_scene(far=distance), {}))) for distance in (0.3, far))
    assert count(lost, TRUE_RGB) > 0.7 * count(usual, TRUE_RGB)


def test_equal_scenes_give_equal_bytes() -> None:
    first, second = (to_png(lay_out(made_up_scene(), made_up_thumbnails(UNPOSED, STRANGER))) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("ends", "seen"),
    [
        ([[1, 1], [3, 2]], [(1, 1), (3, 2)]),
        ([[5, 5], [1e9, 5]], [(5, 5), (10, 5)]),
        ([[-4, 2], [8, 8]], [(0, 4), (8, 8)]),
        ([[-1, 0], [-1, 9]], []),
        ([[-9, 5], [5, 19]], []),
        ([[0, 12], [5, 12]], []),
    ],
)
def test_lines_are_cut_at_the_panel(ends: list[list[float]], seen: list[tuple[float, float]]) -> None:
    np.testing.assert_allclose(_part_inside(np.array(ends, dtype=float), (0, 0, 10, 10)), seen, atol=1e-9)
