"""Members that match two pictures at once: put together of features and a matcher, EfficientLoFTR, vismatch."""

import dataclasses
import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from pictures import mapped, textured, warped
from scenesort import pair_matching
from scenesort.config import MatchingOptions
from scenesort.errors import MissingDependencyError, OptionError, WeightsError
from scenesort.pair_matching import PairMatcher, PairMatcherOptions, base, efficientloftr

HOMOGRAPHY = np.array([[0.96, -0.09, 18.0], [0.07, 0.98, -6.0], [8e-5, -6e-5, 1.0]])
SIZE = (288, 224)
needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs transformers: pip install 'scenesort[models]'"
)


@pytest.mark.parametrize("name", ["sift+nearest", "xfeat+lighterglue"])
def test_features_and_a_matcher_together_match_pixels(needs_weights, name):
    needs_weights(*pair_matching.needed_weights(name, ""))
    image = textured(SIZE[1], SIZE[0])
    options = PairMatcherOptions("", ((name.partition("+")[0], 400),), MatchingOptions(half_precision="off"))
    found = pair_matching.build(name, options, "cpu").match(image, warped(image, HOMOGRAPHY, SIZE))
    assert len(found) > 60
    assert found.points_a_px.dtype == found.points_b_px.dtype == found.scores.dtype == np.float32
    errors = np.linalg.norm(mapped(HOMOGRAPHY, found.points_a_px) - found.points_b_px, axis=1)
    assert np.mean(errors < 3) > 0.85


def test_the_number_of_keypoints_is_the_options(needs_weights):
    needs_weights("xfeat", "xfeat-lighterglue")
    image = textured(SIZE[1], SIZE[0])
    few = PairMatcherOptions("", (("xfeat", 40),), MatchingOptions(half_precision="off"))
    assert 0 < len(pair_matching.build("xfeat+lighterglue", few, "cpu").match(image, image)) <= 40


def test_a_name_that_is_none_is_explained():
    with pytest.raises(OptionError, match=r"no pair_matching member 'efficientlotfr' \(did you mean 'efficientloftr'"):
        pair_matching.needed_weights("efficientlotfr", "")
    with pytest.raises(OptionError, match=r"second_look\.matcher: 'bright\+nearest': nearest can't match"):
        pair_matching.needed_weights("bright+nearest", "")
    with pytest.raises(OptionError, match=r"second_look\.model is for one of efficientloftr, vismatch"):
        pair_matching.needed_weights("sift+nearest", "loftr")


def test_what_is_matched_with_is_known_by_its_bytes(tiny_model):
    assert pair_matching.identity("sift+nearest", "") == (("sift", "1", []), ("nearest", "2", []))
    first = pair_matching.identity("efficientloftr", str(tiny_model))
    (tiny_model / "more.txt").write_text("x")
    assert pair_matching.identity("efficientloftr", str(tiny_model)) != first


@pytest.fixture
def tiny_model(tmp_path):
    """A whole EfficientLoFTR of random weights in a folder as the hub serves it."""
    if importlib.util.find_spec("transformers") is None:
        pytest.skip("needs transformers: pip install 'scenesort[models]'")
    from transformers import EfficientLoFTRConfig, EfficientLoFTRForKeypointMatching

    torch.manual_seed(0)
    config = EfficientLoFTRConfig(
        stage_num_blocks=[1, 1, 1, 1],
        out_features=[8, 8, 16, 32],
        hidden_size=32,
        num_attention_layers=1,
        num_attention_heads=8,
        coarse_matching_threshold=0.0,
        coarse_matching_border_removal=0,
        fine_matching_slice_dim=4,
    )
    model = EfficientLoFTRForKeypointMatching(config)
    # One picture sets the statistics of batches, or nothing would be left of what tells cells apart.
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        picture = torch.from_numpy(textured(96, 128)).permute(2, 0, 1).float() / 255
        model.train().efficientloftr(picture.expand(1, 2, 3, 96, 128))
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@needs_transformers
class TestEfficientLoftr:
    def test_it_goes_through_the_true_loading_path(self, tiny_model):
        member = pair_matching.build("efficientloftr", PairMatcherOptions(str(tiny_model)), "cpu")
        assert isinstance(member, PairMatcher)
        image = textured(200, 260)
        found = member.match(image, image[:150, :170].copy())
        assert len(found) > 0
        assert (found.points_a_px >= 0).all()
        assert (found.points_a_px < [260, 200]).all()
        assert (found.points_b_px < [170, 150]).all()
        assert ((found.scores > 0) & (found.scores <= 1)).all()
        again = member.match(image, image[:150, :170].copy())
        assert again.points_a_px.tobytes() == found.points_a_px.tobytes()

    def test_a_picture_matches_itself_where_it_is(self, tiny_model):
        member = pair_matching.build("efficientloftr", PairMatcherOptions(str(tiny_model)), "cpu")
        image = textured(96, 128)
        found = member.match(image, image)
        assert len(found) > 10
        # A window of the fine features is eight pixels wide.
        assert np.median(np.linalg.norm(found.points_a_px - found.points_b_px, axis=1)) < 8

    def test_both_points_of_a_match_are_of_one_match(self):
        """Where cells match others than themselves, upstream's two halves list matches in different orders."""
        from transformers import EfficientLoFTRForKeypointMatching

        network = object.__new__(efficientloftr._mended(EfficientLoFTRForKeypointMatching))
        network.__dict__["config"] = types.SimpleNamespace(
            coarse_matching_threshold=0.2, coarse_matching_border_removal=0
        )
        partner = [3, 0, 4, 1, 5]
        scores = torch.zeros(1, 2, 3, 2, 3)
        for row, column in enumerate(partner):
            scores.view(6, 6)[row, column] = 0.5 + row / 10
        matches, confidence = network._get_matches_from_scores(scores)
        assert matches.tolist() == [[[0, 1, 2, 3, 4], partner]]
        np.testing.assert_allclose(confidence[0], [[0.5, 0.6, 0.7, 0.8, 0.9]] * 2, atol=1e-6)

    def test_a_match_is_refined_to_the_pixels_that_look_alike(self):
        """Positions known by construction; the authors' code gives the same to the last bit."""
        from transformers import EfficientLoFTRConfig, EfficientLoFTRForKeypointMatching

        network = object.__new__(efficientloftr._mended(EfficientLoFTRForKeypointMatching))
        network.__dict__["config"] = EfficientLoFTRConfig()
        generator = torch.Generator().manual_seed(0)
        a = torch.randn(1, 3, 64, 64, generator=generator)
        b = torch.randn(1, 3, 100, 64, generator=generator)
        pixels = [((2, 5), (7, 0)), ((0, 0), (3, 3)), ((6, 1), (4, 7))]  # column and row in the two windows
        for number, ((x, y), (u, v)) in enumerate(pixels):
            a[0, number, y * 8 + x, :56] *= 4
            b[0, number, (v + 1) * 10 + u + 1, :56] = a[0, number, y * 8 + x, :56]
        found = network._fine_matching(a, b, torch.full((1, 2, 3, 2), 80.0), 1.0)[0].numpy()
        expected = 80 - 3.5 + np.array(pixels, dtype=float).transpose(1, 0, 2)
        np.testing.assert_allclose(found[0], expected[0], atol=1e-6)
        assert np.abs(found[1] - expected[1]).max() <= 1  # the second stage moves it by a pixel at most

    def test_pictures_that_share_nothing_give_nothing(self, tiny_model):
        member = pair_matching.build("efficientloftr", PairMatcherOptions(str(tiny_model)), "cpu")
        member._model.config.coarse_matching_threshold = 2.0
        assert len(member.match(textured(64, 64), textured(96, 64, seed=1))) == 0

    def test_a_folder_that_holds_no_such_model_is_refused(self, tiny_model, tmp_path):
        other = tmp_path / "other"
        other.mkdir()
        (other / "config.json").write_text('{"model_type": "dinov2"}')
        (other / "model.safetensors").write_bytes(b"x")
        with pytest.raises(WeightsError, match="of type 'dinov2', and efficientloftr takes"):
            pair_matching.needed_weights("efficientloftr", str(other))
        with pytest.raises(WeightsError, match="neither a folder nor a name of the weights registry"):
            pair_matching.needed_weights("efficientloftr", "/nowhere")
        (tiny_model / "model.safetensors").write_bytes(b"short")
        with pytest.raises(WeightsError, match="download"):
            pair_matching.build("efficientloftr", PairMatcherOptions(str(tiny_model)), "cpu")

    def test_without_a_folder_the_registry_is_asked(self):
        assert pair_matching.needed_weights("efficientloftr", "") == {"efficientloftr"}


class StubMatcher:
    """A matcher with the signature and the answer of vismatch 1.4.0's BaseMatcher.forward."""

    def __init__(self, has_confidence=True):
        self.skip_ransac, self.seen, self.has_confidence = False, None, has_confidence

    def __call__(self, img0, img1):
        self.seen = img0, img1
        points = np.array([[0.0, 0.0], [10.0, 5.0]])
        return {
            "num_inliers": 0,
            "H": None,
            "matched_kpts0": points,
            "matched_kpts1": points + 2,
            "matched_confidences": np.array([0.9, 0.4]) if self.has_confidence else None,
        }


@pytest.fixture
def stub_package(monkeypatch):
    """The package vismatch with one matcher."""
    package = types.ModuleType("vismatch")
    package.available_models = ["loftr", "roma"]
    package.asked = []

    def get_matcher(matcher_name, device="cpu", max_num_keypoints=2048):
        package.asked.append((matcher_name, device))
        package.matcher = StubMatcher(matcher_name == "loftr")
        return package.matcher

    package.get_matcher = get_matcher
    monkeypatch.setitem(sys.modules, "vismatch", package)
    monkeypatch.setattr(base, "package_version", {"vismatch": "1.4.0"}.__getitem__)
    return package


class TestVismatch:
    def test_pictures_go_in_and_pixels_come_out_as_ours(self, stub_package):
        member = pair_matching.build("vismatch", PairMatcherOptions("loftr"), "cpu")
        assert isinstance(member, PairMatcher)
        image = textured(40, 60)
        found = member.match(image, image[:30])
        assert stub_package.asked == [("loftr", "cpu")]
        assert stub_package.matcher.skip_ransac
        one, other = stub_package.matcher.seen
        assert (one.shape, other.shape, one.dtype) == ((3, 40, 60), (3, 30, 60), np.float32)
        np.testing.assert_allclose(one, image.transpose(2, 0, 1) / 255, atol=1e-6)
        assert found.points_a_px.tolist() == [[0.5, 0.5], [10.5, 5.5]]
        assert found.points_b_px.tolist() == [[2.5, 2.5], [12.5, 7.5]]
        np.testing.assert_allclose(found.scores, [0.9, 0.4])

    def test_matchers_that_scale_coordinates_have_our_pixels_already(self, stub_package):
        member = pair_matching.build("vismatch", PairMatcherOptions("roma"), "cpu")
        assert member.match(textured(40, 60), textured(40, 60)).points_a_px.tolist() == [[0, 0], [10, 5]]

    def test_what_a_matcher_draws_at_random_is_the_same_for_a_pair(self, stub_package):
        member = pair_matching.build("vismatch", PairMatcherOptions("loftr", seed=7), "cpu")
        drawn = []
        member._matcher = lambda one, other: drawn.append(torch.rand(1).item()) or StubMatcher()(one, other)
        for _ in range(2):
            member.match(textured(40, 60), textured(40, 60))
        assert drawn[0] == drawn[1]

    def test_matchers_without_confidence_count_all_alike(self, stub_package):
        member = pair_matching.build("vismatch", PairMatcherOptions("roma"), "cpu")
        assert member.match(textured(40, 60), textured(40, 60)).scores.tolist() == [1, 1]

    def test_the_matcher_must_be_named(self, stub_package):
        with pytest.raises(OptionError, match="none is given; it has: loftr, roma"):
            pair_matching.build("vismatch", PairMatcherOptions(), "cpu")
        with pytest.raises(OptionError, match="none is given"):
            pair_matching.needed_weights("vismatch", "")
        with pytest.raises(OptionError, match=r"'loftre' \(did you mean 'loftr'\?\)"):
            pair_matching.build("vismatch", PairMatcherOptions("loftre"), "cpu")

    def test_version_and_matcher_are_part_of_what_it_is(self, stub_package):
        assert pair_matching.identity("vismatch", "loftr") == ("vismatch", "1", "1.4.0", "loftr")
        assert pair_matching.needed_weights("vismatch", "loftr") == set()

    def test_a_missing_package_is_named_with_what_to_do(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "vismatch", None)
        with pytest.raises(MissingDependencyError, match=r"environment of its own.*pip install vismatch"):
            pair_matching.build("vismatch", PairMatcherOptions("loftr"), "cpu")


def test_as_many_workers_as_memory_holds(monkeypatch):
    monkeypatch.setattr(base, "available_mb", lambda device: 7_000.0)
    assert pair_matching.workers_that_fit("efficientloftr", "cpu", 4) == 2
    assert pair_matching.workers_that_fit("efficientloftr", "cuda", 4) == 4
    assert pair_matching.workers_that_fit("sift+nearest", "cpu", 4) == 4
    monkeypatch.setattr(base, "available_mb", lambda device: 100.0)
    assert pair_matching.workers_that_fit("efficientloftr", "cpu", 4) == 1


def test_options_are_told_apart():
    options = PairMatcherOptions("", (("sift", 100),))
    assert hash(options) == hash(PairMatcherOptions("", (("sift", 100),)))
    assert options != dataclasses.replace(options, keypoints=(("sift", 200),))


def test_the_template_s_example_works():
    template = Path(pair_matching.__file__).with_name("TEMPLATE.md").read_text(encoding="utf-8")
    module = types.ModuleType("flow")
    exec(compile(template.split("```python\n")[1].split("```")[0], "TEMPLATE.md", "exec"), module.__dict__)
    member = module.Flow(PairMatcherOptions(), "cpu")
    assert isinstance(member, PairMatcher)
    image = textured(SIZE[1], SIZE[0])
    moved = np.array([[1, 0, 3.0], [0, 1, -2.0], [0, 0, 1]])
    found = member.match(image, warped(image, moved, SIZE))
    assert len(found) > 50
    assert np.median(np.linalg.norm(mapped(moved, found.points_a_px) - found.points_b_px, axis=1)) < 0.3
