"""Every feature member: shapes and order, COLMAP's pixel convention, small and empty pictures, the same twice."""

import numpy as np
import pytest
import torch

from pictures import blobs, chessboard, textured
from scenesort import features
from scenesort.features.tensors import features_from_tensors, image_tensor

MEMBERS = ("sift", "xfeat", "aliked", "disk")
CONVENTION_PX = 0.05


@pytest.fixture(scope="module")
def member(needs_weights):
    """Build a member, once for each number of keypoints."""
    built = {}

    def build(name, max_keypoints=512):
        needs_weights(*features.load(name).weights)
        if (name, max_keypoints) not in built:
            torch.set_num_threads(1)
            built[name, max_keypoints] = features.load(name)(max_keypoints, "cpu")
        return built[name, max_keypoints]

    return build


@pytest.mark.parametrize("name", MEMBERS)
def test_values_have_the_promised_form(member, name):
    image = textured(200, 300)
    found = member(name).extract(image)
    assert isinstance(member(name), features.FeatureMember)
    assert found.upright_size_px == (300, 200)
    assert found.keypoints_px.dtype == found.scores.dtype == np.float32
    assert len(found) > 100
    assert found.keypoints_px.shape == (len(found), 2)
    assert (found.keypoints_px >= 0).all()
    assert (found.keypoints_px <= [300, 200]).all()
    assert (np.diff(found.scores) <= 0).all()
    norms = np.linalg.norm(found.descriptors.astype(np.float64), axis=1)
    if name == "sift":
        assert found.descriptors.dtype == np.uint8
        np.testing.assert_allclose(norms, 512, atol=8)
    else:
        assert found.descriptors.dtype == np.float16
        np.testing.assert_allclose(norms, 1, atol=2e-3)
    assert found.descriptors.shape == (len(found), 64 if name == "xfeat" else 128)


@pytest.mark.parametrize("name", MEMBERS)
def test_the_same_picture_gives_the_same_bytes(member, name):
    image = textured(200, 300)
    first = member(name).extract(image)
    member(name).extract(textured(130, 170, seed=1))
    again = member(name).extract(image.copy())
    for part in ("keypoints_px", "descriptors", "scores"):
        assert getattr(first, part).tobytes() == getattr(again, part).tobytes()


@pytest.mark.parametrize("name", ["xfeat", "aliked"])
def test_the_number_of_keypoints_is_a_limit_and_the_best_stay(member, name):
    image = textured(200, 300)
    many, few = member(name).extract(image), member(name, 50).extract(image)
    assert len(few) == 50
    # ALIKED chooses by the score at the whole pixel and reports the one at the sub-pixel position.
    best = {tuple(point) for point in many.keypoints_px[: 50 if name == "xfeat" else 150].tolist()}
    assert {tuple(point) for point in few.keypoints_px.tolist()} <= best


def test_sift_keeps_about_as_many_as_asked_for(member):
    image = textured(300, 400)
    assert len(member("sift", 100).extract(image)) < 0.5 * len(member("sift", 2000).extract(image))


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 47), (40, 200)])
def test_tiny_pictures_do_not_fail(member, name, height, width):
    found = member(name).extract(textured(height, width))
    assert found.upright_size_px == (width, height)
    assert len(found.keypoints_px) == len(found.descriptors) == len(found.scores)
    assert (found.keypoints_px <= [width, height]).all()


@pytest.mark.parametrize("name", MEMBERS)
def test_an_even_picture_gives_finite_values(member, name):
    found = member(name).extract(np.full((96, 128, 3), 128, np.uint8))
    assert found.descriptors.ndim == 2
    assert np.isfinite(found.keypoints_px).all()
    assert np.isfinite(found.descriptors.astype(np.float32)).all()


def test_sift_finds_blobs_where_they_are(member):
    centers = np.array(
        [(x + 0.37 * i, y + 0.21 * i) for i, (x, y) in enumerate([(60, 50), (140, 55), (61, 120), (140, 121)])]
    )
    found = member("sift").extract(blobs(180, 200, centers, sigma_px=5.0))
    nearest = np.linalg.norm(found.keypoints_px[None] - centers[:, None], axis=2)
    assert nearest.min(axis=1).max() < 0.15
    offset = (found.keypoints_px[nearest.argmin(axis=1)] - centers).mean(axis=0)
    np.testing.assert_allclose(offset, 0, atol=CONVENTION_PX)


def test_sift_has_no_bias_between_a_picture_and_its_turned_copy(member):
    image = textured(240, 320)
    straight = member("sift", 2000).extract(image).keypoints_px
    turned = member("sift", 2000).extract(np.ascontiguousarray(image[::-1, ::-1])).keypoints_px
    distance = np.linalg.norm(straight[:, None] - ([320, 240] - turned)[None], axis=2)
    rows = np.flatnonzero(distance.min(axis=1) < 0.5)
    assert len(rows) > 0.6 * len(straight)
    difference = straight[rows] - ([320, 240] - turned)[distance[rows].argmin(axis=1)]
    np.testing.assert_allclose(difference.mean(axis=0), 0, atol=CONVENTION_PX)


# Learned detectors put keypoints up to two pixels beside a corner, always on the same side, so that a picture turned by
# 180 degrees gives other positions: their pixel convention is checked with networks whose answer is known.


def test_aliked_reports_pixel_centres_at_one_half(member, monkeypatch):
    model = member("aliked")._model
    peaks = [(20, 30), (41, 97), (60, 12)]  # row, column

    def known(image):
        height, width = image.shape[-2:]
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        bumps = [torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 2.0) for row, column in peaks]
        return torch.ones(1, 128, height, width), torch.stack(bumps).sum(dim=0)[None, None]

    monkeypatch.setattr(model, "extract_dense_map", known)
    found = member("aliked").extract(np.zeros((90, 125, 3), np.uint8)).keypoints_px[:3]
    expected = np.array([(column + 0.5, row + 0.5) for row, column in peaks])
    np.testing.assert_allclose(sorted(found.tolist()), sorted(expected.tolist()), atol=CONVENTION_PX)


@pytest.mark.parametrize(("height", "width"), [(96, 128), (110, 150), (127, 159)])
def test_xfeat_reports_pixel_centres_at_one_half(member, monkeypatch, height, width):
    model = member("xfeat")._model
    working = np.array([width // 32 * 32, height // 32 * 32])
    peaks = [(20, 30), (41, 97), (60, 12)]  # row, column of the working picture, whose sides are multiples of 32

    def known(image):
        rows, columns = image.shape[-2] // 8, image.shape[-1] // 8
        logits = torch.full((1, 65, rows, columns), -9.0)
        logits[:, 64] = 9.0
        for row, column in peaks:
            logits[0, row % 8 * 8 + column % 8, row // 8, column // 8] = 30.0
        return torch.ones(1, 64, rows, columns), logits, torch.ones(1, 1, rows, columns)

    monkeypatch.setattr(model.net, "forward", known)
    found = member("xfeat").extract(np.zeros((height, width, 3), np.uint8)).keypoints_px
    expected = np.array([(column + 0.5, row + 0.5) for row, column in peaks]) * [width, height] / working
    np.testing.assert_allclose(sorted(found.tolist()), sorted(expected.tolist()), atol=CONVENTION_PX)


@pytest.mark.parametrize(("name", "share"), [("xfeat", 0.9), ("aliked", 0.4)])
def test_learned_members_find_the_corners_of_a_chessboard(member, name, share):
    image, corners = chessboard(256, 320, 32, (16.3, 16.6))
    found = member(name).extract(image).keypoints_px
    distance = np.linalg.norm(found[None] - corners[:, None], axis=2).min(axis=1)
    assert np.mean(distance < 2.5) >= share


@pytest.mark.parametrize("name", ["xfeat", "aliked"])
def test_keypoints_move_with_the_picture(member, name):
    image = textured(256, 352)
    whole = member(name).extract(image).keypoints_px
    part = member(name).extract(np.ascontiguousarray(image[32:, 64:])).keypoints_px + np.array([64, 32])
    inner = part[(part > [104, 72]).all(axis=1) & (part < [312, 216]).all(axis=1)]
    distance = np.linalg.norm(inner[:, None] - whole[None], axis=2)
    assert np.mean(distance.min(axis=1) < 1.0) > 0.5
    moved = (inner - whole[distance.argmin(axis=1)])[distance.min(axis=1) < 1.0]
    np.testing.assert_allclose(moved.mean(axis=0), 0, atol=CONVENTION_PX)


@pytest.mark.parametrize("name", ["xfeat", "aliked"])
def test_weights_that_do_not_fit_are_refused(name, monkeypatch):
    module = pytest.importorskip(f"scenesort.features.{name}")
    monkeypatch.setattr(module, "load_state", lambda entry: {"strange.weight": torch.zeros(3, 3)})
    with pytest.raises(RuntimeError, match=r"strange\.weight"):
        features.load(name)(64, "cpu")


def test_an_image_becomes_a_tensor_between_0_and_1():
    image = np.zeros((4, 6, 3), np.uint8)
    image[1, 2] = (255, 51, 0)
    tensor = image_tensor(image[:, ::-1], torch.device("cpu"))
    assert tensor.shape == (1, 3, 4, 6)
    np.testing.assert_allclose(tensor[0, :, 1, 3].numpy(), [1, 0.2, 0])


def test_features_come_best_first_and_equal_scores_keep_their_order():
    points = torch.arange(8.0).reshape(4, 2)
    found = features_from_tensors(
        points, torch.eye(4), torch.tensor([0.1, 0.9, 0.5, 0.9]), (9, 9), np.array([0.5, 0.25], np.float32)
    )
    np.testing.assert_array_equal(found.keypoints_px, [[2.5, 3.25], [6.5, 7.25], [4.5, 5.25], [0.5, 1.25]])
    np.testing.assert_array_equal(found.descriptors, np.eye(4)[[1, 3, 2, 0]])
    np.testing.assert_allclose(found.scores, [0.9, 0.9, 0.5, 0.1])
