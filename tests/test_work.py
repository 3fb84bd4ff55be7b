"""What workers do: masks, orientation, joined keypoints, verification, colours."""

import hashlib

import numpy as np
import pytest
from PIL import ExifTags, Image

from mapped_worlds import poses_on_an_arc, projected, random_points
from pictures import blobs, camera, photo, textured
from scenesort import artefacts, geometry, work
from scenesort.config import MatchingOptions, PhotosOptions, VerificationOptions
from scenesort.errors import ArtefactLostError, OptionError, PhotoError
from scenesort.photos import find_photos
from scenesort.types import Features
from scenesort.work import PhotoKeys
from scenesort.workspace.shards import ShardStore

CENTERS = np.array([(60.3, 50.6), (141.7, 55.2), (75.4, 121.9)])  # in the stored pixels
SIZE = (200, 160)


def stored(folder, orientation=1, name="a.png"):
    """Save a picture of three blobs whose stored pixels are always the same, and return its photo."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(blobs(SIZE[1], SIZE[0], CENTERS, 5.0)).save(folder / name, exif=exif)
    (found,) = find_photos(folder, PhotosOptions()).photos
    return found


def saved(store, kind, packed):
    """Keep an artefact and return its key."""
    arrays, meta = packed
    name = hashlib.sha256(repr(sorted((key, array.tobytes()) for key, array in arrays.items())).encode()).hexdigest()
    store.save_arrays(kind, name, arrays, meta)
    return name


@pytest.fixture
def store(tmp_path):
    return ShardStore(tmp_path / "store", note=print)


@pytest.mark.parametrize(("orientation", "quarter_turns"), [(1, 0), (6, 1), (3, 2), (8, 3)])
@pytest.mark.parametrize("max_side_px", [1024, 120])
def test_keypoints_land_in_the_frame_however_the_photo_was_held(
    tmp_path, store, orientation, quarter_turns, max_side_px
):
    of = stored(tmp_path / "photos", orientation)
    assert of.quarter_turns == quarter_turns
    found = work.extract(work.FeaturesJob(of, "sift", 200, max_side_px, "cpu"))
    assert found.upright_size_px == of.upright_size_px
    assert found.upright_size_px == (SIZE[::-1] if quarter_turns % 2 else SIZE)
    key = saved(store, "features", artefacts.pack_features(found))
    frame = work.frame_keypoints(store.root, PhotoKeys(of, (key,)))
    assert frame.dtype == np.float64
    distance = np.linalg.norm(frame[None] - CENTERS[:, None], axis=2)
    assert distance.min(axis=1).max() < 0.3
    offset = (frame[distance.argmin(axis=1)] - CENTERS).mean(axis=0)
    np.testing.assert_allclose(offset, 0, atol=0.12)


@pytest.mark.parametrize("orientation", [1, 6, 3, 8])
@pytest.mark.parametrize("max_side_px", [1024, 100])
def test_features_on_black_are_dropped(tmp_path, orientation, max_side_px):
    folder = tmp_path / "photos"
    plain = stored(folder, orientation)
    mask = np.full((SIZE[1], SIZE[0]), 255, np.uint8)
    mask[:, 100:] = 0  # in the stored pixels, as the second blob
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png.png")
    (masked,) = find_photos(folder, PhotosOptions(masks=str(tmp_path / "masks"))).photos
    assert masked.mask_path is not None

    whole, part = (work.extract(work.FeaturesJob(of, "sift", 200, max_side_px, "cpu")) for of in (plain, masked))
    kept = {tuple(point) for point in part.keypoints_px.tolist()}
    upright = geometry.upright_from_frame_px(CENTERS, SIZE, plain.quarter_turns)
    near = [np.linalg.norm(whole.keypoints_px - center, axis=1).argmin() for center in upright]
    assert [tuple(whole.keypoints_px[row].tolist()) in kept for row in near] == [True, False, True]
    assert kept < {tuple(point) for point in whole.keypoints_px.tolist()}
    assert len(part.keypoints_px) == len(part.descriptors) == len(part.scores)
    frame = geometry.frame_from_upright_px(part.keypoints_px, SIZE, plain.quarter_turns)
    assert (frame[:, 0] < 100 + SIZE[0] / max_side_px).all()


def test_a_photo_that_is_gone_is_named(tmp_path):
    of = stored(tmp_path / "photos")
    with pytest.raises(OptionError, match="no features member"):
        work.extract(work.FeaturesJob(of, "sift2", 200, 1024, "cpu"))
    of.path.unlink()
    with pytest.raises(PhotoError, match=r"a\.png"):
        work.extract(work.FeaturesJob(of, "sift", 200, 1024, "cpu"))


def features_at(points, size=(640, 480), seed=0):
    """Return features with random unit descriptors, one for each row's number and the same in every photo."""
    vectors = np.random.default_rng(seed).normal(size=(len(points), 32))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = np.linspace(1, 0.5, len(points), dtype=np.float32)
    return Features(points.astype(np.float32), vectors.astype(np.float16), scores, size)


def test_members_keypoints_are_joined_in_the_mixs_order(store):
    first, second = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0]])
    keys = tuple(saved(store, "features", artefacts.pack_features(features_at(points))) for points in (first, second))
    side = PhotoKeys(photo("a.jpg"), keys)
    np.testing.assert_array_equal(work.frame_keypoints(store.root, side), np.concatenate([first, second]))
    assert work.keypoint_starts(store.root, keys) == [0, 2, 3]
    turned = PhotoKeys(photo("b.jpg", quarter_turns=1), keys[:1])
    np.testing.assert_array_equal(work.frame_keypoints(store.root, turned), [[2, 479], [4, 477]])


def test_screening_matching_and_verifying_follow_the_artefacts(store):
    """Two photos whose two members see 60 and 40 of the same points; the last ten of the second are wrong."""
    poses, points = poses_on_an_arc(5)[[0, 2]], random_points(100)
    sides, pixels = [], []
    for row, pose in enumerate(poses):
        seen = projected(pose, points, camera())
        if row:
            seen[90:] = seen[90:][::-1] + 60
        pixels.append(seen.astype(np.float32))
        keys = tuple(
            saved(store, "features", artefacts.pack_features(features_at(part, seed=slot)))
            for slot, part in enumerate((seen[:60], seen[60:]))
        )
        known = {"camera": camera(has_focal_prior=True)}
        sides.append(PhotoKeys(photo(f"{row}.jpg", **known), keys))

    rows, columns = sides[0].features[0], sides[1].features[0]
    scores = work.screen(work.ScreenJob(store.root, (rows, columns), np.array([[0, 1], [0, 0]]), 50))
    assert scores.shape == (2,)
    assert scores[1] == 50
    assert 45 < scores[0] <= 50

    sources = []
    for slot, count in enumerate((60, 40)):
        job = work.MatchJob(store.root, (tuple(sides),), slot, "nearest", MatchingOptions(), "cpu")
        found = work.match(job)
        assert found[0].tolist() == [[row, row] for row in range(count)]
        sources.append(
            (slot, saved(store, "matches", artefacts.pack_matches([np.zeros((0, 2), np.uint32), *found])), 1)
        )

    options = VerificationOptions(max_trials=1000)
    pair = work.VerifyPair(*sides, tuple(sources))
    nothing = work.VerifyPair(*sides, ((*sources[0][:2], 0),))
    verified, none = work.verify(work.VerifyJob(store.root, (pair, nothing), options, seed=0))
    assert none is None
    assert verified.pair == ("0.jpg", "1.jpg")
    inliers = verified.inlier_matches
    assert {tuple(row) for row in inliers.tolist()} >= {(row, row) for row in range(90)}
    assert (inliers[:, 0] == inliers[:, 1]).all()
    assert (inliers[:, 0] >= 90).sum() <= 4


def test_a_lost_artefact_is_told(store):
    with pytest.raises(ArtefactLostError, match=r"features abababababab….*run the same command again"):
        work.screen(work.ScreenJob(store.root, ("ab" * 32,), np.array([[0, 0]]), 50))


@pytest.mark.parametrize("orientation", [1, 6])
def test_colours_are_those_of_the_stored_pixels(tmp_path, orientation):
    pixels = textured(48, 64)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    (tmp_path / "photos").mkdir()
    Image.fromarray(pixels).save(tmp_path / "photos" / "a.png", exif=exif)
    (of,) = find_photos(tmp_path / "photos", PhotosOptions()).photos
    wanted = np.array([[0.0, 0.0], [10.9, 20.1], [63.99, 47.99], [64.0, 48.0], [-0.4, 70.0]])
    found = work.colours(work.ColourJob(of, wanted))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, pixels[[0, 20, 47, 47, 47], [0, 10, 63, 63, 0]])
    assert work.colours(work.ColourJob(of, np.zeros((0, 2)))).shape == (0, 3)
