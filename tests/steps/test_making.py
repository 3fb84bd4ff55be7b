"""Artefacts made under a time limit."""

from __future__ import annotations

import time

import pytest

from scenesort.config import Options
from scenesort.execution import WorkerPool
from scenesort.planning import Schedule
from scenesort.progress import Silent
from scenesort.steps.common import Context, make
from scenesort.workspace import Workspace, key


@pytest.fixture
def context(tmp_path):
    with Workspace.open(tmp_path / "out") as workspace, WorkerPool(2) as pool:
        yield Context(workspace, pool, Options(), "cpu", Silent())


def sleep(context, seconds):
    """Let workers sleep, a job for each number of seconds, and return what was not made."""
    jobs = [(key("naps", number), nap) for number, nap in enumerate(seconds)]
    return make(context, "matching", "naps", jobs, time.sleep, lambda _: ({}, {}))


def test_what_is_under_way_when_time_is_up_is_late_and_so_is_the_rest(context):
    context.schedule = Schedule(time.monotonic() + 4, {"matching": 1, "mapping": 1})
    unmade = sleep(context, [0.01, 500, 500, 500, 500])
    assert unmade.failed == []
    assert unmade.late.count(500) == len(unmade.late) == 4
    assert context.workspace.has("naps", key("naps", 0))


def test_without_a_limit_nothing_is_late(context):
    unmade = sleep(context, [0.01, 0.02, 0.01])
    assert (unmade.failed, unmade.late) == ([], [])


def test_a_job_that_fails_in_time_is_no_late_one(context):
    context.schedule = Schedule(time.monotonic() + 600, {"matching": 1})
    unmade = sleep(context, [0.01, -1, 0.01])
    assert [job for job, _ in unmade.failed] == [-1]
    assert unmade.late == []
