"""Tracks from verified matches: whole, with one keypoint a photo, whatever the matches say."""

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mapped_worlds import mapping_task, poses_on_an_arc, random_points
from predicted_worlds import with_matches
from scenesort.mapping.refinement.tracks import build_tracks
from scenesort.types import MappingPhoto, TwoViewGeometry

CHAIN = mapping_task(poses_on_an_arc(4), random_points(30), reach=1)


def test_chained_matches_become_one_track_a_point():
    tracks = build_tracks(CHAIN.photos, CHAIN.geometries)
    assert len(tracks) == 30
    assert (tracks.lengths == 4).all()
    assert (tracks.starts == np.arange(0, 120, 4)).all()
    for row, photo in enumerate(CHAIN.photos):
        own = tracks.photo == row
        np.testing.assert_array_equal(tracks.points_px[own], photo.keypoints_px[tracks.keypoint[own]])
    for track in range(30):
        assert len(set(tracks.keypoint[tracks.track == track])) == 1


def test_a_wrong_match_does_not_tie_two_points_into_one():
    matches = np.column_stack([np.arange(30), np.arange(30)])
    matches[[0, 1], 1] = [1, 0]
    swapped = with_matches(CHAIN, ("01.jpg", "02.jpg"), matches)
    # The other pairs are stronger, so they come first, and a direct pair says what is right.
    right = TwoViewGeometry(("00.jpg", "02.jpg"), np.tile(np.arange(30, dtype=np.uint32)[:, None], 2), "CALIBRATED")
    fewer = TwoViewGeometry(("01.jpg", "02.jpg"), swapped.geometries[1].inlier_matches[:10], "CALIBRATED")
    tracks = build_tracks(CHAIN.photos, (*CHAIN.geometries[::2], right, fewer))
    for track in range(len(tracks)):
        own = tracks.track == track
        assert len(set(tracks.photo[own])) == own.sum()
        assert len(set(tracks.keypoint[own])) == 1, "points 0 and 1 were joined"


@given(st.integers(0, 10_000))
def test_no_track_has_two_keypoints_of_a_photo(seed):
    rng = np.random.default_rng(seed)
    photos = [MappingPhoto(f"{row}", "one", CHAIN.photos[0].camera, rng.normal(size=(12, 2))) for row in range(4)]
    geometries = [
        TwoViewGeometry((f"{a}", f"{b}"), rng.integers(0, 12, (rng.integers(1, 15), 2)).astype(np.uint32), "CALIBRATED")
        for a in range(4)
        for b in range(a + 1, 4)
    ]
    tracks = build_tracks(photos, geometries)
    assert (tracks.lengths > 1).all()
    assert len({*zip(tracks.track, tracks.photo, strict=True)}) == len(tracks.photo)
    assert len({*zip(tracks.photo, tracks.keypoint, strict=True)}) == len(tracks.photo)
    order = np.lexsort((tracks.photo, tracks.track))
    np.testing.assert_array_equal(order, np.arange(len(order)))


def test_order_of_pairs_does_not_matter_and_strangers_are_left_out():
    stranger = TwoViewGeometry(("00.jpg", "zz.jpg"), CHAIN.geometries[0].inlier_matches, "CALIBRATED")
    first = build_tracks(CHAIN.photos, CHAIN.geometries)
    again = build_tracks(CHAIN.photos, (*reversed(CHAIN.geometries), stranger))
    for name in ("photo", "keypoint", "track", "points_px"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert len(build_tracks(CHAIN.photos, ())) == 0


def test_what_is_kept_is_renumbered_and_lone_observations_go():
    tracks = build_tracks(CHAIN.photos, CHAIN.geometries)
    observations = np.ones(len(tracks.photo), dtype=bool)
    observations[:3] = False
    chosen = np.ones(30, dtype=bool)
    chosen[5] = False
    kept, old = tracks.keep(observations, chosen)
    assert old.tolist() == [track for track in range(30) if track not in (0, 5)]
    assert len(kept) == 28
    assert (kept.lengths == 4).all()
    empty, none = tracks.keep(~np.ones(len(tracks.photo), dtype=bool), chosen)
    assert len(empty) == len(none) == 0
    assert dataclasses.is_dataclass(empty)
