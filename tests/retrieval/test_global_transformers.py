"""Members that run vision transformers, through the true loading path with tiny models saved to folders."""

import importlib.util
import json

import numpy as np
import pytest
import torch

from scenesort import model_folders, model_memory
from scenesort.errors import MissingDependencyError, OptionError, WeightsError
from scenesort.retrieval.global_descriptors import GlobalDescriptorOptions, PhotoDescriptorMember
from scenesort.retrieval.global_descriptors.blip import Blip
from scenesort.retrieval.global_descriptors.clip import Clip
from scenesort.retrieval.global_descriptors.dinov2 import Dinov2
from scenesort.retrieval.global_descriptors.siglip import Siglip
from tiny_models import VISION, photo, save, vision_model

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs transformers: pip install 'scenesort[models]'"
)

KINDS = {"dinov2": Dinov2, "registers": Dinov2, "blip": Blip, "siglip": Siglip, "clip": Clip}
SKIPPED = {"dinov2": 1, "registers": 4, "blip": 1, "siglip": 0, "clip": 1}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {kind: save(vision_model(kind), tmp_path_factory.mktemp(kind)) for kind in KINDS}


def options(folder, **changes):
    return GlobalDescriptorOptions(model=str(folder), side_px=56, **changes)


def outputs_by_hand(kind, image):
    """Tokens and class vector of the model that was saved, fed with pixels normalised here; 4 x 4 patches."""
    whole = vision_model(kind).eval()
    model = getattr(whole, "vision_model", whole)
    values = (image / 255.0 - [0.4, 0.5, 0.6]) / [0.2, 0.25, 0.3]
    with torch.inference_mode():
        found = model(pixel_values=torch.from_numpy(values.transpose(2, 0, 1)[None].astype(np.float32)))
    tokens = found.last_hidden_state[0].numpy().astype(np.float64)[SKIPPED[kind] :]
    assert tokens.shape == (16, 32)
    return tokens, found.pooler_output[0].numpy().astype(np.float64)


def at_unit_length(vector):
    return vector / np.sqrt((vector**2).sum())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["cls", "mean", "max", "gem"])
def test_vectors_are_the_saved_models_outputs_pooled(folders, kind, pooling):
    image = photo(56, 56)
    tokens, class_vector = outputs_by_hand(kind, image)
    expected = {
        "cls": class_vector,
        "mean": tokens.sum(axis=0) / 16,
        "max": np.array([max(column) for column in tokens.T]),
        "gem": (np.maximum(tokens, 1e-6) ** 3).mean(axis=0) ** (1 / 3),
    }[pooling]
    found = KINDS[kind](options(folders[kind], pooling=pooling), "cpu").describe(image)
    np.testing.assert_allclose(found, at_unit_length(expected), atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_any_size_of_photo_gives_the_same_unit_vector_twice(folders, kind):
    member = KINDS[kind](GlobalDescriptorOptions(model=str(folders[kind]), side_px=84), "cpu")
    assert isinstance(member, PhotoDescriptorMember)
    for size in ((90, 120), (200, 40), (33, 33)):
        first = member.describe(photo(*size))
        assert first.shape == (32,)
        assert first.dtype == np.float32
        assert np.linalg.norm(first) == pytest.approx(1, abs=1e-6)
        assert first.tobytes() == member.describe(photo(*size)).tobytes()
    assert abs(member.describe(photo(seed=1)) - member.describe(photo(seed=2))).max() > 1e-4


def test_every_turn_makes_turned_photos_alike(folders):
    plain, every = (Dinov2(options(folders["dinov2"], every_turn=on), "cpu") for on in (False, True))
    image, turned = photo(), np.rot90(photo()).copy()
    assert abs(plain.describe(image) - plain.describe(turned)).max() > 1e-3
    np.testing.assert_allclose(every.describe(image), every.describe(turned), atol=1e-5)


def test_half_precision_is_near(folders):
    exact = Dinov2(options(folders["dinov2"]), "cpu").describe(photo())
    half = Dinov2(options(folders["dinov2"], precision="bfloat16"), "cpu").describe(photo())
    assert 0.99 < float(exact @ half) < 1.0


def test_an_old_pickle_is_read_without_running_code(folders, tmp_path):
    model = vision_model("blip")
    save(model, tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    found = Blip(options(tmp_path), "cpu").describe(photo())
    np.testing.assert_allclose(found, Blip(options(folders["blip"]), "cpu").describe(photo()), atol=1e-6)


class Malicious:
    ran = False

    def __reduce__(self):
        return (setattr, (Malicious, "ran", True))


def test_code_in_a_pickle_is_not_run(tmp_path):
    save(vision_model("blip"), tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save({"x": Malicious()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="it might run code, and was not loaded"):
        Blip(options(tmp_path), "cpu")
    assert not Malicious.ran


def test_an_incomplete_model_is_no_model(folders, tmp_path):
    from safetensors.torch import load_file, save_file

    save(vision_model("dinov2"), tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    del state["layernorm.weight"]
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"lacks 1 of its tensors.*layernorm\.weight.*whole model"):
        Dinov2(options(tmp_path), "cpu")


def test_a_model_of_another_size_than_its_configuration(tmp_path):
    save(vision_model("dinov2"), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
    with pytest.raises(WeightsError, match=r"other shapes|can't be loaded"):
        Dinov2(options(tmp_path), "cpu")


def test_wrong_folders_say_what_to_do(folders, tmp_path):
    with pytest.raises(WeightsError, match=r"'nowhere' is neither a folder nor a name.*dinov2-small"):
        Dinov2(GlobalDescriptorOptions(model="nowhere"), "cpu")
    with pytest.raises(WeightsError, match=r"config\.json is missing"):
        Dinov2(options(tmp_path), "cpu")
    with pytest.raises(WeightsError, match="of type 'siglip', and dinov2 takes dinov2 or dinov2_with_registers"):
        Dinov2(options(folders["siglip"]), "cpu")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"model\.safetensors is missing"):
        Dinov2(options(tmp_path), "cpu")
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 20)
    with pytest.raises(WeightsError, match=r"config\.json can't be read"):
        Dinov2(options(tmp_path), "cpu")
    (tmp_path / "config.json").write_text('{"model_type": "dinov2"}')
    with pytest.raises(WeightsError, match="no whole safetensors file"):
        Dinov2(options(tmp_path), "cpu")
    with pytest.raises(OptionError, match="clip has no model of its own: set model"):
        Clip(GlobalDescriptorOptions(), "cpu")
    with pytest.raises(OptionError, match="no 4-bit form"):
        Dinov2(options(folders["dinov2"], precision="4bit"), "cpu")


def test_a_folder_without_normalisation_is_refused(tmp_path):
    vision_model("dinov2").save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match=r"preprocessor_config\.json is missing"):
        Dinov2(options(tmp_path), "cpu")
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": [0, 0, 0]}')
    with pytest.raises(WeightsError, match="lacks image_mean or image_std"):
        Dinov2(options(tmp_path), "cpu")


def test_a_folder_may_be_pinned_to_its_fingerprint(folders, tmp_path):
    folder = save(vision_model("dinov2"), tmp_path / "model")
    fingerprint = model_folders.fingerprint_of(str(folder), "dinov2")
    assert fingerprint == model_folders.fingerprint_of(str(folders["dinov2"]), "dinov2")
    Dinov2(options(folder, model_sha256=fingerprint), "cpu")
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    with pytest.raises(WeightsError, match=f"is another one.*expected was {fingerprint}"):
        Dinov2(options(folder, model_sha256=fingerprint), "cpu")


def test_a_missing_model_of_the_registry_names_the_command(monkeypatch, tmp_path):
    for name in ("SCENESORT_WEIGHTS", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    with pytest.raises(WeightsError, match="scenesort weights fetch dinov2-large"):
        Dinov2(GlobalDescriptorOptions(model="dinov2-large"), "cpu")


def test_too_little_memory_is_told_before_loading(folders, monkeypatch):
    monkeypatch.setattr(model_memory, "available_mb", lambda device: 150.0)
    with pytest.raises(
        WeightsError, match=r"0\.2 GB in float32, and 0\.1 GB are free in memory.*precision to bfloat16"
    ):
        Dinov2(options(folders["dinov2"]), "cpu")


def test_without_transformers_the_message_says_what_to_install(folders, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(MissingDependencyError, match=r"dinov2 needs.*pip install 'scenesort\[models\]'"):
        Dinov2(options(folders["dinov2"]), "cpu")


def test_parameters_are_counted_from_the_files(folders):
    expected = sum(tensor.numel() for tensor in vision_model("dinov2").state_dict().values())
    assert model_folders.num_parameters(folders["dinov2"]) == expected
    assert VISION["hidden_size"] ** 2 < expected
