"""View graph, connected parts, one scene a photo, and leftovers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from made_scenes import model
from scenesort.scenes import Ties, assign, build_view_graph, connected_parts, one_scene_a_photo, with_doubts

NAMES = tuple("abcdefgh")


def assigned(scenes, photos, graph, min_inliers):
    return assign(scenes, photos, Ties(scenes, graph, min_inliers, 15, {}))


def names_of(scene):
    return [photo.name for photo in scene.photos]


edges = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] < pair[1]),
    st.integers(15, 99),
    max_size=10,
)


@given(edges, st.integers(1, 4))
def test_connected_parts_are_the_parts(inliers, min_photos):
    graph = build_view_graph(reversed(NAMES), inliers)
    assert graph.photos == NAMES
    assert list(graph.edges) == sorted(inliers)
    label = {name: name for name in NAMES}
    for _ in NAMES:
        for first, second in inliers:
            label[first] = label[second] = min(label[first], label[second])
    expected = [tuple(name for name in NAMES if label[name] == root) for root in sorted(set(label.values()))]
    expected = [part for part in expected if len(part) >= min_photos]
    assert connected_parts(graph, min_photos) == sorted(expected, key=lambda part: (-len(part), part))


def test_a_weak_pair_joins_parts_only_with_a_third_photo():
    strong = {("a", "b"): 90, ("b", "c"): 30, ("e", "f"): 40}
    chance = strong | {("c", "e"): 29}
    assert connected_parts(build_view_graph("abcdef", chance), 2, 30) == [("a", "b", "c"), ("e", "f")]
    assert connected_parts(build_view_graph("abcdef", chance), 2) == [("a", "b", "c", "e", "f")]
    # A third photo, f, matches both c and e, weakly too.
    seen = chance | {("c", "f"): 16}
    assert connected_parts(build_view_graph("abcdef", seen), 2, 30) == [("a", "b", "c", "e", "f")]
    # A photo that hangs on weak pairs alone stays, if they support each other.
    loose = strong | {("a", "d"): 20, ("b", "d"): 20}
    assert connected_parts(build_view_graph("abcdef", loose), 2, 30)[0] == ("a", "b", "c", "d")


def test_a_photo_stays_where_it_sees_most_points():
    first = model({"a": [0, 1], "b": [0, 1], "c": [0]})
    second = model({"c": [0, 1, 2], "d": [0, 1], "e": [1, 2]})
    found = one_scene_a_photo([first, second], min_photos=2)
    assert [(scene.name, names_of(scene)) for scene in found] == [
        ("scene_01", ["c", "d", "e"]),
        ("scene_02", ["a", "b"]),
    ]


def test_of_equal_claims_the_first_model_wins():
    found = one_scene_a_photo([model({"b": [0], "c": [0]}), model({"a": [0], "b": [0]})], min_photos=1)
    assert [names_of(scene) for scene in found] == [["b", "c"], ["a"]]


def test_photos_of_a_dissolved_model_go_back_to_the_others():
    large = model({"a": [0, 1], "b": [0, 1], "c": [0, 1], "d": [0]})
    small = model({"b": [0], "c": [0], "d": [0, 1]})
    (only,) = one_scene_a_photo([large, small], min_photos=3)
    assert names_of(only) == ["a", "b", "c", "d"]


def test_photos_of_dissolved_models_have_no_scene():
    assert one_scene_a_photo([model({"a": [0], "b": [0]})], min_photos=3) == []
    assert one_scene_a_photo([], min_photos=3) == []


def test_a_model_that_loses_nothing_is_left_alone():
    whole = model({"a": [0, 2], "b": [0]})
    (kept,) = one_scene_a_photo([whole], min_photos=2)
    assert kept.photos is whole.photos
    assert kept.points_xyz is whole.points_xyz


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(NAMES), st.lists(st.integers(0, 5), max_size=6, unique=True), min_size=1, max_size=6
        ),
        max_size=4,
    ),
    st.integers(1, 3),
)
def test_points_and_tracks_stay_consistent(seen, min_photos):
    models = [model(photos) for photos in seen]
    found = one_scene_a_photo(models, min_photos)
    everyone = [name for scene in found for name in names_of(scene)]
    assert len(everyone) == len(set(everyone))
    assert [scene.name for scene in found] == [f"scene_{rank:02d}" for rank in range(1, len(found) + 1)]
    assert sorted((len(scene.photos) for scene in found), reverse=True) == [len(scene.photos) for scene in found]
    for scene in found:
        assert len(scene.photos) >= min_photos
        assert len(scene.points_xyz) == len(scene.points_rgb) == len(scene.points_error_px)
        for photo in scene.photos:
            # The keypoint's x and the point's coordinates, colour and error are all the point's first number.
            np.testing.assert_array_equal(scene.points_xyz[photo.point_index, 0], photo.keypoints_px[:, 0])
            np.testing.assert_array_equal(scene.points_rgb[photo.point_index, 0], photo.keypoints_px[:, 0])
            np.testing.assert_array_equal(scene.points_error_px[photo.point_index], photo.keypoints_px[:, 0])
            assert set(photo.keypoints_px[:, 1]) <= {ord(photo.name[0])}
        if not any(scene.photos is whole.photos for whole in models):
            views = np.bincount(np.concatenate([photo.point_index for photo in scene.photos]))
            assert (views >= 2).all()


def test_leftovers_join_the_scene_of_most_inliers():
    scenes = [model({"a": [0], "b": [0]}, "scene_01"), model({"c": [0], "d": [0]}, "scene_02")]
    ties = {
        "ae": 40,  # e: two witnesses in each scene, more inliers in the second
        "be": 40,
        "ce": 30,
        "de": 60,
        "cf": 60,  # f: one witness, as strong as two
        "ag": 29,  # g: one of its witnesses is too weak
        "bg": 59,
        "ah": 30,  # h: just enough, though the other scene's single witness has almost as much
        "bh": 30,
        "dh": 59,
    }
    graph = build_view_graph("abcdefgh", {(pair[0], pair[1]): inliers for pair, inliers in ties.items()})
    joined, outliers = assigned(scenes, "hgfedcba", graph, min_inliers=30)
    assert [scene.unposed for scene in joined] == [("h",), ("e", "f")]
    assert outliers == ["g"]
    assert joined[0].members == ("a", "b", "h")
    assert joined[0].photos is scenes[0].photos


def test_a_photo_that_joined_brings_others():
    graph = build_view_graph("abcde", {("a", "c"): 60, ("c", "d"): 60, ("d", "e"): 59})
    joined, outliers = assigned([model({"a": [0], "b": [0]}, "scene_01")], "abcde", graph, 30)
    assert ([scene.unposed for scene in joined], outliers) == ([("c", "d")], ["e"])


def test_a_photo_joins_no_scene_that_it_has_a_doubted_pair_with():
    # d, e: photos of a look-alike that has no model; c, of the scene, matches d by chance.
    scene = model({"a": [0], "b": [0]}, "scene_01")
    ties = {("a", "c"): 100, ("b", "c"): 100, ("c", "d"): 70, ("a", "d"): 90, ("d", "e"): 200, ("b", "e"): 80}
    graph = with_doubts(build_view_graph("abcde", ties), [(("a", "b"), ("d", "e"))])
    joined, outliers = assigned([scene], "abcde", graph, 30)
    assert ([scene.unposed for scene in joined], outliers) == ([("c",), ("d", "e")], [])


def test_photos_tied_to_each_other_alone_are_scenes_without_a_model():
    scenes = [model({"a": [0], "b": [0]}, "scene_01")]
    ties = {("c", "d"): 60, ("c", "e"): 30, ("d", "e"): 30, ("f", "g"): 59, ("b", "f"): 59}
    joined, outliers = assigned(scenes, "abcdefg", build_view_graph("abcdefg", ties), 30)
    assert [(scene.name, scene.unposed) for scene in joined] == [("scene_01", ()), ("scene_02", ("c", "d", "e"))]
    assert outliers == ["f", "g"]
    assert not joined[1].photos
    assert joined[1].points_xyz.shape == (0, 3)


def test_of_equal_ties_the_larger_scene_wins():
    scenes = [model({"a": [0], "b": [0]}), model({"c": [0], "d": [0]})]
    graph = build_view_graph("abcde", {(name, "e"): 50 for name in "abcd"})
    joined, outliers = assigned(scenes, "abcde", graph, 30)
    assert ([scene.unposed for scene in joined], outliers) == ([("e",), ()], [])


def test_without_strong_ties_all_are_outliers():
    assert assigned([], ["b", "a"], build_view_graph("ab", {("a", "b"): 59}), 30) == ([], ["a", "b"])
