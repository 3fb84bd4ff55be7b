import h5py
import numpy as np

from scenesort.export import write_features, write_matches, write_pairs
from scenesort.types import TwoViewGeometry


def test_features_have_hlocs_layout_and_pixel_origin(tmp_path):
    keypoints = np.array([[0.5, 0.5], [10.25, 3.0]])
    write_features(tmp_path / "features.h5", [("a/b.jpg", keypoints)])
    with h5py.File(tmp_path / "features.h5") as file:
        np.testing.assert_allclose(file["a/b.jpg"]["keypoints"][()], [[0, 0], [9.75, 2.5]])


def test_matches_name_each_keypoints_partner(tmp_path):
    matches = np.array([[0, 2], [3, 1]], dtype=np.uint32)
    geometry = TwoViewGeometry(("a/b.jpg", "c.jpg"), matches, "UNCALIBRATED")
    write_matches(tmp_path / "matches.h5", [(geometry, 5)])
    with h5py.File(tmp_path / "matches.h5") as file:
        group = file["a-b.jpg"]["c.jpg"]
        assert group["matches0"][()].tolist() == [2, -1, -1, 1, -1]
        assert group["matching_scores0"][()].tolist() == [1, 0, 0, 1, 0]


def test_pairs_are_one_line_each(tmp_path):
    write_pairs(tmp_path / "pairs.txt", [("a.jpg", "b.jpg"), ("a.jpg", "c.jpg")])
    assert (tmp_path / "pairs.txt").read_text() == "a.jpg b.jpg\na.jpg c.jpg\n"
