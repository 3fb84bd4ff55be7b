"""Captions through the true loading path: tiny LLaVA, BLIP and sentence models saved to folders."""

import importlib.util

import numpy as np
import pytest

from scenesort import model_memory
from scenesort.errors import MissingDependencyError, OptionError, WeightsError
from scenesort.retrieval.global_descriptors import GlobalDescriptorOptions, PhotoDescriptorMember
from scenesort.retrieval.global_descriptors.captions import Caption, Captions
from tiny_models import photo, save_llava, save_sentence_model, tokenizer, vision_model

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs transformers: pip install 'scenesort[models]'"
)

PROMPTS = ("describe the place", "what is it")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    import transformers

    blip = tmp_path_factory.mktemp("blip")
    vision_model("blip").save_pretrained(blip)
    pictures = transformers.BlipImageProcessorPil(size={"height": 56, "width": 56})
    transformers.BlipProcessor(pictures, tokenizer()).save_pretrained(blip)
    return {
        "llava": save_llava(tmp_path_factory.mktemp("llava")),
        "blip": blip,
        "sentences": save_sentence_model(tmp_path_factory.mktemp("sentences")),
    }


def options(folders, kind="llava", **changes):
    changes = {"sentence_model": str(folders["sentences"]), "prompts": PROMPTS, "max_new_tokens": 6} | changes
    return GlobalDescriptorOptions(model=str(folders[kind]), **changes)


@pytest.mark.parametrize("kind", ["llava", "blip"])
def test_a_photo_becomes_words_and_the_words_a_vector(folders, kind):
    member = Captions(options(folders, kind), "cpu")
    assert isinstance(member, PhotoDescriptorMember)
    caption = member.caption(photo())
    assert len(caption.answers) == 2
    assert caption == member.caption(photo())
    vector = member.describe(photo())
    assert vector.tobytes() == member.embed(caption).tobytes()
    assert vector.shape == (24,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


def test_the_answer_is_what_the_model_adds_to_the_prompt(folders):
    """Greedy decoding by hand, token by token, from the prompt of a LLaVA without a chat template."""
    import torch
    import transformers

    model = transformers.LlavaForConditionalGeneration.from_pretrained(folders["llava"]).eval()
    processor = transformers.AutoProcessor.from_pretrained(folders["llava"], backend="pil")
    from PIL import Image

    inputs = processor(
        images=Image.fromarray(photo()), text="USER: <image>\nwhat is it ASSISTANT:", return_tensors="pt"
    )
    ids, added = inputs["input_ids"], []
    while len(added) < 6:
        with torch.inference_mode():
            logits = model(input_ids=ids, pixel_values=inputs["pixel_values"]).logits
        added.append(int(logits[0, -1].argmax()))
        if added[-1] == 3:
            break
        ids = torch.cat([ids, torch.tensor([added[-1:]])], dim=1)
    expected = processor.decode(added, skip_special_tokens=True).strip()
    found = Captions(options(folders, prompts=("what is it",)), "cpu").caption(photo())
    assert found.answers == (expected,)
    assert expected


def test_a_chat_template_is_used_where_there_is_one(tmp_path, folders):
    template = (
        "{% for m in messages %}{% for c in m.content %}{{ '<image> ' if c.type == 'image' else c.text }}"
        "{% endfor %}{% endfor %} assistant :"
    )
    save_llava(tmp_path, chat_template=template)
    member = Captions(GlobalDescriptorOptions(model=str(tmp_path)), "cpu")
    assert member._worded("what is it") == "<image> what is it assistant :"
    assert Captions(options(folders), "cpu")._worded("what") == "USER: <image>\nwhat ASSISTANT:"


def test_a_sentence_is_the_mean_of_its_words_vectors(folders):
    import torch
    import transformers

    member = Captions(options(folders), "cpu")
    model = transformers.BertModel.from_pretrained(folders["sentences"], add_pooling_layer=False).eval()
    with torch.inference_mode():
        tokens = model(**tokenizer()("a red toy", return_tensors="pt")).last_hidden_state[0].numpy()
    mean = sum(tokens) / len(tokens)
    np.testing.assert_allclose(member.embed(Caption(("a red", "toy"))), mean / np.linalg.norm(mean), atol=1e-5)
    assert not member.embed(Caption(("", "  "))).any()
    assert member.embed(Caption(("stone " * 500,))).shape == (24,)


def test_captions_work_alone_and_ask_for_a_sentence_model(folders):
    member = Captions(options(folders, sentence_model=""), "cpu")
    assert member.caption(photo()).answers
    with pytest.raises(OptionError, match="set sentence_model to a folder"):
        member.describe(photo())


def test_what_cannot_be_loaded_says_what_to_do(folders, monkeypatch, tmp_path):
    with pytest.raises(OptionError, match="4bit needs a CUDA GPU"):
        Captions(options(folders, precision="4bit"), "cpu")
    with pytest.raises(WeightsError, match=r"sentence_model.*neither a folder"):
        Captions(options(folders, sentence_model="nowhere"), "cpu")
    vision_model("blip").save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match=r"tokenizer or processor in .* can't be loaded"):
        Captions(GlobalDescriptorOptions(model=str(tmp_path)), "cpu")
    monkeypatch.setattr(model_memory, "available_mb", lambda device: 150.0)
    with pytest.raises(WeightsError, match="GB are free in memory"):
        Captions(options(folders), "cpu")


def test_four_bits_name_the_missing_packages(monkeypatch):
    import transformers

    from scenesort.retrieval.global_descriptors.captions import _in_4_bits

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install bitsandbytes accelerate"):
        _in_4_bits(transformers, "cuda")
