"""Photos without a pose: what ties them to scenes, and how they look."""

import numpy as np
import pytest

from made_scenes import model
from scenesort.scenes import Ties, assign, build_view_graph, rows_of_posed, with_doubts

NEAR, FAR = np.eye(4, dtype=np.float32)[:2]


@pytest.fixture
def trio():
    return model({"a": [0], "b": [0], "c": [0]}, "scene_01")


def members(scenes, photos, graph, looks):
    """Names of the photos without a pose in each scene, and of the outliers; 60 inliers with one photo are enough."""
    joined, outliers = assign(scenes, photos, Ties(scenes, graph, 30, 15, looks))
    return ["".join(scene.unposed) for scene in joined], "".join(outliers)


@pytest.mark.parametrize(
    ("inliers", "look", "is_member"), [(30, NEAR, True), (29, NEAR, False), (59, FAR, False), (60, FAR, True)]
)
def test_fewer_inliers_are_enough_for_a_photo_that_looks_like_the_scene(trio, inliers, look, is_member):
    graph = build_view_graph("abcd", {("a", "d"): inliers})
    looks = {"a": NEAR, "b": NEAR, "c": NEAR, "d": look}
    assert members([trio], "abcd", graph, looks) == ((["d"], "") if is_member else ([""], "d"))


@pytest.mark.parametrize("unknown", ["a", "d"])
def test_without_enough_descriptors_inliers_decide(trio, unknown):
    graph = build_view_graph("abcd", {("a", "d"): 59})
    looks = {name: NEAR for name in "abcd" if name != unknown}
    assert members([trio], "abcd", graph, looks) == ([""], "d")


def test_photos_that_joined_by_their_looks_bring_others_and_do_not_change_the_look(trio):
    # e is tied to d; f looks like d and not like the scene.
    graph = build_view_graph("abcdef", {("a", "d"): 40, ("d", "e"): 35, ("d", "f"): 35})
    edge = np.array([0.8, 0.6, 0, 0], np.float32)
    looks = {**dict.fromkeys("abc", NEAR), "d": NEAR, "e": NEAR, "f": edge}
    assert members([trio], "abcdef", graph, looks) == (["de"], "f")


@pytest.mark.parametrize(("alike", "joins"), [("d", False), ("de", True), ("def", True), ("", False)])
def test_photos_tied_to_each_other_go_together_where_most_look_like_the_scene(trio, alike, joins):
    # A place of its own, one of whose photos has 30 inliers with the scene.
    graph = build_view_graph("abcdefg", {("a", "d"): 30, ("d", "e"): 500, ("e", "f"): 500, ("f", "g"): 60})
    looks = {name: NEAR if name in "abc" or name in alike else FAR for name in "abcdefg"}
    assert members([trio], "abcdefg", graph, looks) == ((["defg"], "") if joins else (["", "defg"], ""))


def test_clear_ties_come_before_looks(trio):
    # d looks like the first scene and has a clear tie with the second.
    scenes = [trio, model({"e": [0], "f": [0], "g": [0]}, "scene_02")]
    graph = build_view_graph("abcdefg", {("a", "d"): 59, ("d", "e"): 60})
    looks = dict.fromkeys("abcd", NEAR) | dict.fromkeys("efg", FAR)
    assert members(scenes, "abcdefg", graph, looks) == (["", "d"], "")


@pytest.mark.parametrize(("inliers", "looks"), [(80, {}), (40, dict.fromkeys("abcd", NEAR))])
def test_doubted_pairs_count_against_a_scene(trio, inliers, looks):
    for doubted, expected in ((inliers // 2, (["d"], "")), (inliers // 2 + 1, ([""], "d"))):
        ties = build_view_graph("abcd", {("a", "d"): inliers, ("b", "d"): doubted})
        assert members([trio], "abcd", with_doubts(ties, [("b", "d")]), looks) == expected


def test_undecided_are_scenes_with_few_inliers_of_photos_that_are_left():
    scenes = [model({name: [0] for name in names}, "") for names in ("abc", "def", "ghi")]
    # j is a member of the first, k has too few inliers with the second, l just enough with the third.
    graph = build_view_graph("abcdefghijkl", {("a", "j"): 60, ("d", "k"): 29, ("g", "l"): 15, ("h", "l"): 15})
    scene_of = rows_of_posed(scenes)
    ties = Ties(scenes, graph, 30, 15, {})
    assert ties.undecided("jkl", scene_of) == {0, 2}
    ties.join("jkl", scene_of)
    assert scene_of["j"] == 0
    assert ties.undecided("jkl", scene_of) == {2}
