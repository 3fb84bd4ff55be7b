"""Adapters on their real upstream code with small random networks; each is skipped where its package isn't installed.

Random weights say nothing of accuracy: they show that calls, shapes, frames and conventions are upstream's.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_model

from pose_model_scenes import check_contract, rendered_inputs, reprojection_px
from scenesort import geometry
from scenesort.mapping import pose_models
from scenesort.mapping.pose_models import PoseModelOptions


def upstream(*modules):
    """Import upstream's modules, or skip."""
    try:
        return [importlib.import_module(name) for name in modules]
    except ImportError as error:
        pytest.skip(f"upstream isn't installed: {error}")


def options(path, **changes):
    return PoseModelOptions(model=str(path), accept_licence=True, **changes)


def recorded(monkeypatch, owner, name):
    """Keep what a function of upstream returns, in order."""
    kept = []
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapper(*given, **named):
        found = original(*given, **named)
        kept.append(found)
        return found

    monkeypatch.setattr(owner, name, wrapper)
    return kept


def randomise(network, scale=0.05):
    """Random numbers in all tensors: as built, heads give zeros and poses are all alike."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * scale)
    return network


def test_vggt(tmp_path, monkeypatch):
    (model, encoding) = upstream("vggt.models.vggt", "vggt.utils.pose_enc")
    width, heads = 64, 4
    small = functools.partial(model.Aggregator, depth=4, num_heads=heads, patch_embed="conv")
    monkeypatch.setattr(model, "Aggregator", small)
    monkeypatch.setattr(model, "CameraHead", functools.partial(model.CameraHead, trunk_depth=1, num_heads=heads))
    tiny_head = functools.partial(
        model.DPTHead, features=16, out_channels=[8, 8, 16, 16], intermediate_layer_idx=[0, 1, 2, 3]
    )
    monkeypatch.setattr(model, "DPTHead", tiny_head)
    network = randomise(model.VGGT(embed_dim=width, enable_track=False))
    # Fields of view are clipped at 0, and summed up over four rounds: keep them near one radian.
    network.camera_head.pose_branch.fc2.bias.data[7:] = 0.25
    network.camera_head.pose_branch.fc2.weight.data[7:] *= 0.1
    network.save_pretrained(tmp_path)
    poses = recorded(monkeypatch, encoding, "pose_encoding_to_extri_intri")

    adapter = pose_models.load("vggt")(options(tmp_path, side_px=112), "cpu")
    photos, _ = rendered_inputs()
    scene = adapter.predict(photos)

    check_contract(scene, photos)
    extrinsics, intrinsics = (tensor[0].numpy() for tensor in poses[0])
    for index, one in enumerate(scene.photos):
        np.testing.assert_allclose(one.cam_from_world, extrinsics[index], atol=1e-5)
        assert one.camera.params[:2] == pytest.approx(
            [160 / 112 * intrinsics[index, 0, 0], 120 / 84 * intrinsics[index, 1, 1]], rel=1e-5
        )
        assert one.camera.params[2:] == pytest.approx((80, 60))
        assert reprojection_px(one).max() < 1e-2
    # Upstream's own forward, which the adapter calls in parts.
    images = torch.from_numpy(
        np.stack([picture.pixels for picture in adapter._pictures(photos)]).transpose(0, 3, 1, 2) / np.float32(255)
    )
    with torch.no_grad():
        whole = model.VGGT(embed_dim=width, enable_track=False).eval()
        whole.load_state_dict(network.state_dict())
        expected = whole(images)
    extrinsics, _ = encoding.pose_encoding_to_extri_intri(expected["pose_enc"], images.shape[-2:])
    np.testing.assert_allclose([one.cam_from_world for one in scene.photos], extrinsics[0], atol=1e-4)
    np.testing.assert_allclose(
        [one.point_map.confidence for one in scene.photos], expected["depth_conf"][0] - 1, rtol=1e-3, atol=1e-5
    )


def test_depth_anything_3(tmp_path, monkeypatch):
    configs, registry, geometry_3 = upstream(
        "depth_anything_3.cfg", "depth_anything_3.registry", "depth_anything_3.utils.geometry"
    )
    network = randomise(configs.create_object(configs.load_config(registry.MODEL_REGISTRY["da3-small"])), 0.01)
    network.cam_dec.fc_fov[0].bias.data[:] = 1.0  # radians, clipped at 0
    # As its class for the hub saves it: the network is its attribute `model`, and shared tensors are held once.
    save_model(torch.nn.ModuleDict({"model": network}), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model_name": "da3-small"}))
    adapter = pose_models.load("depth-anything-3")(options(tmp_path, side_px=112), "cpu")
    outputs = recorded(monkeypatch, adapter._network, "forward")
    photos, _ = rendered_inputs()
    scene = adapter.predict(photos)

    check_contract(scene, photos)
    found = outputs[0]
    world_from_cam = geometry_3.affine_inverse(found["extrinsics"])[0].numpy()
    for index, one in enumerate(scene.photos):
        np.testing.assert_allclose(geometry.invert(one.cam_from_world), world_from_cam[index, :3], atol=1e-5)
        focals = found["intrinsics"][0, index].numpy().diagonal()[:2]
        assert one.camera.params[:2] == pytest.approx([160 / 112 * focals[0], 120 / 84 * focals[1]], rel=1e-5)
        assert reprojection_px(one).max() < 1e-2
        depth = found["depth"][0, index].numpy()
        seen = one.point_map.points_xyz @ one.cam_from_world[:, :3].T + one.cam_from_world[:, 3]
        np.testing.assert_allclose(seen[..., 2], depth, rtol=1e-4)


def test_pi3(tmp_path, monkeypatch):
    (model,) = upstream("pi3.models.pi3")
    vision, heads = upstream("pi3.models.dinov2.models.vision_transformer", "pi3.models.layers.transformer_head")
    encoder = functools.partial(
        vision.DinoVisionTransformer, img_size=518, patch_size=14, embed_dim=384, depth=2, num_heads=6
    )
    monkeypatch.setattr(
        model, "dinov2_vitl14_reg", lambda pretrained: encoder(num_register_tokens=4, init_values=1.0, block_chunks=0)
    )
    monkeypatch.setattr(model, "TransformerDecoder", functools.partial(heads.TransformerDecoder, depth=1))
    network = randomise(model.Pi3(decoder_size="small"), 0.02)
    network.save_pretrained(tmp_path)
    adapter = pose_models.load("pi3")(options(tmp_path, side_px=140), "cpu")
    outputs = recorded(monkeypatch, adapter._network, "forward")
    photos, _ = rendered_inputs()
    scene = adapter.predict(photos)
    check_contract(scene, photos)
    found = {name: tensor[0].numpy() for name, tensor in outputs[0].items()}
    for index, one in enumerate(scene.photos):
        np.testing.assert_allclose(geometry.invert(one.cam_from_world), found["camera_poses"][index, :3], atol=1e-5)
        local = geometry.transform_points(
            one.cam_from_world, one.point_map.points_xyz.reshape(-1, 3).astype(np.float64)
        )
        np.testing.assert_allclose(local, found["local_points"][index].reshape(-1, 3), rtol=1e-3, atol=1e-4)


MUST3R_SIZES = {"depth": 2, "num_heads": 4, "img_size": (224, 224), "pos_embed": "RoPE100"}


def must3r_file(model, path):
    arguments = ", ".join(f"{name}={value!r}" for name, value in MUST3R_SIZES.items())
    encoder_text = f"Dust3rEncoder(embed_dim=64, patch_embed='ManyAR_PatchEmbed', {arguments})"
    encoder_text = encoder_text.replace("ManyAR_PatchEmbed", "PatchEmbedDust3R")
    decoder_text = (
        f"CausalMUSt3R(enc_embed_dim=64, embed_dim=64, feedback_type='single_mlp', memory_mode='kv', mem_dropout=0.1, "
        f"dropout_mode='temporary', use_xformers_mask=True, use_mem_mask=True, {arguments})"
    )
    encoder = randomise(eval(encoder_text, vars(model)))
    decoder = randomise(eval(decoder_text, vars(model)))
    content = {
        "args": argparse.Namespace(encoder=encoder_text, decoder=decoder_text, epochs=100),
        "encoder": encoder.state_dict(),
        "decoder": decoder.state_dict(),
        "epoch": 3,
    }
    torch.save(content, path)


def test_must3r(tmp_path):
    model, inference = upstream("must3r.model", "must3r.engine.inference")
    must3r_file(model, tmp_path / "small.pth")
    adapter = pose_models.load("must3r")(options(tmp_path / "small.pth", side_px=224), "cpu")
    photos, _ = rendered_inputs()
    opened = adapter.open_scene()
    for photo in photos:
        assert opened.add(photo).name == photo.name
    scene = opened.finish()
    check_contract(scene, photos)

    # Upstream's own way over the same photos: two to begin with, then one by one, then all seen again.
    encoder, decoder = model.load_model(tmp_path / "small.pth", device="cpu", verbose=False)
    images = [
        torch.from_numpy(seen.picture.pixels.transpose(2, 0, 1) / np.float32(255)) * 2 - 1 for seen in opened._seen
    ]
    shapes = [torch.tensor([224, 224]) for _ in images]
    activation = model.get_pointmaps_activation(decoder, verbose=False)
    _, expected = inference.inference_multi_ar(
        encoder,
        decoder,
        images,
        [torch.tensor(index) for index in range(len(images))],
        shapes,
        [2, 1, 1],
        post_process_function=lambda maps: inference.postprocess(
            maps, pointmaps_activation=activation, compute_cam=True
        ),
        device="cpu",
    )
    for one, found in zip(scene.photos, expected, strict=True):
        np.testing.assert_allclose(geometry.invert(one.cam_from_world), found["c2w"][:3], atol=1e-4)
        np.testing.assert_allclose(one.point_map.points_xyz, found["pts3d"], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(one.point_map.confidence, found["conf"] - 1, rtol=1e-3, atol=1e-4)
        # A square of 120 pixels, the photo's height, was seen at 224.
        if one.camera.model == "PINHOLE":
            assert one.camera.params[0] == pytest.approx(120 / 224 * float(found["focal"]), rel=1e-3)


def mast3r_file(model, path):
    text = (
        "AsymmetricMASt3R(pos_embed='RoPE100', patch_embed_cls='ManyAR_PatchEmbed', img_size=(224, 224), "
        "head_type='catmlp+dpt', output_mode='pts3d+desc24', depth_mode=('exp', -inf, inf), conf_mode=('exp', 1, inf), "
        "enc_embed_dim=64, enc_depth=2, enc_num_heads=4, dec_embed_dim=48, dec_depth=12, dec_num_heads=4, "
        "two_confs=True, desc_conf_mode=('exp', 0, inf))"
    )
    network = randomise(eval(text, vars(model)), 0.02)
    for head in (network.downstream_head1, network.downstream_head2):
        head.dpt.head[-1].bias.data[2] = 1.0  # points in front of the camera: the alignment takes no others
    torch.save({"args": argparse.Namespace(model=text), "model": network.state_dict()}, path)
    return network


def test_mast3r(tmp_path, monkeypatch):
    model, alignment = upstream("mast3r.model", "mast3r.cloud_opt.sparse_ga")
    mast3r_file(model, tmp_path / "small.pth")
    adapter = pose_models.load("mast3r")(options(tmp_path / "small.pth", side_px=128), "cpu")
    aligned = recorded(monkeypatch, alignment, "sparse_global_alignment")
    direct = recorded(monkeypatch, alignment, "symmetric_inference")
    # Of 300 rounds of each of its two steps, a few: the numbers mean nothing anyway.
    short = functools.partial(alignment.sparse_scene_optimizer, niter1=8, niter2=8)
    monkeypatch.setattr(alignment, "sparse_scene_optimizer", short)
    photos, _ = rendered_inputs(3)
    scene = adapter.predict(photos)
    check_contract(scene, photos)
    assert not direct, "the alignment computed pairs again: names of its files have changed"
    found = aligned[0]
    for index, one in enumerate(scene.photos):
        np.testing.assert_allclose(geometry.invert(one.cam_from_world), found.get_im_poses()[index, :3], atol=1e-4)
        assert one.camera.params[0] == pytest.approx(160 / 128 * float(found.intrinsics[index][0, 0]), rel=1e-4)
        # All but points beside the camera, where float32 is coarse.
        assert np.quantile(reprojection_px(one), 0.98) < 0.01


def test_mast3r_writes_what_upstream_would(tmp_path):
    model, alignment = upstream("mast3r.model", "mast3r.cloud_opt.sparse_ga")
    mast3r_file(model, tmp_path / "small.pth")
    adapter = pose_models.load("mast3r")(options(tmp_path / "small.pth", side_px=128), "cpu")
    plain = model.load_model(tmp_path / "small.pth", "cpu", verbose=False).eval()
    from scenesort.mapping.pose_models.mast3r_pairs import PairInference, mast3r_picture

    photos, _ = rendered_inputs(3)
    views = [adapter._view(mast3r_picture(photo, 128), index) for index, photo in enumerate(photos)]
    pairs = [(0, 1), (0, 2), (1, 2)]
    ours = PairInference(adapter._network, alignment, adapter._compute, str(tmp_path / "ours"))
    ours.write(ours.encode(views), pairs)
    given = [(dict(views[first]), dict(views[second])) for first, second in pairs]
    alignment.forward_mast3r(given, plain, str(tmp_path / "theirs"), device="cpu")
    files = sorted(path.relative_to(tmp_path / "theirs") for path in (tmp_path / "theirs").rglob("*.pth"))
    assert files == sorted(path.relative_to(tmp_path / "ours") for path in (tmp_path / "ours").rglob("*.pth"))
    for name in files:
        theirs, mine = (torch.load(tmp_path / side / name) for side in ("theirs", "ours"))
        if name.parts[0] == "forward":
            for one, other in zip(theirs, mine, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
        else:
            assert theirs[0] == pytest.approx(mine[0], rel=0.02)
