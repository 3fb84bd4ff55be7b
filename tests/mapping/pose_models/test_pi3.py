"""Pi3's adapter against a stub with upstream's signature that knows the truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pose_model_scenes import SIZES, check_contract, check_truth, photo_inputs, shown, sureness, true_camera, true_poses
from pose_model_stubs import STATE, Network, install, tensor
from scenesort import geometry
from scenesort.errors import WeightsError
from scenesort.mapping.pose_models import PoseModelOptions
from scenesort.mapping.pose_models.pi3 import Pi3


class Net(Network):
    def __init__(self, pos_type="rope100", decoder_size="large"):
        if decoder_size not in {"small", "base", "large"}:
            raise NotImplementedError
        super().__init__(pos_type=pos_type, decoder_size=decoder_size)

    def forward(self, imgs):
        self.calls.append(imgs)
        return {name: tensor(value) for name, value in self.found.items()}


@pytest.fixture
def upstream(monkeypatch, tmp_path):
    install(monkeypatch, pi3__models__pi3={"Pi3": Net})
    torch.save(STATE, tmp_path / "model.pt")
    (tmp_path / "config.json").write_text(json.dumps({"decoder_size": "small", "tags": []}))
    return tmp_path


def load(folder, **changes):
    return Pi3(PoseModelOptions(model=str(folder), accept_licence=True, **changes), "cpu")


@pytest.mark.parametrize("sizes", [SIZES, SIZES[:1] * 3, SIZES[1:2] * 2, SIZES[2:3]])
def test_truth_comes_back(upstream, sizes):
    adapter = load(upstream, side_px=112)
    photos, poses = photo_inputs(sizes), true_poses(len(sizes))
    cameras = [true_camera(*size) for size in sizes]
    pictures, network = adapter._pictures(photos), adapter._network
    seen = [shown(picture, *known) for picture, *known in zip(pictures, cameras, poses, strict=True)]
    bottom = np.broadcast_to([[[0, 0, 0, 1.0]]], (len(sizes), 1, 4))
    share = np.stack([sureness(*one[1].shape) for one in seen]) / 2
    network.found = {
        "points": np.stack([one[3] for one in seen]),
        "local_points": np.stack([one[2] for one in seen]),
        "conf": np.log(share / (1 - share))[..., None],
        "camera_poses": np.concatenate([geometry.invert(np.stack(poses)), bottom], axis=1),
    }
    scene = adapter.predict(photos)
    assert scene.scale == "arbitrary"
    check_contract(scene, photos)
    for one in scene.photos:
        one.point_map.confidence[...] *= 2
    check_truth(scene, pictures, cameras, poses)
    assert network.calls[0].shape[:3] == (1, len(sizes), 3)
    # From 0 to 1: Pi3 takes mean and deviation off itself.
    np.testing.assert_allclose(network.calls[0][0, 0].permute(1, 2, 0), pictures[0].pixels / 255, atol=1e-6)


def test_its_sizes_are_those_of_config_json(upstream):
    assert load(upstream)._network.arguments == {"pos_type": "rope100", "decoder_size": "small"}
    (upstream / "config.json").write_text(json.dumps({"decoder_size": "huge"}))
    with pytest.raises(WeightsError, match=r"pi3: config\.json of .* fits no Pi3"):
        load(upstream)


def test_its_own_model_is_the_hubs_if_that_is_here(upstream, monkeypatch, tmp_path):
    cache = tmp_path / "cache" / "models--yyfz233--Pi3"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(
        WeightsError, match=r"pi3: model yyfz233/Pi3 is not in the hub's cache .* hf download yyfz233/Pi3"
    ):
        Pi3(PoseModelOptions(accept_licence=True), "cpu")
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text("abc\n")
    (cache / "snapshots" / "abc").mkdir(parents=True)
    torch.save(STATE, cache / "snapshots" / "abc" / "model.pt")
    assert Pi3(PoseModelOptions(accept_licence=True), "cpu").open_scene() is None


def test_memory_is_what_its_authors_measured():
    # 364 x 504 pixels, at 1,024 photos: 43,667 MB; there at the limit of pixels that a side of 500 has.
    side = (364 * 504 / (255_000 / 588**2)) ** 0.5
    assert Pi3.memory_mb(1024, round(side)) == pytest.approx(43_667, rel=0.01)
