"""Folded models on photos of textured walls, of which everything is known."""

from __future__ import annotations

import dataclasses
import time

import cv2
import numpy as np
import pytest

from scenesort.config import Options, with_values
from scenesort.execution import WorkerPool
from scenesort.planning import Schedule
from scenesort.progress import Silent
from scenesort.scenes import without_poses
from scenesort.steps import splitting
from scenesort.steps.common import Context, VerifiedPairs
from scenesort.types import Photo
from scenesort.work import PhotoKeys
from scenesort.workspace import Workspace
from wall_world import CAMERA, facing, model_of, photo_of, texture

NAMES = [f"{row:02d}.png" for row in range(8)]


def everywhere(points):
    return np.ones(len(points), bool)


@pytest.fixture
def context(tmp_path):
    with Workspace.open(tmp_path / "out") as workspace, WorkerPool(1) as pool:
        yield Context(workspace, pool, Options(), "cpu", Silent())


@pytest.fixture
def split(monkeypatch, context, tmp_path):
    """Call it with two walls and the column from which they differ: photos of both, in turn, in one model."""
    mapped = []

    def map_parts(context, sides, parts, verified, stage_name, others):
        mapped.extend(parts)
        return []

    monkeypatch.setattr(splitting, "map_parts", map_parts)

    def run(first, second, is_shared, options=None, is_matched=everywhere):
        mapped.clear()
        walls = [first, second] * 4
        poses = [facing(x) for x in np.linspace(-1.2, 1.2, 8)]
        chance = np.random.default_rng(2)
        points = np.column_stack([chance.uniform(-3, 3, 500), chance.uniform(-2, 2, 500), np.zeros(500)])
        points = points[is_matched(points)]
        owner = chance.integers(0, 2, len(points))
        common = is_shared(points)
        sees = np.array([(common | (owner == row % 2)) & (chance.random(len(points)) < 0.5) for row in range(8)])
        sides = {}
        for name, wall, pose in zip(NAMES, walls, poses, strict=True):
            path = tmp_path / name
            cv2.imwrite(str(path), photo_of(wall, pose))
            photo = Photo(name, path, name, 320, 240, CAMERA, "one")
            sides[name] = PhotoKeys(photo, ())
        if options:
            context.options = with_values(context.options, options)
        model = model_of(points, poses, sees, NAMES)
        left, cuts = splitting.split_look_alikes(context, sides, [model], VerifiedPairs({}, {}))
        assert [part for cut in cuts for part in cut] == mapped
        return left, [set(part) for part in mapped]

    return run


def right_half(points):
    return points[:, 0] > 0


def two_walls():
    """Walls with the same right half."""
    first, second = texture(1), texture(2)
    second[:, 360:] = first[:, 360:]
    return first, second


def test_two_walls_with_one_half_in_common_are_mapped_apart(split, context):
    left, mapped = split(*two_walls(), right_half)
    assert left == []
    assert sorted(map(sorted, mapped)) == [NAMES[0::2], NAMES[1::2]]
    assert "mapped apart" in context.notices[0]


def test_one_wall_stays_whole_though_half_of_its_points_are_matched_by_half_of_the_photos(split, context):
    wall = texture(1)
    left, mapped = split(wall, wall, right_half)
    assert len(left) == 1
    assert mapped == []
    assert context.notices == []


def test_few_matches_across_a_cut_do_not_split_what_photos_show_to_be_one_place(split):
    # By matches alone these are two places; what the photos show contradicts.
    wall = texture(1)

    def almost_none(points):
        return points[:, 0] > 2.9

    assert split(wall, wall, almost_none)[1] == []


def test_without_photos_compared_few_matches_split(split):
    wall = texture(1)

    def almost_none(points):
        return points[:, 0] > 2.9

    assert len(split(wall, wall, almost_none, {"scenes.min_fold_excess": 0.0})[1]) == 2


def test_nothing_is_split_where_both_are_off(split):
    off = {"scenes.min_fold_excess": 0.0, "scenes.max_cut_ratio": 0.0}
    left, mapped = split(*two_walls(), right_half, off)
    assert (len(left), mapped) == (1, [])


def small_difference():
    """Walls that differ in a square of 1.6 units, in which no photo has a match."""
    first, second = texture(1), texture(1)
    second[312:408, 312:408] = texture(2)[312:408, 312:408]
    return first, second


def outside_the_square(points):
    return np.abs(points[:, :2]).max(axis=1) > 0.9


def test_places_that_differ_in_little_are_told_apart_by_points_all_over_the_photos(split, context):
    walls = small_difference()
    assert split(*walls, everywhere, {"scenes.dense_looks": False}, outside_the_square)[1] == []
    left, mapped = split(*walls, everywhere, {"scenes.dense_looks": True}, outside_the_square)
    assert left == []
    assert sorted(map(sorted, mapped)) == [NAMES[0::2], NAMES[1::2]]
    assert "mapped apart" in context.notices[0]


def test_one_place_stays_whole_under_points_all_over_the_photos(split, context):
    wall = texture(1)
    left, mapped = split(wall, wall, everywhere, {"scenes.dense_looks": True}, outside_the_square)
    assert (len(left), mapped, context.notices) == (1, [], [])
    assert [stage.done for stage in context.stages if stage.name == "look-alikes (dense)"] == [8]


def test_comparisons_are_kept_for_a_resumed_run(split, context):
    walls = two_walls()
    first, second = (split(*walls, right_half) for _ in range(2))
    assert first == second
    stages = [stage for stage in context.stages if stage.name == "look-alikes"]
    assert [(stage.done, stage.reused) for stage in stages] == [(8, 0), (0, 8)]


@pytest.fixture
def with_strays(monkeypatch, context):
    """Call it with what mapping makes of five photos that are left when a sixth was found to be wrong."""
    chance = np.random.default_rng(1)
    points = np.column_stack([chance.uniform(-2, 2, (200, 2)), np.zeros(200)])
    model = model_of(points, [facing(x) for x in np.linspace(-1, 1, 6)], np.ones((6, 200), bool), NAMES[:6])

    def examined(context, sides, model):
        return without_poses(model, [NAMES[5]]), None

    def run(*sizes):
        calls = []

        def map_parts(context, sides, parts, verified, stage_name, others):
            calls.append((parts, stage_name))
            return [dataclasses.replace(without_poses(model, NAMES[size:6]), name="anew") for size in sizes]

        monkeypatch.setattr(splitting, "map_parts", map_parts)
        monkeypatch.setattr(splitting, "_examined", examined)
        left, cuts = splitting.split_look_alikes(context, {}, [model], VerifiedPairs({}, {}))
        assert cuts == []
        return left, calls

    return run


@pytest.mark.parametrize(("sizes", "is_taken"), [((5,), True), ((4,), False), ((3, 2), False), ((), False)])
def test_a_model_is_mapped_anew_without_its_wrong_poses_unless_that_poses_fewer(with_strays, sizes, is_taken):
    (left,), calls = with_strays(*sizes)
    assert calls == [([tuple(NAMES[:5])], "mapping (without wrong poses)")]
    assert [photo.name for photo in left.photos] == NAMES[:5]
    assert (left.name == "anew") == is_taken


def test_with_a_time_limit_wrong_poses_are_only_taken_back(with_strays, context):
    context.schedule = Schedule(end_s=time.monotonic() + 1000)
    (left,), calls = with_strays(5)
    assert calls == []
    assert [photo.name for photo in left.photos] == NAMES[:5]
