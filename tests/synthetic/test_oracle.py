"""The oracle: exact where asked to be, else as far off as asked, and it says which photos are worst."""

import numpy as np
import pytest

from oracle_worlds import inputs_of, oracle, walk
from scenesort import geometry
from scenesort.errors import OptionError, WeightsError
from scenesort.mapping.pose_models import PoseModel, PoseModelOptions
from scenesort.synthetic.oracle import Oracle, OracleNoise, read_noise
from scenesort.synthetic.truth import write_depths

SIZE_M = 10.0


def errors(noise, count=200):
    """Rotation errors in degrees, centre errors in scene sizes, and confidences, in the true frame."""
    views = walk(count)
    found = oracle(views, noise).predict(inputs_of(views)).photos
    poses = np.array([photo.cam_from_world for photo in found])
    truth = np.array([view.cam_from_world for view in views.values()])
    turns = geometry.rotation_angle_deg(poses[:, :, :3], truth[:, :, :3])
    shifts = np.linalg.norm(geometry.center_in_world(poses) - geometry.center_in_world(truth), axis=1)
    return turns, shifts / SIZE_M, np.array([photo.confidence for photo in found])


def test_noise_is_what_was_asked_for_and_confidence_tells_of_it():
    turns, shifts, confidence = errors(OracleNoise(rotation_deg=1.0, translation=0.02, random_frame=False))
    assert np.sqrt(np.mean((turns * confidence) ** 2)) == pytest.approx(1.0, rel=0.15)
    assert np.sqrt(np.mean((shifts * confidence) ** 2)) == pytest.approx(0.02, rel=0.15)
    low, high = np.argsort(confidence)[:60], np.argsort(confidence)[-60:]
    assert np.mean(turns[low]) > 1.3 * np.mean(turns[high])


def test_drift_grows_along_the_photos():
    turns, shifts, _ = errors(OracleNoise(drift_deg=0.1, random_frame=False), 50)
    np.testing.assert_allclose(turns, 0.1 * np.arange(50), atol=1e-6)
    assert shifts[-1] > 10 * shifts[5]


def test_outliers_are_as_many_as_asked_and_unsure():
    turns, _, confidence = errors(OracleNoise(outliers=0.2, random_frame=False))
    wrong = turns > 5
    assert 0.1 < wrong.mean() < 0.3
    assert confidence[wrong].max() < confidence[~wrong].min()


def test_points_project_onto_their_cells_and_every_call_has_its_own_frame():
    views = walk(4)
    model = oracle(views, OracleNoise())
    first, again = model.predict(inputs_of(views)).photos, model.predict(inputs_of(views)).photos
    other = model.predict(inputs_of(views)[::-1]).photos[::-1]
    assert isinstance(model, PoseModel)
    for photo, same, moved in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(photo.cam_from_world, same.cam_from_world)
        assert np.abs(photo.cam_from_world - moved.cam_from_world).max() > 0.01
        points = photo.point_map.points_xyz.reshape(-1, 3).astype(np.float64)
        local = geometry.transform_points(photo.cam_from_world, points)
        focal, cx, cy, _ = photo.camera.params
        pixels = focal * local[:, :2] / local[:, 2:] + [cx, cy]
        rows, columns = np.mgrid[: photo.point_map.confidence.shape[0], : photo.point_map.confidence.shape[1]]
        grid = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5, np.ones(rows.size)], axis=1)
        np.testing.assert_allclose(pixels, grid @ photo.point_map.frame_from_grid.T, atol=0.01)


def test_folders_that_hold_no_truth(tmp_path):
    with pytest.raises(WeightsError, match=r"set pose_models\.model"):
        Oracle(PoseModelOptions(), "cpu")
    with pytest.raises(WeightsError, match=r"labels\.csv is missing"):
        Oracle(PoseModelOptions(model=str(tmp_path)), "cpu")
    (tmp_path / "labels.csv").write_text("dataset,scene,image,rotation_matrix,translation_vector\n")
    (tmp_path / "cameras.csv").write_text("image,model,width,height,params\n")
    write_depths(tmp_path, {"a.jpg": np.ones((2, 2), np.float32)}, 8)
    whole = (tmp_path / "depths.npz").read_bytes()
    (tmp_path / "depths.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="is damaged"):
        Oracle(PoseModelOptions(model=str(tmp_path)), "cpu")


@pytest.mark.parametrize("text", ["rotation = 1.0", "rotation_deg = true", "points = -1", "outliers = ["])
def test_wrong_noise_files_are_named(tmp_path, text):
    path = tmp_path / "oracle.toml"
    path.write_text(text)
    with pytest.raises(OptionError, match=r"oracle\.toml"):
        read_noise(path)
