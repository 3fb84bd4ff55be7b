"""MUSt3R's adapter and its memory against a stub with upstream's signature that knows the truth."""

from __future__ import annotations

import argparse

import numpy as np
import pytest
import torch

from pose_model_scenes import SIZES, check_contract, check_truth, photo_inputs, shown, sureness, true_poses
from pose_model_stubs import STATE, install
from scenesort import geometry
from scenesort.errors import OptionError, WeightsError
from scenesort.mapping.pose_models import PoseModelOptions
from scenesort.mapping.pose_models.must3r import Must3r
from scenesort.mapping.pose_models.must3r_memory import Must3rScene, must3r_picture
from scenesort.types import Camera

TOKENS = 3
LAYERS = 2


class Part(torch.nn.Module):
    def __init__(self, **arguments):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2, 3))
        self.bias = torch.nn.Parameter(torch.zeros(3))
        self.arguments, self.calls = arguments, []


class Dust3rEncoder(Part):
    """Gives each photo tokens of its number, so that the decoder can tell which it sees."""

    def forward(self, img, true_shape):
        assert img.shape[0] == 1
        assert true_shape.tolist() == [list(img.shape[-2:])]
        number = len(self.calls)
        self.calls.append(img)
        return torch.full((1, TOKENS, 4), float(number)), torch.zeros(1, TOKENS, 2)


class MUSt3R(Part):
    """Keeps upstream's bookkeeping of memory and labels; its maps hold the number of the photo."""

    pointmaps_activation = "norm_exp"

    def forward(self, x, pos, true_shape, current_mem=None, render=False):
        numbers = [int(tokens[0, 0, 0, 0]) for tokens in x]
        shapes = [tuple(shape[0, 0].tolist()) for shape in true_shape]
        assert {tuple(tokens.shape) for tokens in x} == {(1, 1, TOKENS, 4)}
        assert [tuple(place.shape) for place in pos] == [(1, 1, TOKENS, 2)] * len(x)
        known = [] if current_mem is None else sorted({int(value) for value in current_mem[0][0][0, :, 0]})
        self.calls.append((numbers, known, render))
        maps = [torch.full((1, 1, *shape, 7), float(number)) for number, shape in zip(numbers, shapes, strict=True)]
        if render:
            return current_mem, maps
        if current_mem is None:
            current_mem = ([torch.zeros(1, 0, 4)] * LAYERS, torch.zeros(1, 0, dtype=torch.int64), 0, 0, 0)
        tokens, labels, count, *_ = current_mem
        new = torch.cat([part[:, 0] for part in x], dim=1)
        new_labels = torch.arange(len(x)).repeat_interleave(TOKENS)[None] + count
        labels = torch.cat([labels, new_labels], dim=1)
        count += len(x)
        return ([torch.cat([layer, new], dim=1) for layer in tokens], labels, count, count, labels.shape[1]), maps


class World:
    """What postprocess gives of each photo, by its number."""

    def __init__(self):
        self.truth = {}

    def postprocess(self, pointmaps, pointmaps_activation=None, compute_cam=False):
        assert (pointmaps_activation, compute_cam) == ("norm_exp", True)
        assert pointmaps.ndim == 4
        return self.truth[int(pointmaps[0, 0, 0, 0])]


ENCODER = "Dust3rEncoder(img_size=(512, 512), pos_embed='RoPE100', depth=24)"
DECODER = (
    "CausalMUSt3R(img_size=(512, 512), feedback_type='single_mlp', memory_mode='kv', mem_dropout=0.1, "
    "use_mem_mask=True)"
)


def checkpoint(path, **changes):
    content = {
        "args": argparse.Namespace(encoder=ENCODER, decoder=DECODER, epochs=100),
        "encoder": STATE,
        "decoder": STATE,
        "epoch": 100,
    }
    torch.save({key: value for key, value in {**content, **changes}.items() if value is not None}, path)
    return path


@pytest.fixture
def upstream(monkeypatch, tmp_path):
    world = World()
    attention = {"has_xformers": False, "toggle_memory_efficient_attention": None}
    install(
        monkeypatch,
        must3r__model={"Dust3rEncoder": Dust3rEncoder, "MUSt3R": MUSt3R},
        must3r__engine__inference={"postprocess": world.postprocess},
        must3r__model__blocks__attention=attention,
    )
    world.file = checkpoint(tmp_path / "MUSt3R_512.pth")
    return world


def load(path, **changes):
    return Must3r(PoseModelOptions(model=str(path), accept_licence=True, **{"side_px": 224, **changes}), "cpu")


def fill(world, photos, side_px=224, sure=None):
    """Put the truth of photos into the world; returns pictures, cameras and poses."""
    pictures, cameras, poses = [], [], true_poses(len(photos))
    for number, (photo, pose) in enumerate(zip(photos, poses, strict=True)):
        picture = must3r_picture(photo, side_px)
        width, height = picture.size_px
        (scale_x, _, left), (_, scale_y, top) = picture.frame_from_grid
        params = (200 * scale_x, 200 * scale_y, left + scale_x * width / 2, top + scale_y * height / 2)
        camera = Camera("PINHOLE", photo.camera.width_px, photo.camera.height_px, params)
        _, _, _, points = shown(picture, camera, pose)
        bottom = [[0, 0, 0, 1]]
        confidence = sureness(height, width) if sure is None else np.full((height, width), float(sure[number]))
        found = {
            "pts3d": points,
            "conf": 1 + confidence,
            "focal": 200.0,
            "c2w": np.vstack([geometry.invert(pose), bottom]),
        }
        world.truth[number] = {key: torch.tensor(value, dtype=torch.float32)[None] for key, value in found.items()}
        pictures.append(picture)
        cameras.append(camera)
    return pictures, cameras, poses


@pytest.mark.parametrize("sizes", [SIZES, SIZES[:1], SIZES[1:3]])
def test_truth_comes_back(upstream, sizes):
    photos = photo_inputs(sizes)
    known = fill(upstream, photos)
    scene = load(upstream.file).predict(photos)
    assert scene.scale == "metric"
    check_contract(scene, photos)
    check_truth(scene, *known)


def test_photos_of_all_shapes_are_given_from_minus_one_to_one(upstream):
    photos = photo_inputs()
    fill(upstream, photos, side_px=512)
    adapter = load(upstream.file, side_px=512)
    adapter.predict(photos[:2])
    images = adapter._encoder.calls
    assert [tuple(image.shape[-2:]) for image in images] == [(336, 512), (512, 336)]
    expected = must3r_picture(photos[0], 512).pixels / 255 * 2 - 1
    np.testing.assert_allclose(images[0][0].permute(1, 2, 0), expected, atol=1e-6)


def test_two_photos_begin_together_and_each_further_one_sees_the_memory(upstream):
    photos = photo_inputs()
    fill(upstream, photos)
    adapter = load(upstream.file)
    scene = adapter.open_scene()
    added = [scene.add(photo) for photo in photos]
    finished = scene.finish()
    assert adapter._decoder.calls == [
        ([0], [], False),
        ([0, 1], [], False),
        ([2], [0, 1], False),
        ([3], [0, 1, 2], False),
        *(([number], [0, 1, 2, 3], True) for number in range(4)),
    ]
    for one, other in zip(added, finished.photos, strict=True):
        np.testing.assert_array_equal(one.cam_from_world, other.cam_from_world)


def test_the_memory_forgets_what_was_surest(upstream, monkeypatch):
    monkeypatch.setattr(Must3rScene, "most_photos", 3)
    photos = photo_inputs(SIZES[:1] * 6)
    fill(upstream, photos, sure=[9, 1, 5, 2, 8, 3])
    adapter = load(upstream.file)
    adapter.predict(photos)
    added = [known for _, known, render in adapter._decoder.calls if not render]
    # The first stays whatever it is; of the others the surest goes when a fourth has come, but not the newest.
    assert added == [[], [], [0, 1], [0, 1, 2], [0, 1, 3], [0, 1, 4]]
    assert all(known == [0, 1, 5] for _, known, render in adapter._decoder.calls if render)


def test_two_scenes_share_nothing_but_the_network(upstream):
    photos = photo_inputs(SIZES[:1] * 4)
    fill(upstream, photos)
    adapter = load(upstream.file)
    one, other = adapter.open_scene(), adapter.open_scene()
    for scene in (one, other, one, other):
        scene.add(photos[0])
    assert [(numbers, known) for numbers, known, _ in adapter._decoder.calls] == [
        ([0], []),
        ([1], []),
        ([0, 2], []),
        ([1, 3], []),
    ]


def test_networks_are_built_as_the_checkpoint_says(upstream):
    adapter = load(upstream.file)
    assert adapter._encoder.arguments == {"img_size": (512, 512), "pos_embed": "RoPE100", "depth": 24}
    assert adapter._decoder.arguments == {
        "img_size": (512, 512),
        "feedback_type": "single_mlp",
        "memory_mode": "kv",
        "landscape_only": False,
    }
    assert adapter._encoder.weight.sum() == adapter._decoder.weight.sum() == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"args": None}, "is no checkpoint of MUSt3R: it lacks 'args'"),
        ({"encoder": None}, "is no checkpoint of MUSt3R: it lacks 'encoder'"),
        ({"args": argparse.Namespace(encoder=ENCODER)}, "is no checkpoint of MUSt3R"),
        ({"args": argparse.Namespace(encoder="Other()", decoder=DECODER)}, "holds a network 'Other'"),
        ({"args": argparse.Namespace(encoder="f(x)", decoder=DECODER)}, "can't be read"),
        ({"decoder": {"weight": torch.ones(2, 3)}}, r"1 of its 2 tensors are missing or have other shapes \(bias\)"),
    ],
)
def test_other_checkpoints_are_refused(upstream, tmp_path, changes, message):
    path = checkpoint(tmp_path / "other.pth", **changes)
    with pytest.raises(WeightsError, match=message):
        load(path)


def test_sides_are_upstreams(upstream):
    with pytest.raises(OptionError, match="must3r: side_px = 500 is none of its sides; take one of 224, 336"):
        load(upstream.file, side_px=500)


def test_memory_is_bounded():
    assert Must3r.memory_mb(10, 0) < Must3r.memory_mb(50, 0) == Must3r.memory_mb(500, 0)
