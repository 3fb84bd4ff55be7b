"""Models of a few thousand random weights, saved to folders as the hub serves them."""

from __future__ import annotations

import json

import numpy as np
import torch

VISION = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 56,
    "patch_size": 14,
}
WORDS = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "<image>", "user", "assistant", ":", "what", "is", "it", "in", "this"),
    *("photo", "describe", "the", "place", "a", "stone", "church", "red", "toy", "front", "of"),
]


def save(model, folder, mean=(0.4, 0.5, 0.6), deviation=(0.2, 0.25, 0.3)):
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": mean, "image_std": deviation}))
    return folder


def vision_model(kind):
    """Return a whole model of a kind, as published: with its text half where it has one."""
    torch.manual_seed(0)
    model = _untrained(kind)
    for parameter in model.parameters():  # BLIP's own are too small to tell photos apart
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def _untrained(kind):
    import transformers

    text = {"vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1}
    text |= {"num_attention_heads": 4, "max_position_embeddings": 32, "bos_token_id": 2, "eos_token_id": 3}
    if kind == "dinov2":
        return transformers.Dinov2Model(transformers.Dinov2Config(**_dino()))
    if kind == "registers":
        config = transformers.Dinov2WithRegistersConfig(**_dino(), num_register_tokens=3)
        return transformers.Dinov2WithRegistersModel(config)
    if kind == "blip":
        config = transformers.BlipConfig(text_config=text | {"encoder_hidden_size": 32}, vision_config=VISION)
        return transformers.BlipForConditionalGeneration(config)
    if kind == "siglip":
        return transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=VISION))
    return transformers.CLIPModel(transformers.CLIPConfig(text_config=text, vision_config=VISION))


def _dino():
    return {name: value for name, value in VISION.items() if name != "intermediate_size"} | {"mlp_ratio": 2}


def tokenizer():
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]", additional_special_tokens=["<image>"]
    )


def save_llava(folder, chat_template=None):
    import transformers

    torch.manual_seed(1)
    text = transformers.LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=4,
        max_position_embeddings=128,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
    )
    vision = transformers.CLIPVisionConfig(**VISION)
    config = transformers.LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=WORDS.index("<image>"), vision_feature_layer=-1
    )
    model = transformers.LlavaForConditionalGeneration(config)
    model.lm_head.weight.data[:5] = 0  # so that it says words, not special tokens
    model.save_pretrained(folder)
    pictures = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}, do_center_crop=True
    )
    transformers.LlavaProcessor(
        image_processor=pictures,
        tokenizer=tokenizer(),
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat_template,
    ).save_pretrained(folder)
    return folder


def save_sentence_model(folder):
    import transformers

    torch.manual_seed(2)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        max_position_embeddings=64,
    )
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def photo(height=90, width=120, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
