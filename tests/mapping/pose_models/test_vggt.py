"""VGGT's adapter against a stub with upstream's signature that knows the truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pose_model_scenes import SIZES, check_contract, check_truth, photo_inputs, shown, sureness, true_camera, true_poses
from pose_model_stubs import STATE, Network, install, tensor
from scenesort.mapping.pose_models import PoseModelOptions
from scenesort.mapping.pose_models.vggt import Vggt


class Heads(Network):
    """Its forward is called in parts."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        Heads.latest = self

    def aggregator(self, images):
        self.calls.append((images, torch.is_autocast_enabled("cpu"), torch.is_inference_mode_enabled()))
        return ["tokens"], 5

    def camera_head(self, tokens):
        assert tokens == ["tokens"]
        return ["first", "encoding"]

    def depth_head(self, tokens, images, patch_start_idx):
        assert (tokens, patch_start_idx) == (["tokens"], 5)
        assert images is self.calls[-1][0]
        assert not torch.is_autocast_enabled("cpu")
        return tensor(self.depth)[..., None], tensor(self.confidence)


@pytest.fixture
def upstream(monkeypatch, tmp_path):
    def decode(encoding, size_hw):
        assert encoding == "encoding"
        network = Heads.latest
        assert size_hw == tuple(network.calls[-1][0].shape[-2:])
        return tensor(network.poses), tensor(network.intrinsics)

    install(
        monkeypatch,
        vggt__models__vggt={"VGGT": Heads},
        vggt__utils__pose_enc={"pose_encoding_to_extri_intri": decode},
    )
    save_file({**STATE, "track_head.unused": torch.ones(1)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"img_size": 518, "embed_dim": 64, "enable_track": True}))
    return tmp_path


def load(folder, **changes):
    return Vggt(PoseModelOptions(model=str(folder), accept_licence=True, **changes), "cpu")


def give_truth(network, pictures, cameras, poses):
    seen = [shown(picture, *known) for picture, *known in zip(pictures, cameras, poses, strict=True)]
    network.intrinsics = np.stack([one[0] for one in seen])
    network.depth = np.stack([one[1] for one in seen])
    network.confidence = np.stack([1 + sureness(*one[1].shape) for one in seen])
    network.poses = np.stack(poses)


@pytest.mark.parametrize("sizes", [SIZES, SIZES[:1] * 3, SIZES[1:2] * 2, SIZES[2:3]])
def test_truth_comes_back(upstream, sizes):
    adapter = load(upstream, side_px=112)
    photos, poses = photo_inputs(sizes), true_poses(len(sizes))
    cameras = [true_camera(*size) for size in sizes]
    pictures = adapter._pictures(photos)
    give_truth(Heads.latest, pictures, cameras, poses)
    scene = adapter.predict(photos)
    assert scene.scale == "arbitrary"
    check_contract(scene, photos)
    check_truth(scene, pictures, cameras, poses)


def test_photos_are_given_as_upstream_wants_them(upstream):
    adapter = load(upstream, side_px=112)
    photos = photo_inputs()
    pictures = adapter._pictures(photos)
    cameras = [true_camera(*size) for size in SIZES]
    give_truth(Heads.latest, pictures, cameras, true_poses(len(SIZES)))
    adapter.predict(photos)
    images, autocast, inference = Heads.latest.calls[0]
    assert images.shape == (1, 4, 3, 112, 112)
    # From 0 to 1: VGGT takes mean and deviation off itself.
    np.testing.assert_allclose(images[0, 1].permute(1, 2, 0), pictures[1].pixels / 255, atol=1e-6)
    assert (autocast, inference) == (False, True)


def test_the_aggregator_alone_has_mixed_precision(upstream):
    adapter = load(upstream, side_px=112, precision="bfloat16")
    photos = photo_inputs(SIZES[:1])
    give_truth(Heads.latest, adapter._pictures(photos), [true_camera(*SIZES[0])], true_poses(1))
    adapter.predict(photos)
    assert Heads.latest.calls[0][1] is True


def test_heads_that_nothing_needs_are_left_out(upstream):
    load(upstream)
    assert Heads.latest.arguments == {
        "img_size": 518,
        "embed_dim": 64,
        "enable_point": False,
        "enable_track": False,
    }
    assert Heads.latest.weight.sum() == 6
    assert not Heads.latest.training


def test_it_has_no_memory_of_its_own_and_tells_what_it_needs(upstream):
    assert load(upstream).open_scene() is None
    # Published: 40.63 GB for 200 photos with the network in bfloat16, which here is in float32.
    assert Vggt.memory_mb(200, 0) == pytest.approx(40_630 + 2_800, rel=0.03)
    assert Vggt.memory_mb(10, 259) < Vggt.memory_mb(10, 518) < Vggt.memory_mb(20, 518)
