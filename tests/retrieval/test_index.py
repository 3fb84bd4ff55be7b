"""The index: exact search is brute force, the graph nearly so; additions, files and odd input."""

import builtins
import importlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenesort.errors import ArtefactLostError, MissingDependencyError, OptionError
from scenesort.retrieval import index_exact
from scenesort.retrieval.index import DescriptorIndex, IndexOptions
from scenesort.retrieval.index_exact import exact_neighbours, ranked

GRAPH = IndexOptions(exact_photos=0)


def scenes(num_photos, dimension=64, seed=0, size=25):
    random = np.random.default_rng(seed)
    centres = random.normal(size=(-(-num_photos // size), dimension))
    photos = np.repeat(centres, size, axis=0)[:num_photos] + 0.7 * random.normal(size=(num_photos, dimension))
    return (photos / np.linalg.norm(photos, axis=1, keepdims=True)).astype(np.float16)[random.permutation(num_photos)]


def brute_force(queries, collection, k):
    similarity = np.rint(queries.astype(np.float64) @ collection.astype(np.float64).T * 2**16) / 2**16
    rows = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    return rows, np.take_along_axis(similarity, rows, axis=1)


def share_found(found, true):
    return np.mean([np.isin(row, near).mean() for near, row in zip(found, true, strict=True)])


def approximate(dimension=64, options=GRAPH):
    pytest.importorskip("faiss", reason="faiss-cpu isn't installed (extra 'large')")
    return DescriptorIndex.in_memory(dimension, options)


@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 5), st.integers(1, 9))
@settings(max_examples=40)
def test_exact_search_is_brute_force_whatever_the_blocks(count, k, seed, block):
    photos = scenes(count, 16, seed, size=4)
    k = min(k, count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_exact, "QUERY_ROWS", block + 1)
        patch.setattr(index_exact, "COLLECTION_ROWS", 2 * block)
        rows, similarity = exact_neighbours(photos, photos, k)
    _, true = brute_force(photos, photos, k)
    np.testing.assert_allclose(similarity, true, atol=2e-5)
    np.testing.assert_allclose((photos[:, None].astype(float) * photos[rows]).sum(axis=2), true, atol=2e-5)
    assert all(len(set(row)) == k for row in rows.tolist())


def test_exact_search_finds_the_rows_of_brute_force():
    photos = scenes(3000)
    rows, _ = exact_neighbours(photos[:200], photos, 20)
    true, _ = brute_force(photos[:200], photos, 20)
    # Neighbours closer than the rounding of similarities may change places.
    assert share_found(rows, true) > 0.999
    assert (rows == true).mean() > 0.99


def test_equal_photos_come_in_the_order_of_their_rows(monkeypatch):
    monkeypatch.setattr(index_exact, "COLLECTION_ROWS", 7)
    photos = np.repeat(scenes(4, 32), 10, axis=0)
    rows, similarity = exact_neighbours(photos, photos, 6)
    assert rows.tolist() == [[photo // 10 * 10 + rank for rank in range(6)] for photo in range(40)]
    assert (similarity == similarity[:, :1]).all()


def test_ranking_of_candidates_is_exact_and_knows_gaps():
    photos = scenes(300)
    true, similarity = exact_neighbours(photos, photos, 10)
    shuffled = np.random.default_rng(0).permuted(np.concatenate([true, np.full((300, 4), -1)], axis=1), axis=1)
    rows, found = ranked(photos, photos, shuffled, 12)
    # A step's bounds may fall between two ways to sum.
    assert (rows[:, :10] == true).mean() > 0.99
    np.testing.assert_allclose(found[:, :10], similarity, atol=2e-5)
    assert (rows[:, 10:] == -1).all()
    assert np.isneginf(found[:, 10:]).all()


def test_neighbours_leave_the_photo_itself_out():
    photos = np.concatenate([scenes(50), scenes(50)[:5], scenes(50)[:5]])
    index = DescriptorIndex.in_memory(64)
    index.add(photos)
    found = index.neighbours(8)
    assert found.rows.shape == found.similarity.shape == (60, 8)
    assert not (found.rows == np.arange(60)[:, None]).any()
    assert found.rows[0, :2].tolist() == [50, 55]
    assert index.neighbours(1000).rows.shape == (60, 59)


def test_more_equal_photos_than_neighbours_leave_the_photo_itself_out_too():
    index = DescriptorIndex.in_memory(64)
    index.add(np.repeat(scenes(1), 12, axis=0))
    rows = index.neighbours(3).rows
    assert rows[0].tolist() == [1, 2, 3]
    assert rows[2].tolist() == [0, 1, 3]
    assert rows[11].tolist() == [0, 1, 2]


@pytest.mark.parametrize("count", [0, 1])
def test_tiny_collections_have_no_neighbours(count):
    index = DescriptorIndex.in_memory(64)
    index.add(scenes(1)[:count])
    assert index.neighbours(5).rows.shape == (count, 0)
    assert len(index) == count


def test_the_graph_finds_nearly_all_and_ranks_them_exactly():
    photos = scenes(1500)
    index = approximate()
    index.add(photos)
    found = index.search(photos, 20)
    rows, similarity = exact_neighbours(photos, photos, 20)
    assert share_found(found.rows, rows) > 0.95
    same = (found.rows == rows).all(axis=1)
    np.testing.assert_allclose(found.similarity[same], similarity[same], atol=2e-5)
    again = approximate()
    again.add(photos)
    np.testing.assert_array_equal(again.search(photos, 20).rows, found.rows)


def test_exact_additions_change_nothing():
    photos = scenes(500)
    whole, parts = DescriptorIndex.in_memory(64), DescriptorIndex.in_memory(64)
    whole.add(photos)
    for first, last in ((0, 3), (3, 3), (3, 400), (400, 401), (401, 500)):
        parts.add(photos[first:last])
    np.testing.assert_array_equal(parts.descriptors, photos)
    np.testing.assert_array_equal(parts.neighbours(9).rows, whole.neighbours(9).rows)


def test_the_graph_grows_by_additions_across_the_limit():
    photos = scenes(1500)
    index = approximate(options=IndexOptions(exact_photos=500))
    index.add(photos[:400])
    before = index.search(photos[:100], 5).rows
    np.testing.assert_array_equal(before, exact_neighbours(photos[:100], photos[:400], 5)[0])
    for first, last in ((400, 900), (900, 1500)):
        index.add(photos[first:last])
        index.search(photos[:1], 1)
    true, _ = exact_neighbours(photos, photos, 20)
    assert share_found(index.search(photos, 20).rows, true) > 0.95


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("options", [IndexOptions(), GRAPH], ids=["exact", "graph"])
def test_a_saved_index_answers_alike_and_grows(tmp_path, options, on_disk):
    photos = scenes(800)
    index = approximate(options=options)
    index.add(photos[:600])
    index.save(tmp_path / "index")
    opened = DescriptorIndex.open(tmp_path / "index", options, on_disk=on_disk)
    assert isinstance(opened.descriptors, np.memmap) == on_disk
    np.testing.assert_array_equal(opened.neighbours(7).rows, index.neighbours(7).rows)
    opened.add(photos[600:])
    opened.save(tmp_path / "index")
    again = DescriptorIndex.open(tmp_path / "index", options)
    np.testing.assert_array_equal(again.descriptors, photos)
    assert share_found(again.neighbours(7).rows, exact_neighbours(photos, photos, 8)[0][:, 1:]) > 0.95


def test_an_index_on_disk_is_the_one_in_memory(tmp_path):
    photos = scenes(300)
    index = DescriptorIndex.on_disk(tmp_path / "new" / "index", 64)
    assert index.search(photos[:2], 3).rows.shape == (2, 0)
    index.add(photos[:100])
    index.add(photos[100:])
    np.testing.assert_array_equal(index.search(photos, 5).rows, exact_neighbours(photos, photos, 5)[0])
    index.save()
    assert len(DescriptorIndex.open(tmp_path / "new" / "index")) == 300


def test_what_an_interrupted_addition_left_is_mended(tmp_path):
    photos = scenes(700)
    index = approximate()
    index.add(photos[:500])
    index.save(tmp_path)
    # Killed before save: rows in the file that the state doesn't count.
    DescriptorIndex.open(tmp_path, GRAPH, on_disk=True).add(photos[600:])
    opened = DescriptorIndex.open(tmp_path, GRAPH, on_disk=True)
    assert len(opened) == 500
    opened.add(photos[500:])
    np.testing.assert_array_equal(opened.descriptors, photos)
    # Killed between state and graph: the graph is older.
    state = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps(state | {"photos": 700}))
    late = DescriptorIndex.open(tmp_path, GRAPH)
    assert share_found(late.search(photos, 5).rows, exact_neighbours(photos, photos, 5)[0]) > 0.95
    (tmp_path / "index.json").write_text(json.dumps(state | {"photos": 400}))
    with pytest.raises(ArtefactLostError, match="more photos than its index"):
        DescriptorIndex.open(tmp_path, GRAPH)


def test_damaged_folders_are_named(tmp_path):
    with pytest.raises(ArtefactLostError, match="holds no whole index"):
        DescriptorIndex.open(tmp_path / "absent")
    index = approximate()
    index.add(scenes(100))
    index.save(tmp_path)
    graph = (tmp_path / "graph.faiss").read_bytes()
    (tmp_path / "graph.faiss").write_bytes(graph[: len(graph) // 2])
    with pytest.raises(ArtefactLostError, match=r"graph\.faiss holds no index"):
        DescriptorIndex.open(tmp_path, GRAPH)
    (tmp_path / "descriptors.float16").write_bytes(b"short")
    with pytest.raises(ArtefactLostError, match="fewer than its 100 photos"):
        DescriptorIndex.open(tmp_path)
    for state in ("{}", "[]", "not json", '{"version": 99, "dimension": 64, "photos": 1}'):
        (tmp_path / "index.json").write_text(state)
        with pytest.raises(ArtefactLostError):
            DescriptorIndex.open(tmp_path)


def test_descriptors_that_do_not_fit_are_refused():
    index = DescriptorIndex.in_memory(64)
    index.add(scenes(10))
    with pytest.raises(OptionError, match="index of 64 numbers"):
        index.add(scenes(2, 32))
    with pytest.raises(OptionError, match="descriptor 1 has length 2"):
        index.add(np.stack([scenes(1)[0], 2 * scenes(1)[0]]))
    with pytest.raises(OptionError, match="length nan"):
        index.search(np.full((1, 64), np.nan, np.float16), 1)
    with pytest.raises(OptionError, match="has no folder of its own"):
        index.save()


def test_without_faiss_small_collections_still_work(monkeypatch):
    real = importlib.import_module

    def absent(name, *rest):
        if name == "faiss":
            raise builtins.ModuleNotFoundError("No module named 'faiss'")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", absent)
    index = DescriptorIndex.in_memory(64, IndexOptions(exact_photos=10))
    index.add(scenes(10))
    assert index.neighbours(3).rows.shape == (10, 3)
    index.add(scenes(1))
    with pytest.raises(MissingDependencyError, match=r"scenesort\[large\]"):
        index.neighbours(3)


def test_the_thread_count_of_the_process_is_put_back():
    faiss = pytest.importorskip("faiss", reason="faiss-cpu isn't installed (extra 'large')")
    before = faiss.omp_get_max_threads()
    index = approximate(options=IndexOptions(exact_photos=0, threads=before + 1))
    index.add(scenes(50))
    index.neighbours(3)
    assert faiss.omp_get_max_threads() == before
