"""MASt3R's adapter against a stub with upstream's signature that knows the truth."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pose_model_scenes import SIZES, check_contract, check_truth, photo_inputs, shown, sureness, true_camera, true_poses
from pose_model_stubs import STATE, Network, install
from scenesort import geometry
from scenesort.errors import WeightsError
from scenesort.mapping.pose_models import PoseModelOptions
from scenesort.mapping.pose_models.mast3r import Mast3r
from scenesort.mapping.pose_models.mast3r_pairs import mast3r_picture

TEXT = (
    "AsymmetricMASt3R(patch_embed_cls='ManyAR_PatchEmbed', img_size=(512, 512), depth_mode=('exp', -inf, inf), "
    "two_confs=True)"
)


class AsymmetricMASt3R(Network):
    def _encode_image(self, image, true_shape):
        assert true_shape.tolist() == [list(image.shape[-2:])]
        self.calls.append(image)
        number = float(len(self.calls) - 1)
        return torch.full((1, 2, 4), number), torch.zeros(1, 2, 2), None

    def _decoder(self, tokens1, positions1, tokens2, positions2):
        assert tokens1.shape == tokens2.shape
        return [tokens1], [tokens2]

    def _downstream_head(self, number, tokens, shape):
        batch, (height, width) = len(shape), shape[0].tolist()
        assert (shape == shape[0]).all()
        assert tokens[0].dtype == torch.float32
        values = tokens[0][:, 0, 0].view(batch, 1, 1) + torch.zeros(batch, height, width)
        maps = values[..., None] + torch.zeros(3)
        return {"pts3d": maps, "conf": values + 1, "desc": maps, "desc_conf": values + number}


class Scene:
    """What the alignment returns; photos may have different shapes."""

    def __init__(self, truth):
        self.truth = truth
        self.intrinsics = torch.tensor(np.stack([one["intrinsics"] for one in truth]), dtype=torch.float32)

    def get_im_poses(self):
        return torch.tensor(np.stack([one["c2w"] for one in self.truth]), dtype=torch.float32)

    def get_dense_pts3d(self):
        points = [torch.tensor(one["points"], dtype=torch.float32).reshape(-1, 3) for one in self.truth]
        return points, None, [torch.tensor(one["conf"], dtype=torch.float32) for one in self.truth]


class Alignment:
    """Upstream's module: it finds every pair's files, in both orders, as the inference has written them."""

    def __init__(self):
        self.truth, self.calls, self.fails = [], [], False

    def hash_md5(self, text):
        return f"code{text}"

    def to_cpu(self, content):
        return content

    def extract_correspondences(self, feats, qonfs, subsample=8, device=None):
        assert len(feats) == len(qonfs) == 4
        first, second = feats[0].shape[:2], feats[2].shape[:2]
        assert [tuple(one.shape[:2]) for one in feats] == [first, second, second, first]
        # The second head's confidences are 2 more than the tokens, the first one's 1.
        numbers = [float(one[0, 0, 0]) for one in feats]
        assert [float(one[0, 0]) for one in qonfs] == [numbers[0] + 1, numbers[1] + 2, numbers[2] + 1, numbers[3] + 2]
        assert numbers[0] == numbers[3]
        assert numbers[1] == numbers[2]
        return torch.zeros(5, 2), torch.zeros(5, 2), torch.ones(5)

    def sparse_global_alignment(self, imgs, pairs_in, cache_path, model, device=None, init=None, verbose=True):
        print("noise")
        if self.fails:
            raise AssertionError
        folder = Path(cache_path)
        for one, other in pairs_in:
            first, second = int(one["instance"]), int(other["instance"])
            own, own_conf, seen, seen_conf = torch.load(folder / f"forward/code{first}/code{second}.pth")
            assert own.shape[:2] == tuple(one["true_shape"][0])
            assert seen.shape[:2] == tuple(other["true_shape"][0])
            assert (float(own[0, 0, 0]), float(seen[0, 0, 0])) == (first, second)
            assert (float(own_conf[0, 0]), float(seen_conf[0, 0])) == (first + 1, second + 1)
            if first < second:
                name = f"corres_conf=desc_conf_subsample=8/code{first}-code{second}.pth"
                score, matches = torch.load(folder / name)
                assert score == (pytest.approx(math.sqrt((first + 1) * (second + 1))), 5.0, 5)
                assert len(matches) == 3
        self.calls.append({"imgs": imgs, "pairs": pairs_in, "init": init, "folder": folder})
        return Scene(self.truth)


@pytest.fixture
def upstream(monkeypatch, tmp_path):
    alignment = Alignment()
    functions = ("hash_md5", "to_cpu", "extract_correspondences", "sparse_global_alignment")
    install(
        monkeypatch,
        mast3r__model={"AsymmetricMASt3R": AsymmetricMASt3R},
        mast3r__cloud_opt__sparse_ga={name: getattr(alignment, name) for name in functions},
        models__blocks={"Attention": type("Attention", (), {}), "CrossAttention": type("CrossAttention", (), {})},
    )
    alignment.file = tmp_path / "mast3r.pth"
    torch.save({"args": argparse.Namespace(model=TEXT), "model": STATE}, alignment.file)
    return alignment


def load(path, **changes):
    return Mast3r(PoseModelOptions(model=str(path), accept_licence=True, **{"side_px": 128, **changes}), "cpu")


def fill(alignment, photos, side_px=128):
    pictures = [mast3r_picture(photo, side_px) for photo in photos]
    cameras = [true_camera(photo.camera.width_px, photo.camera.height_px) for photo in photos]
    poses = true_poses(len(photos))
    alignment.truth = []
    for picture, camera, pose in zip(pictures, cameras, poses, strict=True):
        intrinsics, _, _, points = shown(picture, camera, pose)
        intrinsics[:2, 2] -= 0.5  # its pixel centres are whole numbers
        world_from_cam = np.vstack([geometry.invert(pose), [[0, 0, 0, 1]]])
        known = {"intrinsics": intrinsics, "c2w": world_from_cam, "points": points}
        alignment.truth.append({**known, "conf": 1 + sureness(*points.shape[:2])})
    return pictures, cameras, poses


@pytest.mark.parametrize("sizes", [SIZES, SIZES[:1] * 2, SIZES[1:3]])
def test_truth_comes_back(upstream, sizes, capsys):
    photos = photo_inputs(sizes)
    known = fill(upstream, photos)
    scene = load(upstream.file).predict(photos)
    assert scene.scale == "metric"
    check_contract(scene, photos)
    check_truth(scene, *known)
    call = upstream.calls[0]
    count = len(sizes)
    ordered = [(int(one["instance"]), int(other["instance"])) for one, other in call["pairs"]]
    assert sorted(ordered) == [(one, other) for one in range(count) for other in range(count) if one != other]
    assert not call["folder"].exists()
    assert capsys.readouterr().out == ""


def test_each_photo_is_encoded_once_from_minus_one_to_one(upstream):
    photos = photo_inputs(SIZES[:1] * 4)
    fill(upstream, photos)
    adapter = load(upstream.file)
    adapter.predict(photos)
    assert len(adapter._network.calls) == 4
    expected = mast3r_picture(photos[2], 128).pixels / 255 * 2 - 1
    np.testing.assert_allclose(adapter._network.calls[2][0].permute(1, 2, 0), expected, atol=1e-6)


def test_known_focal_lengths_are_where_the_alignment_starts(upstream):
    photos = photo_inputs(SIZES[:2])
    camera = dataclasses.replace(true_camera(*SIZES[0]), has_focal_prior=True)
    photos[0] = dataclasses.replace(photos[0], camera=camera)
    fill(upstream, photos)
    load(upstream.file).predict(photos)
    (name,) = upstream.calls[0]["init"]
    assert name == "0"
    np.testing.assert_allclose(upstream.calls[0]["init"]["0"]["intrinsics"], upstream.truth[0]["intrinsics"], rtol=1e-5)


def test_one_photo_is_no_scene(upstream):
    with pytest.raises(ValueError, match="mast3r needs two photos at least"):
        load(upstream.file).predict(photo_inputs(SIZES[:1]))


def test_what_the_alignment_refuses_has_a_clear_answer(upstream):
    photos = photo_inputs(SIZES[:2])
    fill(upstream, photos)
    upstream.fails = True
    with pytest.raises(WeightsError, match="mast3r: the alignment refuses what the network gives"):
        load(upstream.file).predict(photos)


def test_the_network_is_built_as_the_checkpoint_says(upstream):
    network = load(upstream.file)._network
    assert network.arguments == {
        "patch_embed_cls": "PatchEmbedDust3R",
        "img_size": (512, 512),
        "depth_mode": ("exp", -math.inf, math.inf),
        "two_confs": True,
        "landscape_only": False,
    }
    assert network.weight.sum() == 6


def test_the_hubs_folder_has_its_sizes_in_json(upstream, tmp_path):
    folder = tmp_path / "hub"
    folder.mkdir()
    save_file(STATE, folder / "model.safetensors")
    sizes = {"depth_mode": ["exp", -math.inf, math.inf], "img_size": [512, 512], "landscape_only": True}
    (folder / "config.json").write_text(json.dumps(sizes))
    network = load(folder)._network
    assert network.arguments == {
        "depth_mode": ("exp", -math.inf, math.inf),
        "img_size": (512, 512),
        "landscape_only": False,
        "patch_embed_cls": "PatchEmbedDust3R",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("AsymmetricCroCo3DStereo(img_size=(512, 512))", "holds a network 'AsymmetricCroCo3DStereo' instead of"),
        ("__import__('os').abort()", "describes its network in a way that can't be read"),
    ],
)
def test_other_checkpoints_are_refused(upstream, tmp_path, text, message):
    torch.save({"args": argparse.Namespace(model=text), "model": STATE}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=message):
        load(tmp_path / "other.pth")
