"""Global descriptors made by hand: which photos show one place is known."""

import numpy as np
import pytest

from scenesort.scenes.likeness import SceneLooks


@pytest.fixture
def chance():
    return np.random.default_rng(3)


def looks_near(center, spread, count, chance):
    found = np.asarray(center, np.float64) + spread * chance.standard_normal((count, len(center)))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def test_photos_of_the_place_fit_and_strangers_do_not(chance):
    place, other = np.eye(64)[:2]
    scene = SceneLooks({4: looks_near(place, 0.05, 30, chance)})
    assert np.mean([scene.fits(look, 4) for look in looks_near(place, 0.05, 300, chance)]) > 0.9
    assert not any(scene.fits(look, 4) for look in looks_near(other, 0.05, 300, chance))
    assert not any(scene.fits(look, 4) for look in looks_near(place + 0.9 * other, 0.05, 300, chance))


def test_two_lonely_members_make_no_room_for_strangers(chance):
    # They look like each other and like nothing else.
    place, lonely, other = np.eye(64)[:3]
    members = [*looks_near(place, 0.05, 20, chance), *looks_near(place + lonely, 0.15, 2, chance)]
    strangers = looks_near(place + other, 0.05, 50, chance)
    assert min(members[20] @ members[21], np.max(np.array(members[:20]) @ members[21])) < 0.75
    assert not any(SceneLooks({0: members}).fits(look, 0) for look in strangers)


def test_few_photos_that_are_all_but_the_same_are_no_measure(chance):
    # The median scene says how much photos of one place differ.
    few, second, third = np.eye(64)[:3]
    members = {
        0: looks_near(few, 0.001, 4, chance),
        1: looks_near(second, 0.08, 20, chance),
        2: looks_near(third, 0.08, 20, chance),
    }
    look = looks_near(few, 0.05, 1, chance)[0]
    assert SceneLooks(members).fits(look, 0)
    assert not SceneLooks({0: members[0]}).fits(look, 0)
    assert not SceneLooks(members).fits(look, 1)


def test_a_loose_scene_makes_no_room_in_another(chance):
    place, other = np.eye(64)[:2]
    members = {0: looks_near(place, 0.02, 20, chance), 1: looks_near(other, 0.2, 200, chance)}
    looks = looks_near(place, 0.2, 50, chance)
    assert not any(SceneLooks(members).fits(look, 0) for look in looks)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_photos_tell_nothing(chance, count):
    looks = looks_near(np.eye(64)[0], 0.01, count, chance)
    assert not SceneLooks({0: looks}).fits(np.eye(64, dtype=np.float32)[0], 0)


def test_descriptors_of_nothing_tell_nothing(chance):
    looks = looks_near(np.eye(64)[0], 0.05, 5, chance)
    nothing = np.zeros(64, np.float32)
    assert not SceneLooks({0: looks}).fits(nothing, 0)
    assert not SceneLooks({0: [*looks[:2], nothing, nothing]}).fits(looks[0], 0)
    assert SceneLooks({0: [*looks[:4], nothing]}).fits(looks[0], 0)
