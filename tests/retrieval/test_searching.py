"""Rules that search descriptors: by each descriptor or fused, blind photos left out."""

import dataclasses

import numpy as np
import pytest

from scenesort import retrieval
from scenesort.config import RetrievalOptions
from scenesort.errors import OptionError
from scenesort.retrieval import FusionOptions, SearchOptions
from scenesort.retrieval.global_descriptors.base import unit

KNN = SearchOptions(rules=("knn",), neighbours=2, max_distance=0.3, least_partners=2)


def places(seed, scenes=4, photos=16, dimension=32, spread=0.2):
    """Unit descriptors of photos of some places, and the place of each."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(scenes, dimension))
    place = np.repeat(np.arange(scenes), photos)
    rows = centers[place] / np.sqrt(dimension) + spread * rng.normal(size=(len(place), dimension)) / np.sqrt(dimension)
    return np.stack([unit(row) for row in rows]).astype(np.float16), place


def pairs(found):
    return {tuple(pair) for pair in found.pairs.tolist()}


def chosen(*shortlists, **values):
    return dataclasses.replace(RetrievalOptions(), shortlists=shortlists, **values)


def test_auto_looks_at_every_pair_of_few_photos_and_searches_among_many():
    assert retrieval.resolve(chosen("auto"), 200) == ("exhaustive",)
    assert retrieval.resolve(chosen("auto"), 201) == ("knn", "growth")
    assert retrieval.resolve(chosen("sequence", "auto"), 1e9) == ("sequence", "knn", "growth")
    assert retrieval.resolve(chosen("knn", "knn", "mst"), 5) == ("knn", "mst")


def test_a_floor_of_all_photos_needs_no_descriptors():
    assert retrieval.resolve(chosen("threshold", least_partners=20), 21) == ("exhaustive",)
    assert retrieval.resolve(chosen("threshold", least_partners=20), 22) == ("threshold",)


def test_growth_needs_something_to_grow_from():
    with pytest.raises(OptionError, match="proposes nothing to grow from: add knn"):
        retrieval.resolve(chosen("growth"), 5)
    assert retrieval.resolve(chosen("mst", "growth"), 5) == ("mst", "growth")


def test_an_unknown_shortlist_is_named():
    with pytest.raises(OptionError, match=r"no shortlist 'kn' \(did you mean 'knn'\?\)"):
        retrieval.resolve(chosen("kn"), 5)


def test_each_descriptor_is_searched_by_itself_and_named():
    first, place = places(0)
    second, _ = places(1)
    found = retrieval.search({"one": first, "two": second}, KNN)
    assert set(found.rules) == {"one-knn", "two-knn"}
    alone = [retrieval.search({"any": rows}, KNN) for rows in (first, second)]
    assert pairs(found) == pairs(alone[0]) | pairs(alone[1])
    assert all(place[first] == place[second] for first, second in pairs(alone[0]))


def test_a_photo_without_descriptor_is_in_no_pair():
    rows, _ = places(0)
    rows[5] = 0
    found = retrieval.search({"one": rows}, KNN)
    assert not any(5 in pair for pair in pairs(found))
    others = np.delete(np.arange(len(rows)), 5)
    alone = retrieval.search({"one": rows[others]}, KNN)
    assert pairs(found) == {(others[first], others[second]) for first, second in pairs(alone)}
    nothing = retrieval.search({"one": np.zeros((4, 1), np.float16)}, KNN)
    assert pairs(nothing) == set()


@pytest.mark.parametrize("rule", ["knn", "threshold", "mst"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_photos_do_no_harm(rule, count):
    rows, _ = places(0)
    found = retrieval.search({"one": rows[:count]}, dataclasses.replace(KNN, rules=(rule,)))
    assert len(pairs(found)) == (count - 1 if rule == "mst" else count * (count - 1) // 2)


def test_fused_descriptors_are_searched_as_one():
    first, place = places(0, spread=1.0)
    second, _ = places(1, spread=1.0)
    fusion = FusionOptions(components=8, least_photos=2)
    options = dataclasses.replace(KNN, fusion=fusion)
    found = retrieval.search({"one": first, "two": second}, options)
    assert found.rules == ("fused-knn",)

    def right(result):
        return np.mean([place[a] == place[b] for a, b in pairs(result)])

    assert right(found) > max(right(retrieval.search({"any": rows}, KNN)) for rows in (first, second))
    rows = retrieval.fused({"one": first, "two": second}, fusion)
    np.testing.assert_allclose(np.linalg.norm(rows.astype(np.float64), axis=1), 1, atol=2e-3)
    first[3] = 0
    blind = retrieval.fused({"one": first, "two": second}, fusion)
    assert not blind[3].any()
    assert blind[4].any()


def test_one_photo_finds_its_nearest():
    rows, _ = places(2)
    similarity = rows.astype(np.float64) @ rows.T.astype(np.float64)
    np.fill_diagonal(similarity, -1)
    for row in (0, 17, 63):
        found = retrieval.nearest_of(rows, row, 5)
        np.testing.assert_allclose(found.similarity[0], np.sort(similarity[row])[::-1][:5], atol=1e-4)
        np.testing.assert_allclose(similarity[row][found.rows[0]], found.similarity[0], atol=1e-4)
    rows[3] = 0
    assert retrieval.nearest_of(rows, 3, 5).rows.shape == (1, 0)
    assert 3 not in retrieval.nearest_of(rows, 0, 63).rows


def test_descriptors_of_different_photos_are_refused():
    rows, _ = places(0)
    with pytest.raises(OptionError, match=r"\[63, 64\] photos"):
        retrieval.search({"one": rows, "two": rows[1:]}, KNN)
