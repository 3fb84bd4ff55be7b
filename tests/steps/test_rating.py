"""A classifier's votes, and pairs that are doubted."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from pictures import camera
from scenesort import plugins
from scenesort.config import Options, with_values
from scenesort.errors import OptionError
from scenesort.execution import WorkerPool
from scenesort.progress import Silent
from scenesort.scenes import PairClassifier, build_view_graph, load_classifier, with_confidence
from scenesort.steps import rating
from scenesort.steps.common import Context, VerifiedPairs
from scenesort.steps.rating import trusted_pairs, write_pairs
from scenesort.types import Camera, Photo, PosedPhoto, PosedScene
from scenesort.work import ClassifyJob, classify
from scenesort.workspace import Workspace

GRAPH = with_confidence(
    build_view_graph("abc", {("a", "b"): 90, ("a", "c"): 80, ("b", "c"): 70}), {("a", "b"): 0.9, ("b", "c"): 0.2}
)


class Brightness:
    """Calls photos of one brightness one place."""

    name = "brightness"

    def __init__(self, device):
        self.device = device

    def same_place(self, first, second):
        return 1 - abs(float(first.mean()) - float(second.mean())) / 255


class Entry:
    name = "brightness"

    def load(self):
        return Brightness


@pytest.fixture
def context(tmp_path):
    with Workspace.open(tmp_path / "out") as workspace, WorkerPool(1) as pool:
        yield Context(workspace, pool, Options(), "cpu", Silent())


def photo(tmp_path, name, grey):
    path = tmp_path / name
    cv2.imwrite(str(path), np.full((40, 60, 3), grey, np.uint8))
    return Photo(name, path, name, 60, 40, Camera("SIMPLE_RADIAL", 60, 40, (60.0, 30.0, 20.0, 0.0)), "one")


def test_a_registered_classifier_votes(monkeypatch, tmp_path):
    monkeypatch.setattr(plugins, "_members", lambda group: {"brightness": Entry()})
    assert isinstance(load_classifier("brightness")("cpu"), PairClassifier)
    dark, bright = photo(tmp_path, "dark.png", 50), photo(tmp_path, "bright.png", 200)
    assert classify(ClassifyJob("brightness", "cpu", dark, dark)) == 1.0
    assert classify(ClassifyJob("brightness", "cpu", dark, bright)) == pytest.approx(1 - 150 / 255)


def test_an_unknown_classifier_is_an_option_error():
    with pytest.raises(OptionError, match="doppelgangers"):
        load_classifier("doppelgangers")


def test_pairs_below_the_least_confidence_are_not_mapped(context):
    verified = VerifiedPairs(dict(GRAPH.edges), {pair: ("shard", row) for row, pair in enumerate(GRAPH.edges)})
    graph, left = trusted_pairs(context, GRAPH, verified)
    assert (graph, left) == (GRAPH, verified)
    context.options = with_values(context.options, {"scenes.min_edge_confidence": 0.5})
    graph, left = trusted_pairs(context, GRAPH, verified)
    assert set(graph.edges) == set(left.inliers) == set(left.where) == {("a", "b"), ("a", "c")}
    assert context.notices == ["1 of 3 verified pairs are doubted and not mapped"]


def test_pairs_are_written_with_the_doubted_first(context):
    write_pairs(context, GRAPH)
    lines = context.workspace.path("pairs.csv").read_text().splitlines()
    assert lines == ["first,second,inliers,confidence", "b,c,70,0.200", "a,b,90,0.900", "a,c,80,"]


def test_unproven_poses_are_taken_back_but_not_to_the_last(monkeypatch, tmp_path):
    said = []
    context = SimpleNamespace(options=Options(), notice=said.append)
    photos = tuple(
        PosedPhoto(name, camera(), 1, np.eye(3, 4), np.zeros((1, 2)), np.zeros(1, dtype=np.int64)) for name in "abcde"
    )
    model = PosedScene("", photos, np.ones((1, 3)), np.zeros((1, 3), np.uint8), np.ones(1))
    monkeypatch.setattr(rating.mapping, "unproven", lambda scene, least: ("b", "e") if least == 30 else ())
    (left,) = rating.take_back_unproven(context, [model])
    assert [photo.name for photo in left.photos] == ["a", "c", "d"]
    assert said == ["2 poses (b …) hang on fewer points than a pose needs, and those don't fix it: taken back"]
    small = dataclasses.replace(model, photos=photos[:4])
    assert rating.take_back_unproven(context, [small]) == [small]
    # Nothing was filled in: the mapper itself asked for as many points.
    context.options = with_values(Options(), {"mapping.fill_min_inliers": 0})
    assert rating.take_back_unproven(context, [model]) == [model]
