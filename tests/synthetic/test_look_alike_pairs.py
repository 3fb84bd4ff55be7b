import dataclasses

import numpy as np
import pytest

from scenesort.errors import OptionError
from scenesort.synthetic import LEVELS, look_alike_pair, make_place, render_photo, simple_radial, walk_poses
from scenesort.synthetic.chance import Chance


@pytest.mark.parametrize("level", LEVELS)
def test_a_pair_is_two_scenes_of_one_kind_that_share_their_fronts(level):
    first, second = look_alike_pair(level, 4).scenes
    assert first.shared_seed == second.shared_seed
    assert first.seed != second.seed
    assert first.kind == second.kind
    assert all(6 <= scene.num_photos <= 8 for scene in (first, second))
    assert look_alike_pair(level, 4) == look_alike_pair(level, 4)


def test_pairs_have_their_own_places_and_all_kinds():
    pairs = [look_alike_pair(level, seed) for level in LEVELS for seed in range(6)]
    seeds = [scene.seed for pair in pairs for scene in pair.scenes]
    assert len(set(seeds)) == len(seeds)
    assert {scene.kind for pair in pairs for scene in pair.scenes} == {"square", "street", "courtyard"}
    likeness = [(pair.scenes[0].likeness, pair.scenes[0].common) for pair in pairs[::6]]
    assert likeness == sorted(likeness)


def test_an_unknown_level_is_an_option_error():
    with pytest.raises(OptionError, match="wicked"):
        look_alike_pair("fiendish", 0)


def test_common_pieces_are_the_same_in_all_places_and_others_are_not():
    first, second, other = Chance(1, 7, 0.5), Chance(2, 7, 0.5), Chance(1, 8, 0.5)
    same = [first.piece(number).random() == second.piece(number).random() for number in range(40)]
    assert sum(same) == 20
    assert first.layout.random() == second.layout.random() != other.layout.random()
    assert first.own.random() != second.own.random()


def test_without_anything_in_common_all_comes_from_one_generator():
    chance = Chance(1, 7, 0.0)
    assert chance.layout is chance.own is chance.piece(3)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_wicked_places_are_mostly_the_same_and_every_photo_sees_something_of_its_own(seed):
    specs = [dataclasses.replace(spec, width_px=120, height_px=90) for spec in look_alike_pair("wicked", seed).scenes]
    places = [make_place(spec.kind, spec.seed, spec.shared_seed, 10.0, spec.likeness, spec.common) for spec in specs]
    camera = simple_radial(120, 90, specs[0].focal_ratio * 120, specs[0].radial)
    for spec, place in zip(specs, places, strict=True):
        poses = walk_poses(place, camera, spec.num_photos, np.random.default_rng((spec.seed, 3)))
        shares = []
        for pose in poses:
            first, second = (render_photo(other.world, pose, camera).astype(int) for other in places)
            shares.append(float((np.abs(first - second).max(axis=2) > 30).mean()))
        assert min(shares) > 0.003
        assert np.mean(shares) < 0.4
