"""What the incremental mapper is asked for."""

import dataclasses

from mapped_worlds import mapping_task, poses_on_an_arc, random_points
from scenesort.config.options import MAX_INTEGER
from scenesort.mapping.incremental import mapper_settings

TASK = mapping_task(poses_on_an_arc(3), random_points(20))


def test_trials_differ_in_seed_and_in_the_order_of_photos():
    settings = [mapper_settings(dataclasses.replace(TASK, trial=trial)) for trial in range(3)]
    assert len({item.seed for item in settings}) == 3
    assert [item.next_photo for item in settings] == ["uncertainty", "share", "number"]


def test_no_seed_is_too_large_for_colmap():
    settings = mapper_settings(dataclasses.replace(TASK, seed=MAX_INTEGER, trial=99, attempt=1))
    assert 0 <= settings.seed < 2**31


def test_parts_of_many_photos_take_the_quicker_way():
    many = mapping_task(poses_on_an_arc(41), random_points(5), reach=1)
    assert mapper_settings(many).is_large
    assert not mapper_settings(TASK).is_large
