"""SuperPoint and its LightGlue through the true loading path: tiny random weights where the registry looks for them."""

import importlib.util
import json

import numpy as np
import pytest
import torch

from pictures import photo, textured
from scenesort import features, matching
from scenesort.config import MatchingOptions
from scenesort.errors import WeightsError
from weights_world import make_home

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs transformers: pip install 'scenesort[models]'"
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A weights folder with a SuperPoint of random weights."""
    from transformers import SuperPointConfig, SuperPointForKeypointDetection

    make_home(tmp_path, monkeypatch)
    torch.manual_seed(0)
    folder = tmp_path / "chosen" / "superpoint"
    model = SuperPointForKeypointDetection(SuperPointConfig(keypoint_threshold=0.0))
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_grayscale": True}))
    return tmp_path / "chosen"


def test_values_have_the_promised_form(home):
    member = features.load("superpoint")(200, "cpu")
    assert isinstance(member, features.FeatureMember)
    found = member.extract(textured(203, 300))
    assert found.upright_size_px == (300, 203)
    assert found.keypoints_px.shape == (200, 2)
    assert found.descriptors.shape == (200, 256)
    assert found.descriptors.dtype == np.float16
    np.testing.assert_allclose(np.linalg.norm(found.descriptors.astype(np.float64), axis=1), 1, atol=2e-3)
    assert (np.diff(found.scores) <= 0).all()
    again = features.load("superpoint")(200, "cpu").extract(textured(203, 300))
    assert again.descriptors.tobytes() == found.descriptors.tobytes()


def test_pixel_centres_are_at_one_half_in_the_photo(home, monkeypatch):
    member = features.load("superpoint")(200, "cpu")
    peaks = [(20, 30), (41, 97), (60, 12)]  # row, column

    def known(encoded):
        scores = torch.zeros(1, encoded.shape[-2] * 8, encoded.shape[-1] * 8)
        for row, column in peaks:
            scores[0, row, column] = 0.9
        return scores

    monkeypatch.setattr(member._model.keypoint_decoder, "_get_pixel_scores", known)
    found = member.extract(np.zeros((99, 125, 3), np.uint8)).keypoints_px
    np.testing.assert_allclose(sorted(found.tolist()), sorted([column + 0.5, row + 0.5] for row, column in peaks))


def test_without_weights_it_says_how_to_get_them(tmp_path, monkeypatch):
    make_home(tmp_path, monkeypatch)
    with pytest.raises(WeightsError, match="scenesort weights fetch superpoint --accept-licence"):
        features.load("superpoint")(200, "cpu")


def test_its_lightglue_takes_its_descriptors(home):
    import kornia.feature

    torch.manual_seed(1)
    published = kornia.feature.LightGlue(features=None, input_dim=256)
    state = {}
    for key, value in published.state_dict().items():
        parts = key.split(".")
        # As the authors publish it: self_attn.3.x for kornia's transformers.3.self_attn.x.
        name = ".".join([parts[2], parts[1], *parts[3:]]) if parts[0] == "transformers" else key
        if name != "confidence_thresholds":
            state[name] = value
    torch.save(state, home / "superpoint_lightglue.pth")
    ((feature, matcher),) = matching.parse_mix(("superpoint+lightglue",))
    member = matching.load(matcher)(MatchingOptions(filter_threshold=0.0, half_precision="off"), "cpu")
    found = features.load(feature)(100, "cpu").extract(textured(120, 160))
    result = member.match(photo("a.jpg", 160, 120), found, photo("b.jpg", 160, 120), found)
    assert result.matches.shape[1] == 2
    assert result.matches.dtype == np.uint32
