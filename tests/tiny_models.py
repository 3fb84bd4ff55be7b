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


MEGALOC = {
    "feat_dim": 40,
    "num_clusters": 6,
    "cluster_dim": 8,
    "token_dim": 5,
    "mlp_dim": 24,
    **{name: value for name, value in VISION.items() if name != "intermediate_size"},
    "mlp_ratio": 2,
}


def megaloc_state():
    """Return MegaLoc's tensors by their published names, at the sizes of MEGALOC."""
    width, inner, clusters = MEGALOC["hidden_size"], MEGALOC["mlp_dim"], MEGALOC["num_clusters"]
    pooled = clusters * MEGALOC["cluster_dim"] + MEGALOC["token_dim"]
    shapes = {
        "backbone.cls_token": (1, 1, width),
        "backbone.pos_embed": (1, 17, width),
        **_layer("backbone.patch_embed.proj", width, 3, 14, 14),
        **_layer("backbone.norm", width),
        **_layer("aggregator.agg.token_features.0", inner, width),
        **_layer("aggregator.agg.token_features.2", MEGALOC["token_dim"], inner),
        **_layer("aggregator.agg.cluster_features.0", inner, width, 1, 1),
        **_layer("aggregator.agg.cluster_features.3", MEGALOC["cluster_dim"], inner, 1, 1),
        **_layer("aggregator.agg.score.0", inner, width, 1, 1),
        **_layer("aggregator.agg.score.3", clusters, inner, 1, 1),
        **_layer("aggregator.linear", MEGALOC["feat_dim"], pooled),
        "aggregator.agg.dust_bin": (),
    }
    for block in ("backbone.blocks.0", "backbone.blocks.1"):
        shapes |= _layer(f"{block}.norm1", width) | _layer(f"{block}.norm2", width)
        shapes |= _layer(f"{block}.attn.qkv", 3 * width, width) | _layer(f"{block}.attn.proj", width, width)
        shapes |= _layer(f"{block}.mlp.fc1", 2 * width, width) | _layer(f"{block}.mlp.fc2", width, 2 * width)
        shapes |= {f"{block}.ls1.gamma": (width,), f"{block}.ls2.gamma": (width,)}
    random = torch.Generator().manual_seed(3)
    return {name: torch.randn(shape, generator=random) * 0.3 for name, shape in shapes.items()}


def _layer(name, *shape):
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def save_megaloc(folder, state=None, config=MEGALOC):
    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    save_file(megaloc_state() if state is None else state, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return folder
