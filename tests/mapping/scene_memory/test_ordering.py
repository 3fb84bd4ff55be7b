"""The order in which photos are fed."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from scenesort.mapping.scene_memory import grow_order, keyframes, links_of, next_window


def test_it_begins_with_the_best_connected_and_grows_along_the_strongest_links():
    inliers = {("a", "b"): 50, ("b", "c"): 100, ("c", "d"): 80, ("b", "d"): 10, ("x", "y"): 30}
    assert grow_order("abcdxyz", inliers) == ("c", "b", "d", "a", "x", "y", "z")


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] < pair[1]), st.integers(1, 99)
    )
)
def test_every_photo_comes_once_and_next_to_the_best_tied_before_it(edges):
    inliers = {(str(a), str(b)): count for (a, b), count in edges.items()}
    names = [str(number) for number in range(10)]
    order = grow_order(names, inliers)
    assert sorted(order) == names
    links = links_of(names, inliers)
    for row in range(1, len(order)):
        ties = {name: sum(links[name].get(other, 0) for other in order[:row]) for name in order[row:]}
        assert ties[order[row]] == max(ties.values())


def test_a_window_stays_at_one_end_and_brings_the_neighbours_of_its_new_photos():
    names = [f"{number:02d}" for number in range(20)]
    inliers = {(a, b): 100 for a, b in itertools.pairwise(names)}
    links = links_of(names, inliers)
    window = next_window(grow_order(names, inliers), [set(names[8:13])], links, 6, 2)
    assert window.model == 0
    assert window.new in (tuple(names[13:17]), tuple(reversed(names[4:8])))
    assert set(window.kept) in ({"11", "12"}, {"08", "09"})


def test_keyframes_cover_all_new_photos_before_one_is_covered_twice():
    inliers = {("a", "x"): 150, ("b", "x"): 140, ("c", "y"): 20}
    assert set(keyframes("abc", "xy", links_of("abcxy", inliers), 2)) == {"a", "c"}
