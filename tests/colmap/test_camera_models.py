"""Pixels to rays and back for COLMAP's models, and a camera told in another model's terms."""

import dataclasses

import numpy as np
import pytest

from pictures import camera
from scenesort.colmap import as_model, focal_px, pixels_from_points, rays_from_pixels

PIXELS = np.random.default_rng(0).uniform([0, 0], [640, 480], (50, 2))
MODELS = {
    "SIMPLE_PINHOLE": (600.0, 320.0, 240.0),
    "PINHOLE": (590.0, 610.0, 321.0, 239.0),
    "SIMPLE_RADIAL": (600.0, 320.0, 240.0, -0.08),
    "OPENCV": (590.0, 610.0, 321.0, 239.0, -0.1, 0.02, 0.001, -0.002),
    "OPENCV_FISHEYE": (400.0, 400.0, 320.0, 240.0, 0.01, 0.0, 0.0, 0.0),
}


@pytest.mark.parametrize("model", MODELS)
def test_rays_go_back_to_their_pixels(model):
    of = dataclasses.replace(camera(), model=model, params=MODELS[model])
    rays = rays_from_pixels(of, PIXELS)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1.0)
    np.testing.assert_allclose(pixels_from_points(of, 3.0 * rays), PIXELS, atol=1e-4)


def test_points_behind_the_camera_have_no_pixel():
    assert np.isnan(pixels_from_points(camera(), np.array([[0.0, 0.0, -1.0]]))).all()
    assert pixels_from_points(camera(), np.zeros((0, 3))).shape == (0, 2)


def test_a_camera_is_told_in_another_models_terms():
    wide = dataclasses.replace(camera(), model="OPENCV", params=MODELS["OPENCV"])
    guess = dataclasses.replace(camera(), model="SIMPLE_RADIAL", params=(1.0, 0.0, 0.0, 0.3), has_focal_prior=True)
    found = as_model(wide, guess)
    assert found.params == (600.0, 321.0, 239.0, 0.3)
    assert found.has_focal_prior
    assert as_model(guess, wide).params == (1.0, 1.0, 0.0, 0.0, *MODELS["OPENCV"][4:])
    assert as_model(dataclasses.replace(guess, params=(2.0, 1.0, 1.0, 0.1)), guess).params == (2.0, 1.0, 1.0, 0.1)
    assert focal_px(wide) == 600.0
