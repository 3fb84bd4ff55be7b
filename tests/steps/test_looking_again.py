"""Which pairs are looked at again, which new geometry is believed, and what their points become."""

from types import SimpleNamespace

import numpy as np
import pytest

from pictures import photo
from scenesort import artefacts
from scenesort.config import Options, with_values
from scenesort.pair_matching import PixelMatches
from scenesort.steps import looking_again
from scenesort.steps.common import VerifiedPairs
from scenesort.steps.second_keypoints import as_keypoints
from scenesort.types import Features, TwoViewGeometry
from scenesort.work import PhotoKeys
from scenesort.work.loading import frame_keypoints, load_features, load_matches
from scenesort.workspace import Workspace


@pytest.fixture
def context(tmp_path):
    with Workspace.open(tmp_path / "out") as workspace:
        options = with_values(Options(), {"second_look.merge_px": 2.0})
        yield SimpleNamespace(workspace=workspace, options=options, notices=[])


def geometries(context, name, by_pair):
    """Keep geometries with these inliers, and return them as verified pairs."""
    found = [
        TwoViewGeometry(pair, np.array(rows, np.uint32).reshape(-1, 2), "CALIBRATED") for pair, rows in by_pair.items()
    ]
    shard = name * 64
    context.workspace.save_arrays("geometries", shard, *artefacts.pack_geometries(found))
    where = {pair: (shard, row) for row, pair in enumerate(by_pair)}
    return VerifiedPairs({pair: len(rows) for pair, rows in by_pair.items()}, where)


def test_weak_pairs_of_most_inliers_come_first_and_each_photo_has_its_share():
    inliers = {("a", "b"): 90, ("a", "c"): 200, ("a", "d"): 20, ("b", "c"): 30, ("c", "d"): 25}
    assert looking_again._chosen(inliers, 100, 10) == [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")]
    # The last pair has both its photos looked at by then.
    assert looking_again._chosen(inliers, 100, 1) == [("a", "b"), ("b", "c"), ("c", "d")]
    assert looking_again._chosen(inliers, 0, 10)[0] == ("a", "c")


def test_a_new_geometry_needs_more_inliers_and_must_keep_the_old_ones(context):
    old = [[row, row] for row in range(20)]
    more = [[row, row] for row in range(100, 130)]
    before = geometries(context, "a", dict.fromkeys([("a", "b"), ("a", "c"), ("a", "d"), ("b", "c")], old))
    after = geometries(
        context,
        "b",
        {("a", "b"): old[:12] + more, ("a", "c"): old[:9] + more, ("a", "d"): old[:15], ("b", "c"): old},
    )
    lost = VerifiedPairs(
        {pair: count for pair, count in after.inliers.items() if pair != ("a", "d")},
        {pair: spot for pair, spot in after.where.items() if pair != ("a", "d")},
    )
    for found in (after, lost):
        believed = looking_again._believed(context, before, found, dict.fromkeys(before.inliers))
        assert believed.inliers == {("a", "b"): 42, ("a", "c"): 20, ("a", "d"): 20, ("b", "c"): 20}
        assert believed.where[("a", "b")][0] == "b" * 64
        assert believed.where[("a", "c")][0] == believed.where[("a", "d")][0] == "a" * 64


def test_points_become_known_keypoints_or_new_ones_that_merge(context):
    sides = {}
    for name, turns in (("a", 0), ("b", 1), ("c", 0)):
        points = np.array([[50, 50], [200, 100], [300, 200]], np.float32)
        found = Features(points, np.ones((3, 4), np.float16), np.ones(3, np.float32), (640, 480))
        shard = name * 64
        context.workspace.save_arrays("features", shard, *artefacts.pack_features(found))
        size = {"width": 480, "height": 640} if turns else {}
        sides[name] = PhotoKeys(photo(name, **size, quarter_turns=turns), (shard,))
    verified = geometries(context, "d", {("a", "b"): [[0, 0], [1, 1]], ("a", "c"): [[1, 1]]})
    on_a = np.array([[50.5, 50], [300, 200], [400, 300]], np.float32)
    on_b = np.array([[50, 50], [310, 210], [410, 310]], np.float32)
    seen = {
        ("a", "b"): PixelMatches(on_a, on_b, np.array([0.5, 0.6, 0.7], np.float32)),
        ("a", "c"): PixelMatches(on_a[2:] + 1, on_b[2:], np.array([0.9], np.float32)),
    }
    extended, (matched,) = as_keypoints(context, sides, verified, seen, "key")
    store = context.workspace.shard_root
    matches = {pair: load_matches(store, shard)[row].tolist() for pair, (shard, row) in matched.where.items()}
    assert matched.slot == 0
    # (50.5, 50) is the inlier at (50, 50); (300, 200) is a keypoint that nothing verified uses, so a new one is made.
    assert matches[("a", "b")] == [[0, 0], [4, 4], [3, 3]]
    assert matches[("a", "c")] == [[3, 3]]
    new = load_features(store, extended["a"].features[-1])
    assert new.keypoints_px.tolist() == [[401, 301], [300, 200]]
    assert new.descriptors.shape == (2, 0)
    assert len(frame_keypoints(store, extended["b"])) == 5
    turned = frame_keypoints(store, extended["b"])[3]
    np.testing.assert_allclose(turned, [310, 640 - 410])
