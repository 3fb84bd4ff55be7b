"""Every value comes back from its arrays as it went in, through the JSON and the files of the store."""

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scenesort import artefacts
from scenesort.types import Camera, Features, PosedPhoto, PosedScene, TwoViewGeometry
from scenesort.workspace.shards import ShardStore

KEY = "ab" * 32
finite = st.floats(-1e6, 1e6)
matches = st.integers(0, 5).flatmap(lambda count: arrays(np.uint32, (count, 2)))
matrices = st.none() | arrays(np.float64, (3, 3), elements=finite)
kinds = st.sampled_from(["CALIBRATED", "UNCALIBRATED", "PLANAR"])
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
cameras = st.builds(
    Camera,
    model=st.sampled_from(["SIMPLE_RADIAL", "OPENCV"]),
    width_px=st.integers(1, 9999),
    height_px=st.integers(1, 9999),
    params=st.lists(finite, min_size=1, max_size=8).map(tuple),
    has_focal_prior=st.booleans(),
    fixed=st.booleans(),
)


@st.composite
def scenes(draw):
    points = draw(st.integers(0, 4))
    photos = []
    for name in draw(st.lists(names, max_size=3, unique=True)):
        seen = draw(st.integers(0, 5)) if points else 0
        photos.append(
            PosedPhoto(
                name,
                draw(cameras),
                draw(st.integers(1, 99)),
                draw(arrays(np.float64, (3, 4), elements=finite)),
                draw(arrays(np.float64, (seen, 2), elements=finite)),
                draw(arrays(np.int64, seen, elements=st.integers(0, max(points - 1, 0)))),
            )
        )
    return PosedScene(
        draw(names),
        tuple(photos),
        draw(arrays(np.float64, (points, 3), elements=finite)),
        draw(arrays(np.uint8, (points, 3))),
        draw(arrays(np.float64, points, elements=finite)),
        tuple(draw(st.lists(names, max_size=2))),
    )


def stored(tmp_path_factory, arrays_, meta):
    """Return arrays and meta as they come back from a file."""
    store = ShardStore(tmp_path_factory.mktemp("store"), note=print)
    store.save_arrays("kind", KEY, arrays_, meta)
    return store.load_arrays("kind", KEY)


def assert_same(a, b):
    assert type(a) is type(b) or isinstance(a, np.ndarray)
    if isinstance(a, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)
    elif dataclasses.is_dataclass(a):
        for item in dataclasses.fields(a):
            assert_same(getattr(a, item.name), getattr(b, item.name))
    elif isinstance(a, tuple | list):
        assert len(a) == len(b)
        for left, right in zip(a, b, strict=True):
            assert_same(left, right)
    else:
        assert a == b


@settings(max_examples=30)
@given(st.data(), st.integers(0, 5), st.sampled_from([np.uint8, np.float16]))
def test_features(tmp_path_factory, data, count, dtype):
    wide = data.draw(arrays(np.uint8, (count, 4))).astype(dtype)
    points = data.draw(arrays(np.float32, (count, 2), elements=st.floats(0, 100, width=32)))
    features = Features(points, wide, np.arange(count, 0, -1, dtype=np.float32), (640, 480))
    assert_same(artefacts.unpack_features(*stored(tmp_path_factory, *artefacts.pack_features(features))), features)


@settings(max_examples=30)
@given(st.lists(matches, max_size=4))
def test_matches(tmp_path_factory, block):
    assert_same(artefacts.unpack_matches(stored(tmp_path_factory, *artefacts.pack_matches(block))[0]), block)


@settings(max_examples=30)
@given(
    st.lists(st.none() | st.builds(TwoViewGeometry, st.just(("a", "b")), matches, kinds, matrices, matrices, matrices))
)
def test_geometries(tmp_path_factory, block):
    arrays_, meta = stored(tmp_path_factory, *artefacts.pack_geometries(block))
    assert meta["inliers"] == [found.num_inliers if found else 0 for found in block]
    for row, found in enumerate(block):
        if found:
            assert_same(artefacts.unpack_geometry(arrays_, meta, row, found.pair), found)


@settings(max_examples=25)
@given(st.lists(scenes(), max_size=12))
def test_scenes(tmp_path_factory, models):
    assert_same(artefacts.unpack_scenes(*stored(tmp_path_factory, *artefacts.pack_scenes(models))), models)


def test_more_than_ten_scenes_do_not_mix():
    models = [
        PosedScene(str(row), (), np.full((1, 3), float(row)), np.zeros((1, 3), np.uint8), np.zeros(1))
        for row in range(12)
    ]
    assert_same(artefacts.unpack_scenes(*artefacts.pack_scenes(models)), models)
