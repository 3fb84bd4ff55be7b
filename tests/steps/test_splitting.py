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


def six_photos(first):
    """A model of photos first, first + 1, …"""
    chance = np.random.default_rng(first)
    points = np.column_stack([chance.uniform(-2, 2, (200, 2)), np.zeros(200)])
    names = [f"{row:02d}.png" for row in range(first, first + 6)]
    return model_of(points, [facing(x) for x in np.linspace(-1, 1, 6)], np.ones((6, 200), bool), names)


@pytest.fixture
def mapped_anew(monkeypatch, context):
    """Call it with models, what is found wrong with them, by round, and what mapping makes: names of photos a model."""

    def run(models, wrong, made):
        rounds = iter(wrong)
        current = {}
        calls = []

        def examined(context, sides, model):
            if not current:
                current.update(next(rounds, {}))
            strays, found = current.pop(model.photos[0].name, ((), None))
            return without_poses(model, strays), found

        def map_parts(context, sides, parts, verified, stage_name, others):
            calls.append(sorted(map(sorted, parts)))
            every = {photo.name for model in models for photo in model.photos}
            return [
                dataclasses.replace(without_poses(model, every - set(names)), name="anew")
                for names in made
                for model in models
                if set(names) <= {photo.name for photo in model.photos}
                and any(set(names) <= set(part) for part in parts)
            ]

        monkeypatch.setattr(splitting, "map_parts", map_parts)
        monkeypatch.setattr(splitting, "_examined", examined)
        left, cuts = splitting.split_look_alikes(context, {}, models, VerifiedPairs({}, {}))
        found = [(model.name, [int(photo.name[:2]) for photo in model.photos]) for model in left]
        return sorted(found, key=lambda item: item[1]), calls, cuts

    return run


def photos(*numbers):
    return [f"{number:02d}.png" for number in numbers]


@pytest.mark.parametrize(
    ("made", "is_taken"), [([range(5)], True), ([range(4)], False), ([range(3), range(3, 5)], False), ([], False)]
)
def test_a_model_is_mapped_anew_without_its_wrong_poses_unless_that_poses_fewer(mapped_anew, made, is_taken):
    wrong = [{"00.png": (photos(5), None)}]
    left, calls, cuts = mapped_anew([six_photos(0)], wrong, [photos(*numbers) for numbers in made])
    assert calls == [[photos(0, 1, 2, 3, 4)]]
    assert left == [("anew" if is_taken else "scene", [0, 1, 2, 3, 4])]
    assert cuts == []


def test_several_models_with_wrong_poses_and_one_of_two_places_are_mapped_anew_together(mapped_anew):
    models = [six_photos(0), six_photos(10), six_photos(20)]
    sides = tuple(photos(20, 21, 22)), tuple(photos(23, 24))
    wrong = [{"00.png": (photos(5), None), "10.png": (photos(14, 15), None), "20.png": (photos(25), sides)}]
    made = [photos(0, 1, 2, 3, 4), photos(10, 11, 12), photos(20, 21, 22), photos(23, 24)]
    left, calls, cuts = mapped_anew(models, wrong, made)
    # The stray of a cut may belong to either side; the second model was larger before.
    assert calls == [[photos(0, 1, 2, 3, 4), photos(10, 11, 12, 13), photos(20, 21, 22, 25), photos(23, 24, 25)]]
    assert left == [("anew", [0, 1, 2, 3, 4]), ("scene", [10, 11, 12, 13]), ("anew", [20, 21, 22]), ("anew", [23, 24])]
    assert cuts == [sides]


def test_in_the_last_round_wrong_poses_are_only_taken_back(mapped_anew):
    wrong = [{"00.png": (photos(row), None)} for row in (5, 4, 3)]
    made = [photos(0, 1, 2, 3, 4), photos(0, 1, 2, 3)]
    left, calls, _ = mapped_anew([six_photos(0)], wrong, made)
    assert calls == [[photos(0, 1, 2, 3, 4)], [photos(0, 1, 2, 3)]]
    assert left[0][1] == [0, 1, 2]


def test_with_a_time_limit_wrong_poses_are_only_taken_back(mapped_anew, context):
    context.schedule = Schedule(end_s=time.monotonic() + 1000)
    left, calls, _ = mapped_anew([six_photos(0)], [{"00.png": (photos(5), None)}], [])
    assert (left, calls) == ([("scene", [0, 1, 2, 3, 4])], [])


def test_without_time_for_mapping_nothing_is_split_and_wrong_poses_stay_away(mapped_anew, context):
    context.schedule = Schedule(end_s=time.monotonic() + 1)
    sides = tuple(photos(10, 11, 12)), tuple(photos(13, 14, 15))
    wrong = [{"00.png": (photos(5), None), "10.png": ((), sides)}]
    left, calls, cuts = mapped_anew([six_photos(0), six_photos(10)], wrong, [])
    assert left == [("scene", [0, 1, 2, 3, 4]), ("scene", [10, 11, 12, 13, 14, 15])]
    assert (calls, cuts) == ([], [])
    assert "no time" in context.notices[0]
