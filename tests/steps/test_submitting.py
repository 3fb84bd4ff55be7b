"""The submission that stands at every moment of a run."""

from __future__ import annotations

import time

import numpy as np
import pytest

from scenesort.errors import OptionError
from scenesort.export import SubmissionRow
from scenesort.photos import Survey
from scenesort.steps.submitting import Submission, read_rows
from scenesort.types import PhotoSet
from scenesort.workspace import Workspace

NAMES = {"cave": Survey(("a.jpg", "b.jpg"), 0.0, 0.0), "abbey": Survey(("c.jpg",), 0.0, 0.0)}
POSE = np.hstack([np.eye(3), np.array([[1.0], [2.0], [3.0]])])


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "out") as opened:
        yield opened


def standing(workspace):
    """Return (dataset, image, scene, is posed) of every row of the file, in its order."""
    rows = read_rows(workspace.path("submission.csv"))
    return [
        (row.dataset, row.image, row.scene, row.cam_from_world is not None) for some in rows.values() for row in some
    ]


def test_begins_with_all_photos_as_outliers_in_the_given_order(workspace):
    Submission(workspace, NAMES, None)
    expected = [("cave", "a.jpg"), ("cave", "b.jpg"), ("abbey", "c.jpg")]
    assert standing(workspace) == [(*row, "outliers", False) for row in expected]


def test_settled_rows_replace_those_of_their_collection_alone(workspace):
    submission = Submission(workspace, NAMES, None)
    submission.settle("abbey", [SubmissionRow("abbey", "scene_01", "c.jpg", POSE)])
    assert submission.path == workspace.path("submission.csv")
    assert [submission.num_posed(name) for name in NAMES] == [0, 1]
    assert [row[2] for row in standing(workspace)] == ["outliers", "outliers", "scene_01"]
    (row,) = read_rows(submission.path)["abbey"]
    assert np.array_equal(row.cam_from_world, POSE)


def test_an_earlier_run_on_the_same_photos_stands_until_there_is_better(workspace):
    Submission(workspace, NAMES, None).settle("abbey", [SubmissionRow("abbey", "scene_01", "c.jpg", POSE)])
    again = Submission(workspace, NAMES, None)
    assert standing(workspace)[-1] == ("abbey", "c.jpg", "scene_01", True)
    again.offer("abbey", PhotoSet((), (), {}), [], 3)
    assert standing(workspace)[-1] == ("abbey", "c.jpg", "scene_01", True)


def test_an_earlier_run_on_other_photos_is_forgotten(workspace):
    Submission(workspace, NAMES, None).settle("abbey", [SubmissionRow("abbey", "scene_01", "c.jpg", POSE)])
    Submission(workspace, {**NAMES, "abbey": Survey(("c.jpg", "d.jpg"), 0.0, 0.0)}, None)
    assert standing(workspace)[-2:] == [("abbey", "c.jpg", "outliers", False), ("abbey", "d.jpg", "outliers", False)]


def test_photos_that_changed_since_are_other_photos(workspace):
    Submission(workspace, NAMES, None).settle("abbey", [SubmissionRow("abbey", "scene_01", "c.jpg", POSE)])
    Submission(workspace, {**NAMES, "abbey": Survey(("c.jpg",), 0.0, time.time() + 1)}, None)
    assert standing(workspace)[-1] == ("abbey", "c.jpg", "outliers", False)


@pytest.mark.parametrize("content", ["", "nonsense", "dataset,scene,image,rotation_matrix,translation_vector\na,b\n"])
def test_a_broken_file_is_replaced(workspace, content):
    workspace.write_text("submission.csv", content)
    Submission(workspace, NAMES, None)
    assert len(standing(workspace)) == 3


def test_a_sample_that_asks_for_other_photos_is_refused_at_once(workspace, tmp_path):
    sample = tmp_path / "sample.csv"
    sample.write_text("image_id,dataset,image\n1,cave,z.jpg\n")
    with pytest.raises(OptionError, match=r"line 2: photo z\.jpg"):
        Submission(workspace, NAMES, sample)
