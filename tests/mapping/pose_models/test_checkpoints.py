"""Checkpoints: found by every kind of name, refused with a clear answer when they are not what they should be."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from pose_model_stubs import STATE, Network, install
from scenesort.errors import OptionError, WeightsError
from scenesort.mapping.pose_models import PoseModelOptions
from scenesort.mapping.pose_models.checkpoints import Checkpoint, fill, find_checkpoint, licence_of
from scenesort.mapping.pose_models.vggt import Vggt
from scenesort.weights import REGISTRY, read_state
from weights_world import make_home


@pytest.fixture
def home(tmp_path, monkeypatch):
    return make_home(tmp_path, monkeypatch)


def registry_folder(home, name):
    folder = home / "chosen" / name
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("model", ["must3r", REGISTRY["must3r"].sources[0].url])
def test_names_and_addresses_of_the_registry(home, model):
    with pytest.raises(WeightsError, match=r"weights 'must3r' .* are not here; run: scenesort weights fetch must3r"):
        find_checkpoint("must3r", model, ("must3r",))
    assert licence_of(model, "other", True) == ("MUSt3R Non-Commercial License", False)


def test_a_repository_of_the_hub_that_the_registry_has(home):
    with pytest.raises(WeightsError, match="scenesort weights fetch vggt --accept-licence"):
        find_checkpoint("vggt", "facebook/VGGT-1B", ("vggt", "vggt-commercial"))
    assert licence_of("facebook/VGGT-1B-Commercial", "CC-BY-NC-4.0", False)[1] is True
    assert licence_of("./folder", "CC-BY-NC-4.0", False) == ("CC-BY-NC-4.0", False)


def test_wrong_bytes_and_half_files_of_the_registry_are_told(home):
    folder = registry_folder(home, "da3-small")
    (folder / "config.json").write_bytes(b"x" * 1_202)
    (folder / "model.safetensors").write_bytes(b"half")
    with pytest.raises(WeightsError, match=r"it has 4 bytes instead of 137,248,940") as caught:
        find_checkpoint("depth-anything-3", "da3-small", ("da3-small",))
    assert "config.json: its bytes are not those that were published" in str(caught.value)


def test_folders_and_files(home, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(WeightsError, match="holds no file of weights"):
        _ = find_checkpoint("x", str(folder), ()).state_file
    save_file(STATE, folder / "other.safetensors")
    assert find_checkpoint("x", str(folder), ()).state_file == folder / "other.safetensors"
    torch.save(STATE, folder / "another.pth")
    with pytest.raises(WeightsError, match="holds 2 files of weights; give the path of the file"):
        _ = find_checkpoint("x", str(folder), ()).state_file
    save_file(STATE, folder / "model.safetensors")
    assert find_checkpoint("x", str(folder), ()).state_file == folder / "model.safetensors"
    assert find_checkpoint("x", str(folder / "another.pth"), ()).state_file == folder / "another.pth"


def test_configs(tmp_path):
    checkpoint = Checkpoint("x", tmp_path)
    assert checkpoint.config() == {}
    for text, message in (("{", "can't be read"), ("[1]", "holds no JSON object")):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(WeightsError, match=message):
            checkpoint.config()
    (tmp_path / "config.json").write_text('{"depth": 3}')
    (tmp_path / "model.pth").touch()
    assert Checkpoint("x", tmp_path / "model.pth").config() == {"depth": 3}


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (
            "dinov2-small",
            OptionError,
            "'dinov2-small' is another member's model; give one of vggt, or a folder",
        ),
        ("https://example.org/a.pth", WeightsError, r"curl -LO https://example\.org/a\.pth"),
        ("someone/Model", WeightsError, "hf download someone/Model"),
        ("no such thing", WeightsError, r"is no folder, no file and no name .* \(it has: vggt\)"),
        ("/no/such/file.pth", WeightsError, "is no folder, no file"),
    ],
)
def test_what_is_nowhere(home, model, error, message):
    with pytest.raises(error, match=message):
        find_checkpoint("x", model, ("vggt",))


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"weight": STATE["weight"]}, r"1 of its 2 tensors are missing or have other shapes \(bias\)"),
        ({**STATE, "bias": torch.ones(4)}, r"1 of its 2 tensors .* \(bias\)"),
        ({"other": torch.ones(1)}, r"2 of its 2 tensors .* \(bias, weight\)"),
        ({**STATE, "bias": "text"}, r"1 of its 2 tensors .* \(bias\)"),
    ],
)
def test_no_part_of_a_network_stays_random(tmp_path, state, message):
    with pytest.raises(WeightsError, match=message):
        fill(Network(), state, Checkpoint("x", tmp_path), "x")


def test_shared_and_optional_tensors_may_be_missing(tmp_path):
    network = Network()
    network.again = network.weight
    network.mask_token = torch.nn.Parameter(torch.zeros(1))
    fill(network, {**STATE, "extra": torch.ones(1)}, Checkpoint("x", tmp_path), "x", ("mask_token",))
    assert network.again.sum() == 6


@pytest.mark.parametrize("content", [b"", bytes(range(256)) * 40, b"PK\x03\x04half of an archive"])
@pytest.mark.parametrize("name", ["model.safetensors", "model.pt"])
def test_an_adapter_refuses_a_damaged_file(monkeypatch, tmp_path, content, name):
    install(monkeypatch, vggt__models__vggt={"VGGT": Network}, vggt__utils__pose_enc={})
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=rf"{name} is .*; download it again"):
        Vggt(PoseModelOptions(model=str(tmp_path), accept_licence=True), "cpu")


def test_half_a_file_is_refused(tmp_path):
    for name, save in (("a.safetensors", save_file), ("a.pth", torch.save)):
        save({"weight": torch.ones(1000)}, tmp_path / name)
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(WeightsError, match=f"{name} is .*; download it again"):
            read_state(tmp_path / name)


def test_a_file_of_one_tensor_is_no_state(tmp_path):
    torch.save(torch.ones(2), tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"a\.pth holds no tensors by name, but a Tensor"):
        read_state(tmp_path / "a.pth")
