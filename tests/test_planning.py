"""Plans under limits, and the deadlines that follow from them."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesort import planning
from scenesort.config import preset, with_values
from scenesort.planning import STAGES, Schedule, plan_memory, plan_time, predict, share_time

MIX = (False, True)


def balanced():
    return preset("balanced")


class TestPlanTime:
    def test_enough_time_changes_nothing(self):
        plan = plan_time(balanced(), MIX, 60, math.inf, 2)
        assert (plan.options, plan.given_up) == (balanced(), ())

    @given(st.integers(1, 5000), st.floats(1, 1e5), st.floats(1, 20))
    def test_less_time_gives_up_no_less(self, num_photos, seconds, factor):
        rich, poor = (plan_time(balanced(), MIX, num_photos, limit, 2) for limit in (seconds * factor, seconds))
        assert poor.given_up[: len(rich.given_up)] == rich.given_up
        assert poor.total_s <= rich.total_s

    @given(st.integers(3, 2000), st.floats(0.05, 1.0))
    def test_a_plan_fits_or_is_the_leanest(self, num_photos, share):
        everything_s = sum(predict(balanced(), MIX, num_photos, 2).values())
        leanest = plan_time(balanced(), MIX, num_photos, 0.0, 2)
        plan = plan_time(balanced(), MIX, num_photos, share * everything_s, 2)
        assert plan.total_s <= planning.PLANNED_SHARE * share * everything_s or plan.options == leanest.options

    def test_learned_matching_goes_before_pairs_and_keypoints(self):
        everything_s = sum(predict(balanced(), MIX, 100, 2).values())
        plan = plan_time(balanced(), MIX, 100, 0.7 * everything_s, 2)
        assert plan.given_up
        assert "learned" in plan.given_up[0]
        assert plan.options.features == balanced().features

    def test_a_mix_of_learned_matchers_alone_keeps_one(self):
        plan = plan_time(preset("baseline"), (True,), 500, 1.0, 2)
        assert plan.options.matching.mix == ("aliked+lightglue",)
        assert plan.options.pairs.pairs_per_photo <= 3

    def test_large_collections_grow_nearly_linearly(self):
        small, large, larger = (predict(balanced(), MIX, count, 2) for count in (150, 2000, 4000))
        assert small["retrieval"] == small["growth"] == small["growth (learned)"] == 0
        assert all(large[stage] > 0 for stage in STAGES)
        for stage in STAGES:
            if stage != "mapping":
                assert larger[stage] / large[stage] == pytest.approx(2, abs=0.1)

    def test_more_workers_get_more_done(self):
        few, many = (sum(predict(balanced(), MIX, 100, workers).values()) for workers in (1, 4))
        assert many < few / 2

    @pytest.mark.parametrize(
        ("values", "is_planned"),
        [
            ({}, True),
            ({"photos.find_turns": False}, False),
            ({"matching.mix": "sift+nearest"}, False),
            ({"matching.mix": "xfeat+nearest"}, True),
        ],
    )
    def test_turns_are_looked_for_where_a_member_needs_it(self, values, is_planned):
        options = with_values(balanced(), values)
        assert (predict(options, [True] * len(options.matching.mix), 100, 2)["turns"] > 0) == is_planned


class TestSchedule:
    def test_without_a_limit_nothing_ends(self):
        schedule = Schedule()
        assert not schedule.is_limited
        assert all(schedule.until_s(stage) == math.inf for stage in STAGES)

    def test_later_stages_keep_what_they_need(self):
        now_s = time.monotonic()
        schedule = Schedule(now_s + 1000, {"features": 100, "matching": 100, "mapping": 200})
        assert schedule.until_s("features") == pytest.approx(now_s + 700, abs=5)
        assert schedule.until_s("matching") == pytest.approx(now_s + 800, abs=5)
        assert schedule.until_s("mapping") == now_s + 1000
        assert schedule.until_s("mapping (anew)") == now_s + 1000

    def test_retrieval_and_growth_have_their_place_whatever_they_run(self):
        now_s = time.monotonic()
        schedule = Schedule(now_s + 1000, {"pairs": 50, "growth": 60, "matching (learned)": 100, "mapping": 200})
        assert schedule.until_s("retrieval (any)") == pytest.approx(now_s + 590, abs=5)
        assert schedule.until_s("verification (growth)") == pytest.approx(now_s + 700, abs=5)
        assert schedule.until_s("retrieval (any)") < schedule.until_s("pairs") < schedule.until_s("matching (growth)")
        assert schedule.until_s("matching (learned, growth)") == pytest.approx(now_s + 800, abs=5)

    def test_a_slow_machine_moves_the_deadlines(self):
        now_s = time.monotonic()
        schedule = Schedule(now_s + 1000, {"features": 100, "mapping": 100})
        before_s = schedule.until_s("matching")
        schedule.finished("features", 300)
        assert schedule.pace == 3
        assert schedule.until_s("matching") == pytest.approx(before_s - 200, abs=5)

    def test_every_stage_gets_some_time(self):
        now_s = time.monotonic()
        schedule = Schedule(now_s + 100, {"features": 1000, "mapping": 1000})
        assert schedule.until_s("features") >= now_s + 55
        assert schedule.until_s("matching") >= now_s + 25

    def test_stages_that_were_not_planned_say_nothing_of_the_pace(self):
        schedule = Schedule(time.monotonic() + 100, {"features": 10})
        schedule.finished("colours", 50)
        assert schedule.pace == 1


class TestShareTime:
    @given(st.dictionaries(st.text(min_size=1), st.floats(0.1, 1e4), min_size=1), st.floats(0, 1e5))
    def test_shares_add_up(self, costs, seconds):
        assert sum(share_time(costs, seconds).values()) == pytest.approx(seconds)

    def test_nothing_to_do(self):
        assert share_time({"a": 0.0}, 10.0) == {"a": 10.0}


class TestPlanMemory:
    def test_room_for_all(self):
        plan = plan_memory(24_000, 4, True, 12.0, 200.0, 100)
        assert plan is not None
        assert (plan.workers, plan.max_megapixels) == (4, 200.0)

    def test_fewer_workers(self):
        plan = plan_memory(3_000, 4, True, 12.0, 200.0, 100)
        assert plan is not None
        assert plan.workers == 2

    def test_too_large_photos_are_left_out_when_one_worker_fits(self):
        plan = plan_memory(1_800, 4, True, 150.0, 200.0, 10)
        assert plan is not None
        assert plan.workers == 1
        assert 10 < plan.max_megapixels < 150

    def test_no_worker_fits(self):
        assert plan_memory(900, 4, True, 1.0, 200.0, 10) is None
        assert plan_memory(900, 4, False, 1.0, 200.0, 10) is not None

    @given(st.booleans(), st.integers(1, 1000))
    def test_the_least_limit_is_enough(self, has_learned, num_photos):
        least_mb = planning.least_memory_mb(has_learned, num_photos)
        assert plan_memory(least_mb, 8, has_learned, 12.0, 200.0, num_photos) is not None
