"""COLMAP's SIFT on arrays."""

from __future__ import annotations

import cv2
import numpy as np
import pycolmap

from scenesort.types import Features, ImageArray


class SiftExtractor:
    """COLMAP's CPU SIFT extractor with one thread; decoding and orientation stay ours."""

    def __init__(self, max_keypoints: int) -> None:
        options = pycolmap.FeatureExtractionOptions()
        options.num_threads = 1
        options.use_gpu = False
        options.sift.max_num_features = max_keypoints
        self._extractor = pycolmap.FeatureExtractor.create(options, pycolmap.Device.cpu)

    def extract(self, image: ImageArray) -> Features:
        """Return the features of an RGB image (height, width, 3) uint8, largest scales first.

        Keypoints are in COLMAP's convention; descriptors are (n, 128) uint8, root-normalised and scaled by 512.
        """
        height, width = image.shape[:2]
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        keypoints, descriptors = self._extractor.extract_from_uint8_array(grey)
        shapes = np.asarray(pycolmap.keypoints_to_matrix(keypoints), dtype=np.float32).reshape(-1, 4)
        data = np.asarray(descriptors.data, dtype=np.uint8).reshape(-1, 128)
        order = np.argsort(-shapes[:, 2], kind="stable")
        return Features(
            keypoints_px=shapes[order, :2].copy(),
            descriptors=data[order].copy(),
            scores=shapes[order, 2].copy(),
            upright_size_px=(width, height),
        )
