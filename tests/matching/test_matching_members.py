"""Matchers on a picture and its warped copy, their options, and checkpoints that don't fit."""

import dataclasses
from functools import cache

import numpy as np
import pytest
import torch

from pictures import mapped, photo, textured, warped
from scenesort import features, matching
from scenesort.config import MatchingOptions
from scenesort.errors import OptionError
from scenesort.matching import lightglue
from scenesort.types import Features

SIZE = (288, 224)
HOMOGRAPHY = np.array([[0.96, -0.09, 18.0], [0.07, 0.98, -6.0], [8e-5, -6e-5, 1.0]])
CASES = [
    ("nearest", "sift"),
    ("lighterglue", "xfeat"),
    ("lightglue", "aliked"),
    ("nearest", "xfeat"),
    ("disk-lightglue", "disk"),
]
PHOTOS = photo("a.jpg", *SIZE), photo("b.jpg", *SIZE)


@pytest.fixture(scope="module")
def found(needs_weights):
    """Return the features of a picture and of its warped copy, found once."""
    image = textured(SIZE[1], SIZE[0])
    kept = {}

    def find(name):
        needs_weights(*features.load(name).weights)
        if name not in kept:
            torch.set_num_threads(1)
            member = features.load(name)(300, "cpu")
            kept[name] = member.extract(image), member.extract(warped(image, HOMOGRAPHY, SIZE))
        return kept[name]

    return find


@cache
def member_of(matcher, options):
    return matching.load(matcher)(options, "cpu")


def matches_of(matcher, sides, **options):
    options = dataclasses.replace(MatchingOptions(half_precision="off"), **options)
    return member_of(matcher, options).match(PHOTOS[0], sides[0], PHOTOS[1], sides[1])


def errors_px(sides, matches):
    a, b = sides
    return np.linalg.norm(mapped(HOMOGRAPHY, a.keypoints_px[matches[:, 0]]) - b.keypoints_px[matches[:, 1]], axis=1)


@pytest.mark.parametrize(("matcher", "feature"), CASES)
def test_most_matches_are_right(needs_weights, found, matcher, feature):
    needs_weights(*matching.load(matcher).weights)
    sides = found(feature)
    result = matches_of(matcher, sides)
    assert isinstance(member_of(matcher, MatchingOptions(half_precision="off")), matching.MatchingMember)
    assert result.pair == ("a.jpg", "b.jpg")
    assert result.matches.dtype == np.uint32
    assert len(result.matches) > 60
    assert (result.matches.max(axis=0) < [len(sides[0]), len(sides[1])]).all()
    assert np.mean(errors_px(sides, result.matches) < 3) > 0.85
    for side in (0, 1):
        assert len(np.unique(result.matches[:, side])) == len(result.matches)


@pytest.mark.parametrize(("matcher", "feature"), CASES[:3])
def test_the_pairs_order_is_the_indices_order(needs_weights, found, matcher, feature):
    needs_weights(*matching.load(matcher).weights)
    a, b = found(feature)
    forth, back = matches_of(matcher, (a, b)).matches, matches_of(matcher, (b, a)).matches
    same = {tuple(row) for row in forth.tolist()} & {tuple(row[::-1]) for row in back.tolist()}
    assert len(same) > 0.95 * len(forth)


@pytest.mark.parametrize(("matcher", "feature"), CASES[1:3])
def test_half_precision_changes_little(needs_weights, found, matcher, feature):
    needs_weights(*matching.load(matcher).weights)
    sides = found(feature)
    full, half = matches_of(matcher, sides).matches, matches_of(matcher, sides, half_precision="on").matches
    assert np.mean(errors_px(sides, half) < 3) > 0.85
    assert len({*map(tuple, full.tolist())} & {*map(tuple, half.tolist())}) > 0.85 * len(full)


def test_a_higher_threshold_leaves_fewer_matches(needs_weights, found):
    needs_weights("xfeat-lighterglue")
    sides = found("xfeat")
    loose, strict = (matches_of("lighterglue", sides, filter_threshold=limit).matches for limit in (0.01, 0.9))
    assert 0 < len(strict) < len(loose)
    assert {*map(tuple, strict.tolist())} <= {*map(tuple, loose.tolist())}


def test_the_ratio_and_the_angle_leave_fewer_matches(found):
    sides = found("sift")
    default = len(matches_of("nearest", sides).matches)
    assert 0 < len(matches_of("nearest", sides, max_ratio=0.5).matches) < default
    assert 0 < len(matches_of("nearest", sides, max_angle_deg=8.0).matches) < default


@pytest.mark.parametrize(("matcher", "feature"), CASES[:3])
def test_few_keypoints_give_no_or_few_matches(needs_weights, found, matcher, feature):
    needs_weights(*matching.load(matcher).weights)
    a, b = found(feature)
    for count in (0, 1, 9):
        few = Features(a.keypoints_px[:count], a.descriptors[:count], a.scores[:count], a.upright_size_px)
        for sides in ((few, b), (b, few)):
            assert matches_of(matcher, sides).matches.shape[1] == 2


@pytest.mark.parametrize(
    ("setting", "device", "has_bf16", "expected"),
    [
        ("on", "cpu", False, True),
        ("off", "cpu", True, False),
        ("off", "cuda", True, False),
        ("auto", "cpu", True, True),
        ("auto", "cpu", False, False),
        ("auto", "cuda", False, True),
        ("auto", "mps", True, False),
    ],
)
def test_when_half_precision_is_used(monkeypatch, setting, device, has_bf16, expected):
    monkeypatch.setattr(lightglue, "_cpu_has_bf16", lambda: has_bf16)
    assert lightglue._use_half(setting, torch.device(device)) is expected


def test_checkpoint_keys_are_renamed():
    state = {
        "net.ignored": 0,
        "matcher.self_attn.0.Wqkv.weight": 1,
        "matcher.cross_attn.1.to_v.bias": 2,
        "matcher.posenc.Wr.weight": 3,
    }
    assert lightglue._renamed(state, 2) == {
        "transformers.0.self_attn.Wqkv.weight": 1,
        "transformers.1.cross_attn.to_v.bias": 2,
        "posenc.Wr.weight": 3,
    }
    assert lightglue._renamed({"self_attn.11.x": 1, "self_attn.1.x": 2}, 12) == {
        "transformers.11.self_attn.x": 1,
        "transformers.1.self_attn.x": 2,
    }


@pytest.mark.parametrize("matcher", ["lightglue", "lighterglue"])
def test_a_checkpoint_that_lacks_layers_is_refused(monkeypatch, matcher):
    monkeypatch.setattr(lightglue, "load_state", lambda name: {"strange": torch.zeros(1)})
    with pytest.raises(RuntimeError, match=r"doesn't fit kornia's LightGlue: missing .*unexpected \['strange'\]"):
        matching.load(matcher)(MatchingOptions(), "cpu")


def test_a_checkpoint_of_another_size_is_refused(monkeypatch):
    monkeypatch.setattr(lightglue, "load_state", lambda name: {"posenc.Wr.weight": torch.zeros(3, 3)})
    with pytest.raises(RuntimeError, match=r"size mismatch for posenc\.Wr\.weight"):
        matching.load("lighterglue")(MatchingOptions(), "cpu")


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        (("sift",), "'sift' should be features.matcher"),
        (("+nearest",), "should be features.matcher"),
        (("sift+",), "should be features.matcher"),
        (("sift+nearst",), r"no matching member 'nearst' \(did you mean 'nearest'\?\)"),
        (
            ("sift+lightglue",),
            r"lightglue can't match sift features; it fits aliked\+lightglue, disk\+lightglue",
        ),
        (("sift+nearest", "sift+nearest"), "sift features occur twice"),
        ((), "matching.mix is empty"),
    ],
)
def test_a_wrong_mix_is_explained(mix, message):
    with pytest.raises(OptionError, match=message):
        matching.parse_mix(mix)


def test_a_mix_keeps_its_order():
    mix = ("xfeat+lighterglue", "sift+nearest", "aliked+lightglue")
    assert matching.parse_mix(mix) == [("xfeat", "lighterglue"), ("sift", "nearest"), ("aliked", "lightglue")]


def test_lightglue_is_the_one_trained_for_the_features():
    mix = ("sift+nearest", "aliked+lightglue", "disk+lightglue", "superpoint+lightglue")
    assert matching.parse_mix(mix) == [
        ("sift", "nearest"),
        ("aliked", "lightglue"),
        ("disk", "disk-lightglue"),
        ("superpoint", "superpoint-lightglue"),
    ]
