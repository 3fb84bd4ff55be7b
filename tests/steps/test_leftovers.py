"""Photos without a pose that are compared by their looks, or not, and why."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from made_scenes import model
from scenesort.config import Options, with_values
from scenesort.errors import ArtefactLostError, WeightsError
from scenesort.execution import WorkerPool
from scenesort.planning import Schedule
from scenesort.progress import Silent
from scenesort.scenes import build_view_graph
from scenesort.steps import join_leftovers, leftovers
from scenesort.steps.common import Context
from scenesort.workspace import Workspace

LOOKS = dict.fromkeys("abcdx", np.eye(4, dtype=np.float32)[0])


@pytest.fixture
def context(tmp_path):
    with Workspace.open(tmp_path / "out") as workspace, WorkerPool(1) as pool:
        yield Context(workspace, pool, Options(), "cpu", Silent())


@pytest.fixture
def joined(monkeypatch, context):
    """Call it with ties, and what describing gives or raises: unposed photos, outliers, and whom it was asked for."""

    def run(ties, described=LOOKS):
        asked = []

        def global_looks(context, sides, descriptor, names):
            asked.append((descriptor, "".join(sorted(names))))
            if isinstance(described, Exception):
                raise described
            return described

        monkeypatch.setattr(leftovers, "global_looks", global_looks)
        scenes = [model({name: [0] for name in names}, "") for names in ("abc", "uvw")]
        photos = dict.fromkeys("abcuvwdxyz")
        found, outliers = join_leftovers(context, photos, scenes, build_view_graph(photos, ties))
        return ["".join(scene.unposed) for scene in found], "".join(outliers), asked

    return run


def test_photos_that_matches_leave_over_are_compared_with_the_scenes_in_question(joined):
    # d has enough inliers, x few, y too few with the second scene.
    ties = {("a", "d"): 120, ("a", "x"): 30, ("u", "y"): 29}
    assert joined(ties) == (["dx", ""], "yz", [("efficientnet", "abcxyz")])


@pytest.mark.parametrize("ties", [{}, {("a", "d"): 120}, {("a", "x"): 29}])
def test_nothing_is_described_where_looks_can_tell_nothing(joined, ties):
    assert joined(ties)[2] == []


def test_likeness_can_be_off(joined, context):
    context.options = with_values(context.options, {"scenes.likeness": "none"})
    assert joined({("a", "x"): 90}) == (["", ""], "dxyz", [])


def test_with_a_time_limit_matches_decide(joined, context):
    context.schedule = Schedule(time.monotonic() + 1000)
    assert math.isfinite(context.schedule.end_s)
    assert joined({("a", "x"): 90}) == (["", ""], "dxyz", [])


def test_where_photos_cannot_be_described_matches_decide_and_the_user_is_told(joined, context):
    assert joined({("a", "x"): 90}, WeightsError("no weights; get them"))[:2] == (["", ""], "dxyz")
    assert context.notices == [
        "photos with few matches are not compared with scenes by their looks: no weights; get them"
    ]


def test_a_lost_artefact_is_made_again_by_the_run(joined):
    with pytest.raises(ArtefactLostError):
        joined({("a", "x"): 90}, ArtefactLostError("lost"))
