"""Every clustering: planted clusters found, strays left out, whatever the order of photos; few and equal photos."""

import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planted import at_unit_length, neighbours_of, partition, planted
from scenesort.errors import MissingDependencyError, OptionError
from scenesort.plugins import member_names
from scenesort.retrieval import clustering
from scenesort.retrieval.clustering import ClusteringMember, ClusteringOptions, load
from scenesort.retrieval.clustering.base import canonical_order, numbered
from scenesort.retrieval.clustering.hdbscan import Hdbscan
from scenesort.retrieval.clustering.leiden import Leiden
from scenesort.retrieval.clustering.mst import Mst

MEMBERS = [Hdbscan, Leiden, Mst]
PACKAGES = {Hdbscan: ("sklearn.cluster", "scikit-learn"), Leiden: ("graspologic_native", "graspologic-native")}

every_member = pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)


def clustered(member, descriptors, k=20, seed=0, **options):
    return member(ClusteringOptions(**options)).cluster(descriptors, neighbours_of(descriptors, k), seed)


def check(found, count, least_photos=3):
    assert found.labels.shape == found.confidence.shape == (count,)
    assert found.labels.dtype == np.int64
    assert found.confidence.dtype == np.float32
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()
    assert (found.confidence[found.labels < 0] == 0).all()
    assert found.labels.min(initial=-1) >= -1
    assert len(found) == len(partition(found.labels))
    groups = [np.flatnonzero(found.labels == label) for label in range(len(found))]
    keys = [(-len(rows), rows[0]) for rows in groups]
    assert keys == sorted(keys)
    assert all(len(rows) >= least_photos for rows in groups)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_members_are_registered_under_their_names(member):
    assert {"hdbscan", "leiden", "mst"} <= set(member_names("scenesort.clustering"))
    assert load(member.name) is member
    assert isinstance(member(ClusteringOptions()), ClusteringMember)


def test_an_unknown_member_is_named():
    with pytest.raises(OptionError, match=r"no clustering member 'hdbscn' \(did you mean 'hdbscan'\?\)"):
        load("hdbscn")


@pytest.mark.parametrize("member", PACKAGES, ids=lambda member: member.name)
def test_a_missing_package_is_named_when_it_is_needed(member, monkeypatch):
    module, package = PACKAGES[member]
    monkeypatch.setitem(sys.modules, module, None)
    assert load(member.name) is member
    with pytest.raises(MissingDependencyError, match=rf"{package}.*pip install 'scenesort\[clusters\]'"):
        member(ClusteringOptions())


def test_heavy_packages_are_imported_when_they_are_used():
    code = (
        "import sys; import scenesort.retrieval.clustering.hdbscan, scenesort.retrieval.clustering.leiden; "
        "sys.exit(any(name in sys.modules for name in ('sklearn', 'graspologic_native')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@every_member
@pytest.mark.parametrize("seed", range(4))
def test_planted_clusters_are_found_and_strays_are_not_believed(member, seed):
    photos, truth = planted((14, 10, 9, 5), num_strays=4, seed=seed)
    found = clustered(member, photos, k=15)
    check(found, len(photos))
    held = np.where(truth >= 0, found.labels, -1)
    assert partition(held) == partition(truth)
    assert found.confidence[truth >= 0].mean() > found.confidence[truth < 0].mean() + 0.2
    assert found.confidence[truth < 0].max() < found.confidence[truth >= 0].mean()


@every_member
@given(sizes=st.lists(st.integers(4, 12), min_size=2, max_size=4), seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_the_order_of_photos_does_not_matter(member, sizes, seed):
    photos, _ = planted(sizes, num_strays=3, spread=0.9, seed=seed)
    found = clustered(member, photos, k=len(photos))
    check(found, len(photos))
    order = np.random.default_rng(seed).permutation(len(photos))
    shuffled = clustered(member, photos[order], k=len(photos))
    there = {frozenset(order[list(rows)].tolist()) for rows in partition(shuffled.labels)}
    assert there == partition(found.labels)
    np.testing.assert_allclose(shuffled.confidence, found.confidence[order], atol=1e-4)


@every_member
def test_clusters_are_the_same_twice(member):
    photos, _ = planted((20, 20, 20), num_strays=10, spread=1.2)
    first, again = (clustered(member, photos, seed=5) for _ in range(2))
    assert first.labels.tobytes() == again.labels.tobytes()
    assert first.confidence.tobytes() == again.confidence.tobytes()


@every_member
@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_photos_are_in_no_cluster(member, count):
    found = clustered(member, planted((count,))[0])
    check(found, count)
    assert len(found) == 0


@every_member
def test_a_pair_is_a_cluster_where_pairs_are_allowed(member):
    found = clustered(member, planted((2,))[0], least_photos=2)
    assert found.labels.tolist() == [0, 0]


@every_member
@pytest.mark.parametrize("count", [3, 7, 60])
def test_equal_photos_are_one_cluster(member, count):
    photos = np.repeat(planted((1,))[0], count, axis=0)
    found = clustered(member, photos)
    check(found, count)
    assert found.labels.tolist() == [0] * count


@every_member
def test_copies_of_a_few_photos_are_their_clusters(member):
    photos = np.repeat(planted((1,) * 3, spread=0)[0], 6, axis=0)
    assert partition(clustered(member, photos).labels) == partition(np.repeat([0, 1, 2], 6))


@every_member
def test_clusters_below_the_least_size_are_dissolved(member):
    photos, truth = planted((12, 10, 4), spread=0.3, seed=3)
    assert partition(clustered(member, photos, least_photos=3, cut_deviations=6).labels) == partition(truth)
    found = clustered(member, photos, least_photos=5, cut_deviations=6)
    check(found, len(photos), least_photos=5)
    # HDBSCAN, which may not call four photos a cluster, may give them to another one with little confidence.
    assert partition(np.where(truth == 2, -1, found.labels)) == partition(np.where(truth == 2, -1, truth))
    assert found.confidence[truth == 2].max() < 0.7 * found.confidence[truth != 2].mean()


@every_member
def test_rows_that_a_search_did_not_find_are_passed_over(member):
    photos, truth = planted((10, 8), spread=0.3)
    near = neighbours_of(photos, 6)
    near.rows[:, 5], near.similarity[:, 5] = -1, -np.inf
    assert partition(member(ClusteringOptions()).cluster(photos, near, 0).labels) == partition(truth)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"least_photos": 1}, "least_photos is 1: use 2 or more"),
        ({"cut_deviations": -0.5}, "cut_deviations is -0.5"),
        ({"cut_deviations": float("nan")}, "cut_deviations is nan"),
        ({"resolution": 0}, "resolution is 0"),
        ({"resolution": float("inf")}, "resolution is inf"),
    ],
)
def test_options_out_of_range_are_named(options, message):
    with pytest.raises(OptionError, match=message):
        ClusteringOptions(**options)


@given(st.lists(st.integers(-2, 5), max_size=30), st.integers(2, 4))
def test_numbers_go_by_size_and_first_photo(labels, least_photos):
    given_labels = np.array(labels, dtype=np.int64)
    found = numbered(given_labels, np.full(len(labels), 2.0, np.float32), least_photos)
    check(found, len(labels), least_photos)
    wanted = {rows for rows in partition(given_labels) if len(rows) >= least_photos}
    assert partition(found.labels) == wanted
    assert (found.confidence[found.labels >= 0] == 1).all()


@given(st.integers(0, 30), st.integers(0, 10**6))
def test_the_canonical_order_knows_no_order(count, seed):
    random = np.random.default_rng(seed)
    photos = at_unit_length(random.normal(size=(count, 3)))[random.integers(0, max(count, 1), count)]
    shuffled = photos[random.permutation(count)]
    np.testing.assert_array_equal(photos[canonical_order(photos)], shuffled[canonical_order(shuffled)])


def test_the_templates_member_runs_as_it_stands():
    """The recipe of how to add a member, executed."""
    template = Path(clustering.__file__).with_name("TEMPLATE.md").read_text(encoding="utf-8")
    module = types.ModuleType("twins")
    exec(compile(template.split("```python\n")[1].split("```")[0], "TEMPLATE.md", "exec"), module.__dict__)
    assert isinstance(module.Twins(ClusteringOptions()), ClusteringMember)
    photos, truth = planted((6, 5, 4), num_strays=2, spread=0.1)
    assert partition(clustered(module.Twins, photos).labels) == partition(truth)
    assert len(clustered(module.Twins, photos[:0])) == 0
