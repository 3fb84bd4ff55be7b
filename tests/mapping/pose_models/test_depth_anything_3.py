"""Depth-Anything-3's adapter against a stub with upstream's signature that knows the truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pose_model_scenes import SIZES, check_contract, check_truth, photo_inputs, shown, sureness, true_camera, true_poses
from pose_model_stubs import STATE, Network, install, tensor
from scenesort.errors import OptionError, WeightsError
from scenesort.mapping.pose_models import PoseModelOptions
from scenesort.mapping.pose_models.checkpoints import accepted_licence
from scenesort.mapping.pose_models.depth_anything_3 import DepthAnything3


class Net(Network):
    def forward(self, x, extrinsics=None, intrinsics=None, export_feat_layers=(), infer_gs=False, use_ray_pose=False):
        assert extrinsics is intrinsics is None
        assert list(export_feat_layers) == []
        self.calls.append((x, torch.is_autocast_enabled("cpu")))
        bottom = np.broadcast_to([[[0, 0, 0, 1.0]]], (len(self.poses), 1, 4))
        return {
            "depth": tensor(self.depth),
            "depth_conf": tensor(self.confidence),
            "extrinsics": tensor(np.concatenate([self.poses, bottom], axis=1)),
            "intrinsics": tensor(self.intrinsics),
        }


@pytest.fixture
def upstream(monkeypatch, tmp_path):
    def create(config):
        assert config == "config of da3-small.yaml"
        return Net()

    install(
        monkeypatch,
        depth_anything_3__cfg={"load_config": lambda path: f"config of {path}", "create_object": create},
        depth_anything_3__registry={"MODEL_REGISTRY": {"da3-small": "da3-small.yaml"}},
    )
    save_file({f"model.{name}": value for name, value in STATE.items()}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model_name": "da3-small", "config": {}}))
    return tmp_path


def load(folder, **changes):
    return DepthAnything3(PoseModelOptions(model=str(folder), **changes), "cpu")


@pytest.mark.parametrize("sizes", [SIZES, SIZES[:1] * 3, SIZES[1:2] * 2, SIZES[2:3]])
def test_truth_comes_back(upstream, sizes):
    adapter = load(upstream, side_px=112)
    photos, poses = photo_inputs(sizes), true_poses(len(sizes))
    cameras = [true_camera(*size) for size in sizes]
    pictures, network = adapter._pictures(photos), adapter._network
    seen = [shown(picture, *known) for picture, *known in zip(pictures, cameras, poses, strict=True)]
    network.intrinsics, network.depth = (np.stack([one[part] for one in seen]) for part in (0, 1))
    network.confidence = np.stack([1 + sureness(*one[1].shape) for one in seen])
    network.poses = np.stack(poses)
    scene = adapter.predict(photos)
    assert scene.scale == "arbitrary"
    check_contract(scene, photos)
    check_truth(scene, pictures, cameras, poses)
    images, autocast = network.calls[0]
    assert not autocast
    expected = (pictures[0].pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(images[0, 0].permute(1, 2, 0), expected, atol=1e-5)


def test_the_small_and_base_models_need_no_consent(upstream):
    adapter = load(upstream)
    sentence = accepted_licence(DepthAnything3, str(upstream), PoseModelOptions())
    assert sentence == f"depth-anything-3: model {upstream} comes under Apache-2.0"
    assert adapter._network.weight.sum() == 6
    assert adapter.open_scene() is None


def test_the_large_model_needs_consent(upstream):
    (upstream / "config.json").write_text(json.dumps({"model_name": "da3-large"}))
    with pytest.raises(OptionError, match=r"comes under CC-BY-NC-4\.0, which allows no commercial use"):
        load(upstream)


@pytest.mark.parametrize("content", [{}, {"model_name": "da3mono-large"}])
def test_networks_without_poses_are_refused(upstream, content):
    (upstream / "config.json").write_text(json.dumps(content))
    with pytest.raises(WeightsError, match="it must be one that predicts poses: da3-base, da3-giant"):
        load(upstream)


def test_memory_grows_with_photos_and_pixels():
    assert DepthAnything3.memory_mb(1, 0) < DepthAnything3.memory_mb(30, 0) < DepthAnything3.memory_mb(30, 1008)
