"""Drawn pictures with known contents, in COLMAP's pixel convention, and plain values to go with them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from scenesort.types import Camera, Photo


def textured(height, width, seed=0):
    """Return (height, width, 3) uint8: coloured boxes of all sizes and some smooth noise."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 128, np.float32)
    for _ in range(height * width // 700):
        center = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
        size = (float(rng.uniform(6, 45)), float(rng.uniform(6, 45)))
        corners = cv2.boxPoints((center, size, float(rng.uniform(0, 180))))
        colour = rng.uniform(20, 235, 3).tolist()
        cv2.fillPoly(image, [np.round(corners * 16).astype(np.int32)], colour, lineType=cv2.LINE_AA, shift=4)
    image += cv2.GaussianBlur(rng.normal(0, 30, (height, width, 3)).astype(np.float32), (0, 0), 1.2)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def blobs(height, width, centers_px, sigma_px):
    """Return a grey RGB image with a bright Gaussian at each centre (n, 2); pixel centres are at +0.5."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    image = np.full((height, width), 60.0)
    for center_x, center_y in centers_px:
        image += 150 * np.exp(-((x - center_x) ** 2 + (y - center_y) ** 2) / (2 * sigma_px**2))
    return np.repeat(np.clip(np.round(image), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def chessboard(height, width, cell_px, first_px, finer=8):
    """Return a chessboard with an inner corner at `first_px` (x, y), a bit blurred, and all inner corners (n, 2)."""
    y, x = (np.mgrid[0 : height * finer, 0 : width * finer] + 0.5) / finer
    dark = (np.floor((x - first_px[0]) / cell_px) + np.floor((y - first_px[1]) / cell_px)) % 2
    image = cv2.resize((60 + 140 * dark).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    image = np.round(cv2.GaussianBlur(image, (0, 0), 0.7)).astype(np.uint8)
    columns = np.arange(first_px[0] % cell_px, width, cell_px)
    rows = np.arange(first_px[1] % cell_px, height, cell_px)
    return np.repeat(image[..., None], 3, axis=2), np.array([(column, row) for row in rows for column in columns])


def warped(image, homography, size_px):
    """Return the image seen through a homography that maps points of it, in COLMAP's convention, to the result's."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    return cv2.warpPerspective(image, np.linalg.inv(half) @ homography @ half, size_px, borderMode=cv2.BORDER_REFLECT)


def mapped(homography, points_px):
    """Return points (n, 2) mapped by a homography."""
    moved = np.column_stack([points_px, np.ones(len(points_px))]) @ homography.T
    return moved[:, :2] / moved[:, 2:]


def camera(width=640, height=480, focal=600.0, **known):
    """Return a pinhole camera with square pixels and its principal point in the middle."""
    return Camera("SIMPLE_PINHOLE", width, height, (focal, width / 2, height / 2), **known)


def photo(name, width=640, height=480, **known):
    """Return a photo that no file stands behind."""
    values = {
        "path": Path("/nowhere") / name,
        "sha256": "0" * 64,
        "camera": camera(width, height),
        "camera_group": name,
    }
    return Photo(name=name, width_px=width, height_px=height, **(values | known))
