"""MegaLoc, through the true loading path with a tiny model, and against plain computations of its parts."""

import importlib.util

import cv2
import numpy as np
import pytest
import torch

from scenesort import model_folders, model_memory
from scenesort.errors import MissingDependencyError, OptionError, WeightsError
from scenesort.retrieval.global_descriptors import (
    GlobalDescriptorOptions,
    PhotoDescriptorMember,
    load,
    weights_of,
)
from scenesort.retrieval.global_descriptors.megaloc import MegaLoc
from scenesort.retrieval.global_descriptors.salad import Salad, transported
from tiny_models import MEGALOC, megaloc_state, photo, save, save_megaloc, vision_model

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs transformers: pip install 'scenesort[models]'"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_megaloc(tmp_path_factory.mktemp("megaloc"))


def options(folder, **changes):
    return GlobalDescriptorOptions(model=str(folder), **({"side_px": 56} | changes))


def plan_by_hand(scores, dustbin, rounds=3):
    """Sinkhorn's method as the papers write it: equal masses on both sides, in patches again at the end."""
    clusters, patches = scores.shape
    kernel = np.exp(np.vstack([scores, np.full(patches, dustbin)]))
    rows = np.append(np.ones(clusters), patches - clusters) / (patches + clusters)
    columns = np.ones(patches) / (patches + clusters)
    by_column = np.ones(patches)
    for _ in range(rounds):
        by_row = rows / (kernel @ by_column)
        by_column = columns / (kernel.T @ by_row)
    return (by_row[:, None] * kernel * by_column * (patches + clusters))[:-1]


def normalised(vectors, axis=None):
    return vectors / np.sqrt((vectors**2).sum(axis=axis, keepdims=axis is not None))


class ByHand:
    """The network of MEGALOC written out for one photo, in double precision."""

    def __init__(self):
        self.state = {name: tensor.numpy().astype(np.float64) for name, tensor in megaloc_state().items()}

    def linear(self, name, values):
        weight = self.state[f"{name}.weight"]
        return values @ weight.reshape(len(weight), -1).T + self.state[f"{name}.bias"]

    def norm(self, name, values):
        centred = values - values.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-6)
        return scaled * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def attention(self, name, tokens):
        thirds = self.linear(f"{name}.qkv", tokens).reshape(len(tokens), 3, MEGALOC["num_attention_heads"], -1)
        query, key, value = thirds.transpose(1, 2, 0, 3)
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = weights @ value / weights.sum(axis=-1, keepdims=True)
        return self.linear(f"{name}.proj", mixed.transpose(1, 0, 2).reshape(tokens.shape))

    def perceptron(self, name, tokens):
        inner = torch.from_numpy(self.linear(f"{name}.fc1", tokens))
        return self.linear(f"{name}.fc2", torch.nn.functional.gelu(inner).numpy())

    def positions(self, rows, columns):
        """Bicubic samples of the learned 4 x 4 positions, a tenth of a patch short of the whole grid."""
        learned = self.state["backbone.pos_embed"][0]
        if rows == columns == 4:
            return learned
        grid = learned[1:].reshape(4, 4, -1)
        found = np.einsum("ri,cj,ijd->rcd", cubic_weights(rows), cubic_weights(columns), grid)
        return np.vstack([learned[:1], found.reshape(rows * columns, -1)])

    def pooled(self, patches, token):
        agg = "aggregator.agg"

        def two_layers(part, second, values):
            return self.linear(f"{agg}.{part}.{second}", np.maximum(self.linear(f"{agg}.{part}.0", values), 0))

        plan = plan_by_hand(two_layers("score", 3, patches).T, self.state[f"{agg}.dust_bin"])
        sums = two_layers("cluster_features", 3, patches).T @ plan.T
        place = normalised(two_layers("token_features", 2, token[None])[0])
        return normalised(np.concatenate([place, normalised(sums, axis=0).ravel()]))

    def describe(self, image):
        rows, columns = (side // 14 for side in image.shape[:2])
        values = (image / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        patches = values.reshape(rows, 14, columns, 14, 3).transpose(0, 2, 4, 1, 3).reshape(rows * columns, -1)
        tokens = np.vstack([self.state["backbone.cls_token"][0], self.linear("backbone.patch_embed.proj", patches)])
        tokens = tokens + self.positions(rows, columns)
        for block in ("backbone.blocks.0", "backbone.blocks.1"):
            scales = (self.state[f"{block}.ls{part}.gamma"] for part in (1, 2))
            tokens = tokens + next(scales) * self.attention(f"{block}.attn", self.norm(f"{block}.norm1", tokens))
            tokens = tokens + next(scales) * self.perceptron(f"{block}.mlp", self.norm(f"{block}.norm2", tokens))
        tokens = self.norm("backbone.norm", tokens)
        return normalised(self.linear("aggregator.linear", self.pooled(tokens[1:], tokens[0])))


def cubic_weights(wanted):
    """(wanted, 4) weights of 4 samples by Keys' kernel with a = -0.75, the border repeated."""
    weights = np.zeros((wanted, 4))
    for index in range(wanted):
        place = (index + 0.5) * 4 / (wanted + 0.1) - 0.5
        for sample in range(int(np.floor(place)) - 1, int(np.floor(place)) + 3):
            away = abs(place - sample)
            near, far = 1.25 * away**3 - 2.25 * away**2 + 1, -0.75 * (away**3 - 5 * away**2 + 8 * away - 4)
            weights[index, min(max(sample, 0), 3)] += near if away <= 1 else far
    return weights


@pytest.mark.parametrize("size", [(56, 56), (42, 56), (70, 28), (28, 84), (84, 84)])
def test_descriptors_are_those_of_the_network_written_out(folder, size):
    image = photo(*size)
    found = MegaLoc(options(folder, side_px=max(size)), "cpu").describe(image)
    np.testing.assert_allclose(found, ByHand().describe(image), atol=2e-6)


@pytest.mark.parametrize("patches", [7, 30])
def test_patches_are_shared_out_by_sinkhorns_method(patches):
    scores = np.random.default_rng(patches).normal(scale=2, size=(6, patches))
    found = transported(torch.from_numpy(scores), torch.tensor(0.7, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(found, plan_by_hand(scores, 0.7), atol=1e-9)
    assert (found > 0).all()
    assert found.sum(axis=0).max() < 1  # the rest of each patch is in the dustbin
    settled = transported(torch.from_numpy(scores), torch.tensor(0.7, dtype=torch.float64), rounds=2000).numpy()
    np.testing.assert_allclose(settled.sum(axis=1), np.ones(6), atol=1e-3)


def test_pooling_does_not_depend_on_the_order_of_patches():
    torch.manual_seed(0)
    pooling = Salad(32, 24, 6, 8, 5).eval()
    patches, token = torch.randn(20, 32), torch.randn(32)
    with torch.inference_mode():
        found, turned = pooling(patches, token), pooling(patches.flip(0), token)
    assert found.shape == (6 * 8 + 5,)
    torch.testing.assert_close(found, turned)
    torch.testing.assert_close(found.norm(), torch.tensor(1.0))


def test_any_size_of_photo_gives_the_same_unit_vector_twice(folder):
    member = MegaLoc(options(folder), "cpu")
    assert isinstance(member, PhotoDescriptorMember)
    for size in ((90, 120), (200, 40), (33, 33), (10, 600), (600, 1)):
        first = member.describe(photo(*size))
        assert first.shape == (40,)
        assert first.dtype == np.float32
        assert np.linalg.norm(first) == pytest.approx(1, abs=1e-6)
        assert first.tobytes() == member.describe(photo(*size)).tobytes()
    assert abs(member.describe(photo(seed=1)) - member.describe(photo(seed=2))).max() > 1e-4


def test_photos_of_few_patches_are_seen_larger(folder):
    member = MegaLoc(options(folder, side_px=32), "cpu")
    large = MegaLoc(options(folder, side_px=42), "cpu")
    image = photo(60, 60)
    assert member.describe(image).tobytes() == large.describe(image).tobytes()  # 2 x 2 patches for 6 clusters


def test_photos_are_seen_at_322_px_unless_told(folder):
    own, told = (MegaLoc(options(folder, side_px=side_px), "cpu") for side_px in (0, 322))
    assert own.describe(photo()).tobytes() == told.describe(photo()).tobytes()


def test_every_turn_makes_turned_photos_alike(folder):
    plain, every = (MegaLoc(options(folder, every_turn=on), "cpu") for on in (False, True))
    image, turned = photo(), np.rot90(photo()).copy()
    assert abs(plain.describe(image) - plain.describe(turned)).max() > 1e-3
    np.testing.assert_allclose(every.describe(image), every.describe(turned), atol=1e-5)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_is_near(folder, precision):
    image = cv2.resize(photo(4, 6), (120, 90), interpolation=cv2.INTER_CUBIC)
    exact = MegaLoc(options(folder), "cpu").describe(image)
    half = MegaLoc(options(folder, precision=precision), "cpu").describe(image)
    assert 0 < abs(exact - half).max() < 0.01


def test_it_is_found_by_name_and_names_its_weights(folder):
    assert load("megaloc") is MegaLoc
    assert weights_of(MegaLoc, GlobalDescriptorOptions()) == ("megaloc",)
    assert weights_of(MegaLoc, options(folder)) == ()


def test_a_missing_model_names_the_command(monkeypatch, tmp_path):
    for name in ("SCENESORT_WEIGHTS", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    with pytest.raises(WeightsError, match="scenesort weights fetch megaloc"):
        MegaLoc(GlobalDescriptorOptions(), "cpu")


def test_the_published_model_needs_no_configuration(folder, tmp_path, monkeypatch):
    save_megaloc(tmp_path)
    (tmp_path / "config.json").unlink()
    monkeypatch.setattr(model_folders.weights, "locate", lambda name: tmp_path)
    with pytest.raises(WeightsError, match=r"backbone\.blocks\.10\..* is missing"):
        MegaLoc(GlobalDescriptorOptions(), "cpu")


def without(name):
    state = megaloc_state()
    del state[name]
    return state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (without("backbone.norm.weight"), r"1 tensors of .*: backbone\.norm\.weight is missing; download the model"),
        (without("aggregator.agg.dust_bin"), r"aggregator\.agg\.dust_bin is missing"),
        (without("backbone.blocks.1.attn.qkv.bias"), r"backbone\.blocks\.1\.attn\.qkv\.bias is missing"),
        (megaloc_state() | {"backbone.mask_token": torch.zeros(1, 32)}, r"backbone\.mask_token has no place"),
        (
            megaloc_state() | {"aggregator.agg.score.3.bias": torch.zeros(7)},
            r"aggregator\.agg\.score\.3\.bias is \(7,\), not \(6,\).*its own config\.json",
        ),
    ],
)
def test_every_tensor_must_have_its_place(tmp_path, state, message):
    with pytest.raises(WeightsError, match=message):
        MegaLoc(options(save_megaloc(tmp_path, state)), "cpu")


def test_sizes_must_be_those_of_the_tensors(tmp_path):
    with pytest.raises(WeightsError, match=r"linear\.weight is \(40, 53\), not \(40, 61\)"):
        MegaLoc(options(save_megaloc(tmp_path, config=MEGALOC | {"num_clusters": 7})), "cpu")
    with pytest.raises(WeightsError, match=r"backbone\.blocks\.1\.attn\.proj\.bias has no place"):
        MegaLoc(options(save_megaloc(tmp_path, config=MEGALOC | {"num_hidden_layers": 1})), "cpu")
    with pytest.raises(WeightsError, match="has mlp_dim '24', where a whole number from 1 on is wanted"):
        MegaLoc(options(save_megaloc(tmp_path, config=MEGALOC | {"mlp_dim": "24"})), "cpu")
    with pytest.raises(WeightsError, match="hidden_size 32, which num_attention_heads 5 doesn't divide"):
        MegaLoc(options(save_megaloc(tmp_path, config=MEGALOC | {"num_attention_heads": 5})), "cpu")


def test_wrong_folders_say_what_to_do(tmp_path):
    save_megaloc(tmp_path)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-100])
    with pytest.raises(WeightsError, match=r"model\.safetensors can't be read.*download the model again"):
        MegaLoc(options(tmp_path), "cpu")
    model_folders.num_parameters.cache_clear()
    (tmp_path / "model.safetensors").write_bytes(whole[:100])
    with pytest.raises(WeightsError, match=r"is no whole safetensors file.*download the model again"):
        MegaLoc(options(tmp_path), "cpu")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json can't be read"):
        MegaLoc(options(tmp_path), "cpu")
    (tmp_path / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"config\.json is missing; give the folder"):
        MegaLoc(options(tmp_path), "cpu")
    with pytest.raises(WeightsError, match=r"don't fit the network.*aggregator\..* is missing"):
        MegaLoc(options(save(vision_model("dinov2"), tmp_path / "dinov2")), "cpu")


def test_options_that_it_has_no_use_for(folder):
    with pytest.raises(OptionError, match="leave pooling at auto"):
        MegaLoc(options(folder, pooling="gem"), "cpu")
    with pytest.raises(OptionError, match="no 4-bit form"):
        MegaLoc(options(folder, precision="4bit"), "cpu")


def test_a_folder_may_be_pinned_to_its_fingerprint(folder):
    MegaLoc(options(folder, model_sha256=model_folders.fingerprint_of(str(folder), "megaloc")), "cpu")
    with pytest.raises(WeightsError, match="is another one"):
        MegaLoc(options(folder, model_sha256="0" * 64), "cpu")


def test_too_little_memory_is_told_before_loading(folder, monkeypatch):
    monkeypatch.setattr(model_memory, "available_mb", lambda device: 150.0)
    with pytest.raises(WeightsError, match=r"megaloc: .*0\.1 GB are free in memory"):
        MegaLoc(options(folder), "cpu")


def test_without_transformers_the_message_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(MissingDependencyError, match=r"megaloc needs.*pip install 'scenesort\[models\]'"):
        MegaLoc(options(folder), "cpu")
