"""Pairs looked at a second time: crops of photos however they were held, keypoints of what was found, whole runs."""

import csv
import dataclasses
import itertools
import re

import numpy as np
import pytest
from PIL import ExifTags, Image

import scenesort
from pictures import mapped, textured, warped
from rendered import options, shards
from scenesort import geometry, work
from scenesort.config import PhotosOptions
from scenesort.errors import MissingDependencyError, OptionError, WeightsError
from scenesort.pair_matching import PairMatcherOptions
from scenesort.photos import find_photos

pytest_plugins = ["rendered"]

SIZE = (320, 240)
HOMOGRAPHY = np.array([[0.96, -0.09, 18.0], [0.07, 0.98, -6.0], [8e-5, -6e-5, 1.0]])


@pytest.fixture
def two_photos(tmp_path):
    """A picture, and what a homography makes of it, stored turned with an EXIF orientation that says so."""
    folder = tmp_path / "photos"
    folder.mkdir()
    image = textured(SIZE[1], SIZE[0], seed=4)
    Image.fromarray(image).save(folder / "a.png")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(np.rot90(warped(image, HOMOGRAPHY, SIZE)).copy()).save(folder / "b.png", exif=exif)
    return find_photos(folder, PhotosOptions()).photos


def job(first, second, **values):
    given = {
        "box_a": (40, 30, 240, 200),
        "box_b": (60, 20, 260, 200),
        "matcher": "sift+nearest",
        "options": PairMatcherOptions("", (("sift", 1000),)),
        "side_px": 400,
        "device": "cpu",
    }
    return work.LookAgainJob(photo_a=first, photo_b=second, **(given | values))


def test_points_come_in_upright_pixels_of_the_whole_photos(two_photos):
    first, second = two_photos
    assert second.quarter_turns == 1
    found = work.look_again(job(first, second))
    assert len(found) > 80
    assert (found.points_a_px >= [40, 30]).all()
    assert (found.points_a_px <= [240, 200]).all()
    errors = np.linalg.norm(mapped(HOMOGRAPHY, found.points_a_px) - found.points_b_px, axis=1)
    assert np.median(errors) < 0.4
    assert np.mean(errors < 2) > 0.9


def test_a_larger_crop_shows_more(two_photos):
    small, large = (len(work.look_again(job(*two_photos, side_px=side))) for side in (100, 400))
    assert large > 2 * small


def test_points_on_masked_pixels_are_dropped(two_photos, tmp_path):
    first, second = two_photos
    mask = np.full((SIZE[1], SIZE[0]), 255, np.uint8)
    mask[:, 140:] = 0
    Image.fromarray(mask).save(tmp_path / "mask.png")
    masked = dataclasses.replace(first, mask_path=tmp_path / "mask.png", mask_sha256="1")
    whole, part = (work.look_again(job(photo, second)) for photo in (first, masked))
    assert (part.points_a_px[:, 0] < 140).all()
    assert len(part) == (whole.points_a_px[:, 0] < 140).sum()


def inliers_of(out):
    with (out / "pairs.csv").open(newline="") as file:
        return {(row["first"], row["second"]): int(row["inliers"]) for row in csv.DictReader(file)}


LOOKS = {"second_look__matcher": "sift+nearest", "second_look__max_inliers": 0, "second_look__side_px": 900}


class TestRuns:
    @pytest.fixture(scope="class")
    def looked(self, pile, cache, tmp_path_factory):
        out = tmp_path_factory.mktemp("looked") / "out"
        return scenesort.run(pile.photos, out, options=options(**LOOKS), cache=cache, assemble=True), out

    def test_pairs_gain_inliers_and_all_photos_keep_their_places(self, pile, looked, cache, tmp_path):
        result, out = looked
        scenesort.run(pile.photos, tmp_path / "once", options=options(), cache=cache)
        before, after = inliers_of(tmp_path / "once"), inliers_of(out)
        assert set(before) <= set(after)
        gains = [after[pair] - before[pair] for pair in before]
        assert np.mean([gain > 0 for gain in gains]) > 0.7
        (collection,) = result.collections.values()
        members = [sorted(photo.name for photo in scene.photos) for scene in collection.scenes]
        assert sorted(members) == sorted([pile.names("market"), pile.names("lane")])
        for scene in collection.scenes:
            truth = {photo.name: pile.pose_of[photo.name] for photo in scene.photos}
            assert rotation_errors_deg(scene, truth).max() < 1.0

    def test_the_same_command_again_makes_nothing_anew(self, pile, looked, cache, tmp_path):
        before = shards(cache)
        scenesort.run(pile.photos, tmp_path / "again", options=options(**LOOKS), cache=cache)
        assert shards(cache) == before

    def test_the_assembled_files_have_the_new_keypoints(self, looked):
        import h5py

        _, out = looked
        with h5py.File(next(out.rglob("features.h5"))) as features, h5py.File(next(out.rglob("matches.h5"))) as matches:
            for first, second in inliers_of(out):
                rows = matches[first.replace("/", "-")][second.replace("/", "-")]["matches0"][:]
                assert len(rows) == len(features[first]["keypoints"])
                assert rows.max() < len(features[second]["keypoints"])

    def test_a_time_limit_leaves_no_time_for_it(self, pile, cache, tmp_path):
        chosen = options(**LOOKS, budget__time_limit_s=120.0)
        (collection,) = scenesort.run(pile.photos, tmp_path, options=chosen, cache=cache).collections.values()
        assert "time limit: pairs are not looked at a second time" in collection.notices

    @pytest.mark.parametrize(
        ("values", "error", "message"),
        [
            ({"second_look__matcher": "efficientlftr"}, OptionError, "did you mean 'efficientloftr'"),
            ({"second_look__matcher": "sift+lighterglue"}, OptionError, r"second_look\.matcher: 'sift\+lighterglue'"),
            ({"second_look__model": "loftr"}, OptionError, "nothing uses it"),
            ({"second_look__matcher": "sift+nearest", "second_look__model": "x"}, OptionError, "not for sift"),
            (
                {"second_look__matcher": "efficientloftr", "second_look__model": "/nowhere"},
                WeightsError,
                "'/nowhere' is neither a folder",
            ),
            ({"second_look__matcher": "efficientloftr"}, WeightsError, "weights fetch efficientloftr"),
            ({"second_look__matcher": "vismatch"}, MissingDependencyError, "pip install vismatch"),
            ({"features__more_sides_px": ("1500", "big")}, OptionError, "'big' should be a number of pixels above"),
            ({"features__more_sides_px": ("400",)}, OptionError, "'400' should be a number of pixels above"),
        ],
    )
    def test_mistakes_show_before_the_first_photo_is_read(self, pile, tmp_path, values, error, message):
        with pytest.raises(error, match=message):
            scenesort.run(pile.photos, tmp_path / "out", options=options(**values))
        assert not list((tmp_path / "out").rglob("*.safetensors"))


def rotation_errors_deg(scene, truth):
    """Angles between relative rotations of neighbours, found and true."""
    photos = sorted(scene.photos, key=lambda photo: photo.name)
    found = [b.cam_from_world[:, :3] @ a.cam_from_world[:, :3].T for a, b in itertools.pairwise(photos)]
    true = [truth[b.name][:, :3] @ truth[a.name][:, :3].T for a, b in itertools.pairwise(photos)]
    return geometry.rotation_angle_deg(np.array(found), np.array(true))


class TestMoreLooksForFeatures:
    def features(self, photo, **values):
        return work.extract(work.FeaturesJob(photo, "sift", 400, 160, "cpu", **values))

    def test_a_larger_side_and_tiles_add_keypoints_at_their_places(self, two_photos):
        first, _ = two_photos
        plain = self.features(first)
        larger = self.features(first, more_sides_px=(320,))
        tiled = self.features(first, tiles=2)
        assert len(larger) > 1.2 * len(plain)
        assert len(tiled) > 1.2 * len(plain)
        for more in (larger, tiled):
            assert (np.diff(more.scores) <= 0).all()
            assert more.upright_size_px == SIZE
            kept = {
                (*point, *row) for point, row in zip(more.keypoints_px.tolist(), more.descriptors.tolist(), strict=True)
            }
            first_look = zip(plain.keypoints_px.tolist(), plain.descriptors.tolist(), strict=True)
            assert all((*point, *row) in kept for point, row in first_look)

    def test_a_side_that_a_photo_lacks_and_tiles_of_a_small_one_change_nothing(self, two_photos):
        first, _ = two_photos
        plain = self.features(first)
        assert self.features(first, more_sides_px=(321,)).keypoints_px.tobytes() == plain.keypoints_px.tobytes()
        small = work.FeaturesJob(first, "sift", 400, 400, "cpu")
        untiled, tiled = work.extract(small), work.extract(dataclasses.replace(small, tiles=3))
        assert untiled.keypoints_px.tobytes() == tiled.keypoints_px.tobytes()

    def test_masks_hold_for_tiles(self, two_photos, tmp_path):
        first, _ = two_photos
        mask = np.full((SIZE[1], SIZE[0]), 255, np.uint8)
        mask[100:] = 0
        Image.fromarray(mask).save(tmp_path / "mask.png")
        masked = dataclasses.replace(first, mask_path=tmp_path / "mask.png", mask_sha256="1")
        found = self.features(masked, tiles=2, more_sides_px=(320,))
        assert len(found) > 50
        assert (found.keypoints_px[:, 1] < 101).all()


def test_the_help_names_what_can_look_again():
    (row,) = [row for row in scenesort.config.explain("second_look.matcher")]
    assert re.search("efficientloftr or vismatch", row[3])
