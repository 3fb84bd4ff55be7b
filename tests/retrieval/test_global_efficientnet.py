"""EfficientNet, pooling, pictures and options; and real photos: those of one scene must be each other's nearest."""

import csv
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from pictures import textured
from scenesort import features, weights
from scenesort.errors import OptionError, WeightsError
from scenesort.retrieval import global_descriptors
from scenesort.retrieval.global_descriptors import GlobalDescriptorOptions, PhotoDescriptorMember, stored, weights_of
from scenesort.retrieval.global_descriptors.efficientnet import EfficientNet
from scenesort.retrieval.global_descriptors.efficientnet_lite import EfficientNetLite0, _SameConvolution
from scenesort.retrieval.global_descriptors.pictures import fitted_size, network_input
from scenesort.retrieval.global_descriptors.pooling import pool
from scenesort.retrieval.global_descriptors.vlad import Vlad

DEV = Path(__file__).parents[3] / "shared" / "data" / "dev"


@pytest.fixture(scope="module")
def member(needs_weights):
    needs_weights("efficientnet-lite0")
    torch.set_num_threads(1)
    return EfficientNet(GlobalDescriptorOptions(side_px=256), "cpu")


def test_pooling_is_what_its_formula_says():
    values = np.array([[1.0, -2.0, 0.5], [3.0, -4.0, 0.0], [2.0, 6.0, 0.25]], np.float32)
    tokens = torch.from_numpy(values)
    np.testing.assert_allclose(pool(tokens, "mean", 3), [2.0, 0.0, 0.25], atol=1e-6)
    np.testing.assert_allclose(pool(tokens, "max", 3), [3.0, 6.0, 0.5])
    cubes = [((1 + 27 + 8) / 3) ** (1 / 3), (216 / 3) ** (1 / 3), ((0.125 + 0.25**3) / 3) ** (1 / 3)]
    np.testing.assert_allclose(pool(tokens, "gem", 3), cubes, rtol=1e-5)
    np.testing.assert_allclose(pool(tokens.abs() + 1, "gem", 1), (np.abs(values) + 1).mean(axis=0), rtol=1e-5)
    assert torch.isfinite(pool(tokens * 1e6, "gem", 100)).all()
    np.testing.assert_allclose(pool(tokens, "gem", 100)[:2], [3.0, 6.0], rtol=0.02)


@pytest.mark.parametrize(("kernel", "stride", "side"), [(3, 2, 8), (3, 2, 7), (5, 2, 8), (5, 1, 6), (1, 1, 5)])
def test_padding_is_tensorflows(kernel, stride, side):
    """A convolution that sums its window, against sums over windows placed by TensorFlow's rule."""
    layer = _SameConvolution(1, 1, kernel, stride)
    torch.nn.init.ones_(layer.weight)
    picture = np.arange(side * side, dtype=np.float32).reshape(side, side)
    outputs = -(-side // stride)
    before = max(0, (outputs - 1) * stride + kernel - side) // 2
    expected = np.zeros((outputs, outputs), np.float32)
    for row in range(outputs):
        for column in range(outputs):
            rows = range(max(0, row * stride - before), min(side, row * stride - before + kernel))
            columns = range(max(0, column * stride - before), min(side, column * stride - before + kernel))
            expected[row, column] = sum(picture[r, c] for r in rows for c in columns)
    with torch.inference_mode():
        np.testing.assert_allclose(layer(torch.from_numpy(picture)[None, None])[0, 0].numpy(), expected, rtol=1e-6)


def test_the_network_has_a_position_for_every_32_pixels():
    with torch.inference_mode():
        maps = EfficientNetLite0().eval()(torch.zeros(1, 3, 96, 128))
    assert maps.shape == (1, 1280, 3, 4)


def test_pictures_are_whole_and_normalised():
    assert fitted_size(1024, 683, 512, 32) == (512, 352)
    assert fitted_size(10, 5000, 512, 32) == (32, 512)
    image = np.full((40, 60, 3), (255, 0, 51), np.uint8)
    tensor = network_input(image, 64, 32, (0.5, 0.5, 0.0), (0.5, 0.25, 0.1))
    assert tensor.shape == (1, 3, 32, 64)
    np.testing.assert_allclose(tensor[0, :, 5, 9], [1.0, -2.0, 2.0], atol=1e-6)


def test_vectors_have_unit_length_and_are_the_same_twice(member):
    assert isinstance(member, PhotoDescriptorMember)
    vectors = [member.describe(textured(150, 200, seed)) for seed in (0, 1, 0)]
    for vector in vectors:
        assert vector.shape == (1280,)
        assert vector.dtype == np.float32
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    assert vectors[0].tobytes() == vectors[2].tobytes()
    assert float(vectors[0] @ vectors[1]) < 0.999
    kept = stored(vectors[0])
    assert kept.dtype == np.float16
    assert float(kept.astype(np.float32) @ vectors[0]) == pytest.approx(1, abs=1e-3)


def test_the_vector_is_the_pooled_map_of_the_network(member):
    image = textured(96, 160)
    network = EfficientNetLite0()
    network.load_state_dict(weights.load_state("efficientnet-lite0"))
    with torch.inference_mode():
        maps = network.eval()(network_input(image, 256, 32))[0].double().numpy()
    pooled = (np.maximum(maps, 1e-6) ** 3).mean(axis=(1, 2)) ** (1 / 3)
    np.testing.assert_allclose(member.describe(image), pooled / np.linalg.norm(pooled), atol=1e-5)


def test_every_turn_makes_turned_photos_alike(needs_weights):
    needs_weights("efficientnet-lite0")
    every = EfficientNet(GlobalDescriptorOptions(side_px=128, every_turn=True), "cpu")
    image = textured(96, 160)
    np.testing.assert_allclose(every.describe(image), every.describe(np.rot90(image).copy()), atol=1e-5)


def test_options_out_of_range_are_refused():
    wrong = {
        "pooling": "median",
        "precision": "int3",
        "side_px": 5,
        "gem_power": 0.5,
        "whitening": 1.5,
        "words": 0,
        "max_new_tokens": 0,
        "prompts": ("what is it", " "),
    }
    for name, value in wrong.items():
        with pytest.raises(OptionError, match=name):
            GlobalDescriptorOptions(**{name: value})
    for name, value in {"pooling": "cls", "precision": "bfloat16", "model": "dinov2-small"}.items():
        with pytest.raises(OptionError, match="efficientnet"):
            EfficientNet(GlobalDescriptorOptions(**{name: value}), "cpu")


def test_damaged_weights_are_refused(monkeypatch, needs_weights, tmp_path):
    needs_weights("efficientnet-lite0")
    whole = weights.locate("efficientnet-lite0").read_bytes()
    (tmp_path / "efficientnet-lite0-57934424.pth").write_bytes(whole[:-1] + b"?")
    monkeypatch.setenv("SCENESORT_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"damaged or another version.*scenesort weights fetch efficientnet-lite0"):
        EfficientNet(GlobalDescriptorOptions(), "cpu")


def test_needed_weights_follow_the_options():
    assert weights_of(EfficientNet, GlobalDescriptorOptions()) == ("efficientnet-lite0",)
    assert weights_of(EfficientNet, GlobalDescriptorOptions(model="dinov2-base")) == ("dinov2-base",)
    assert weights_of(EfficientNet, GlobalDescriptorOptions(model="/some/folder")) == ()
    assert weights_of(Vlad, GlobalDescriptorOptions()) == ()
    with pytest.raises(OptionError, match="no global_descriptors member 'efficientnett'"):
        global_descriptors.load("efficientnett")


@pytest.fixture(scope="module")
def real_photos():
    """Six photos of each of four scenes, at 512 px, with their scenes' names."""
    if not DEV.is_dir():
        pytest.skip("needs the real photos of ../shared/data/dev beside the checkout")
    with (DEV / "train_labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    images, scenes = [], []
    for scene in ("kermit", "british_museum", "castle", "herzjesu"):
        for row in [row for row in rows if row["scene"] == scene][:6]:
            image = cv2.cvtColor(cv2.imread(str(DEV / row["dataset"] / row["image"])), cv2.COLOR_BGR2RGB)
            images.append(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
            scenes.append(scene)
    return images, np.array(scenes)


def share_of_same_scene_ranked_first(vectors, scenes):
    """Of all pairs of one same-scene and one other partner of a photo, the share where the same-scene one is nearer."""
    likeness = np.stack(vectors) @ np.stack(vectors).T
    same = (scenes[:, None] == scenes[None]) & ~np.eye(len(scenes), dtype=bool)
    other = scenes[:, None] != scenes[None]
    rows = zip(likeness, same, other, strict=True)
    return float(np.mean([np.greater.outer(row[near], row[far]).mean() for row, near, far in rows]))


def test_efficientnet_ranks_real_photos_of_one_scene_first(member, real_photos):
    images, scenes = real_photos
    assert share_of_same_scene_ranked_first([member.describe(image) for image in images], scenes) > 0.97


def test_vlad_ranks_real_photos_of_one_scene_first(real_photos, needs_weights):
    needs_weights("xfeat")
    images, scenes = real_photos
    extractor = features.load("xfeat")(1024, "cpu")
    found = [extractor.extract(image) for image in images]
    vlad = Vlad(GlobalDescriptorOptions(), "cpu")
    codebook = vlad.fit(found, seed=0)
    assert share_of_same_scene_ranked_first([vlad.describe(each, codebook) for each in found], scenes) > 0.85


def test_the_templates_member_runs_as_it_stands():
    """The recipe of how to add a member, executed."""
    template = Path(global_descriptors.__file__).with_name("TEMPLATE.md").read_text(encoding="utf-8")
    code = template.split("```python\n")[1].split("```")[0]
    module = types.ModuleType("colours")
    exec(compile(code, "TEMPLATE.md", "exec"), module.__dict__)
    member = module.Colours(GlobalDescriptorOptions(), "cpu")
    assert isinstance(member, PhotoDescriptorMember)
    red, blue = (np.full((8, 9, 3), colour, np.uint8) for colour in ((250, 5, 5), (5, 5, 250)))
    assert np.linalg.norm(member.describe(textured(40, 50))) == pytest.approx(1, abs=1e-6)
    assert float(member.describe(red) @ member.describe(blue)) == 0
