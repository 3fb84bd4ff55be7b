"""Photos as models see them: sizes by each upstream's rule, and the exact way back to the frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pose_model_scenes import check_pixels, gradient_photo
from scenesort.mapping.pose_models import PhotoInput
from scenesort.mapping.pose_models.depth_anything_3 import DepthAnything3
from scenesort.mapping.pose_models.mast3r_pairs import mast3r_picture
from scenesort.mapping.pose_models.must3r_memory import must3r_picture
from scenesort.mapping.pose_models.pi3 import Pi3, fitted_size
from scenesort.mapping.pose_models.pictures import cropped, nearest_multiple, padded, resized, to_tensor, whole
from scenesort.mapping.pose_models.vggt import Vggt
from scenesort.types import Camera


def photo(width, height):
    return PhotoInput("a.jpg", gradient_photo(width, height), Camera("SIMPLE_PINHOLE", width, height, (9.0, 5.0, 5.0)))


def bare(adapter, side_px):
    """An adapter that was never loaded, for its rule of sizes."""
    made = object.__new__(adapter)
    made._side_px = side_px
    return made


@given(
    st.integers(8, 60), st.integers(8, 60), st.integers(8, 60), st.integers(8, 60), st.integers(0, 3), st.integers(0, 9)
)
def test_steps_compose_to_one_map(width, height, new_width, new_height, cut, pad):
    picture = resized(whole(np.zeros((height, width, 3), np.uint8)), new_width, new_height, Image.Resampling.BICUBIC)
    part = cropped(picture, cut, cut, new_width - 2 * cut, new_height - 2 * cut)
    framed = padded(part, part.size_px[0] + pad, part.size_px[1] + pad, 255)
    corners = np.array([[framed.columns.start, framed.rows.start, 1], [framed.columns.stop, framed.rows.stop, 1]])
    expected = np.array([[cut, cut], [new_width - cut, new_height - cut]]) * (width / new_width, height / new_height)
    np.testing.assert_allclose(corners @ framed.frame_from_grid.T, expected, atol=1e-9)
    np.testing.assert_allclose(np.array([0, 0, 1]) @ framed.frame_from_part.T, expected[0], atol=1e-9)


def test_padding_has_its_value_and_the_photo_its_place():
    framed = padded(whole(np.zeros((2, 4, 3), np.uint8)), 6, 6, 200)
    assert framed.pixels[framed.rows, framed.columns].max() == 0
    assert framed.pixels.sum() == 200 * 3 * (36 - 8)


def test_tensors_are_normalised():
    pixels = np.array([[[0, 51, 255]]], np.uint8)
    found = to_tensor([whole(pixels)], (0.5, 0.0, 0.5), (0.5, 1.0, 0.25))
    assert found.shape == (1, 3, 1, 1)
    assert found.flatten().tolist() == pytest.approx([-1.0, 0.2, 2.0])


def test_nearest_multiple():
    assert [nearest_multiple(length, 14) for length in (3, 20, 22, 34.9, 518)] == [14, 14, 28, 28, 518]


@pytest.mark.parametrize(("width", "height"), [(301, 199), (199, 301), (251, 251), (640, 301), (97, 64)])
def test_every_rule_shows_what_its_map_says(width, height):
    given = photo(width, height)
    pictures = [
        *bare(Vggt, 140)._pictures([given]),
        *bare(DepthAnything3, 140)._pictures([given]),
        *bare(Pi3, 140)._pictures([given]),
        mast3r_picture(given, 128),
        must3r_picture(given, 224),
        must3r_picture(given, 512),
    ]
    for picture in pictures:
        check_pixels(picture, width, height)


def test_sizes_are_upstreams():
    def sizes(adapter, side, *shapes):
        return [picture.size_px for picture in bare(adapter, side)._pictures([photo(*shape) for shape in shapes])]

    assert sizes(Vggt, 518, (400, 300)) == [(518, 392)]
    assert sizes(Vggt, 518, (300, 400)) == [(518, 518)]
    assert sizes(Vggt, 518, (400, 300), (300, 400)) == [(518, 518), (518, 518)]
    assert sizes(DepthAnything3, 504, (400, 300)) == [(504, 378)]
    assert sizes(DepthAnything3, 504, (400, 300), (300, 400)) == [(378, 378), (378, 378)]
    # 640 x 427: 336.3 becomes 336; 640 x 453: 356.7 becomes 357, and half way up 364.
    assert sizes(DepthAnything3, 504, (640, 427)) == [(504, 336)]
    assert sizes(DepthAnything3, 504, (640, 453)) == [(504, 364)]
    assert sizes(Pi3, 588, (400, 300)) == [(574, 434)]
    assert sizes(Pi3, 588, (400, 300), (300, 400)) == [(504, 504), (504, 504)]
    assert [mast3r_picture(photo(*shape), 512).size_px for shape in ((400, 300), (300, 400), (90, 90), (640, 427))] == [
        (512, 384),
        (384, 512),
        (512, 384),
        (512, 336),
    ]
    assert [must3r_picture(photo(*shape), 512).size_px for shape in ((400, 300), (300, 400), (90, 90), (640, 300))] == [
        (512, 384),
        (384, 512),
        (512, 384),
        (512, 256),
    ]
    assert must3r_picture(photo(64, 48), 224).size_px == (224, 224)


@given(st.floats(0.05, 20), st.sampled_from([140, 280, 588]))
def test_pi3_keeps_to_its_limit(ratio, side_px):
    width, height = fitted_size(ratio, side_px)
    assert width % 14 == height % 14 == 0
    assert min(width, height) >= 14
    assert width * height <= 255_000 * (side_px / 588) ** 2


def test_vggt_pads_with_white_at_the_sides():
    (picture,) = bare(Vggt, 140)._pictures([photo(90, 180)])
    assert (picture.columns, picture.rows) == (slice(35, 105), slice(0, 140))
    assert (picture.pixels[:, :35] == 255).all()


def test_square_photos_lose_top_and_bottom_for_mast3r():
    picture = mast3r_picture(photo(256, 256), 512)
    np.testing.assert_allclose(picture.frame_from_grid, [[0.5, 0, 0], [0, 0.5, 32]])
