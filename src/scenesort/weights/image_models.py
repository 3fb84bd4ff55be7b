"""Registry entries of models that see a whole picture: global descriptors, captions, questions.

Commits and SHA-256 are those that public documents of several independent projects name; we had none of these files.
"""

from __future__ import annotations

from scenesort.weights.entries import HubSource, WeightsEntry, WeightsFile

_DINO_LICENCE = "https://github.com/facebookresearch/dinov2/blob/main/LICENSE"
_DINO_PREPROCESSOR = WeightsFile(
    "preprocessor_config.json", 436, "14e780d86fa1861f8751f868d7f45425b5feb55c38ca26f152ca5097ab30f828"
)


def _dinov2(
    size: str, revision: str, weights: tuple[int, str], config_sha256: str | None, dimensions: int, memory: str
) -> WeightsEntry:
    return WeightsEntry(
        name=f"dinov2-{size}",
        what_for="global descriptor for retrieval",
        files=(
            WeightsFile("config.json", None, config_sha256),
            _DINO_PREPROCESSOR,
            WeightsFile("model.safetensors", *weights),
        ),
        sources=(HubSource(f"facebook/dinov2-{size}", revision),),
        licence="Apache-2.0",
        commercial=True,
        licence_url=_DINO_LICENCE,
        inputs=f"RGB, 0 to 1, minus mean and over deviation of ImageNet; sides multiples of 14; {dimensions} numbers",
        memory=memory,
        size_mb=round(weights[0] / 1e6),
        evidence="published",
        folder=True,
    )


def _hub_files(
    pinned: dict[str, tuple[int | None, str | None]], optional: tuple[str, ...] = ()
) -> tuple[WeightsFile, ...]:
    required = tuple(WeightsFile(name, *known) for name, known in pinned.items())
    return required + tuple(WeightsFile(name, is_optional=True) for name in optional)


ENTRIES: tuple[WeightsEntry, ...] = (
    _dinov2(
        "small",
        "ed25f3a31f01632728cabb09d1542f84ab7b0056",
        (88_249_960, "ae1e99fcefd534ed978cdeb8326f08030c96e28b7a81ffcbc98a857c84d14be1"),
        "1809f83e3bdb1609a501a610ad4a742f4fd8ae44d72ca4aa0df52d1f2ac8628d",
        384,
        "about 0.3 GB, estimated from 22 million parameters",
    ),
    _dinov2(
        "base",
        "f9e44c814b77203eaa57a6bdbbd535f21ede1415",
        (346_345_912, "d73036b56966966d07975d696bde331762f37297e2f095de8cea0040c3aa0841"),
        "f7ff4cfa73d2f70647dbf6950541ad25d73082d54c2e7e9bded160c7656b2a70",
        768,
        "about 0.8 GB, estimated from 87 million parameters",
    ),
    _dinov2(
        "large",
        "47b73eefe95e8d44ec3623f8890bd894b6ea2d6c",
        (1_217_522_888, "399fba97a95f22c36834418bc69373364a99af3a1153da1c0fb31db567c92e23"),
        "12df51c069a2dc1305e34ba71ef58bc2407ea553b75f4722a1715c1bce3bbed0",
        1024,
        "about 2 GB, estimated from 304 million parameters",
    ),
    _dinov2(
        "giant",
        "611a9d42f2335e0f921f1e313ad3c1b7178d206d",
        (4_546_005_432, "917d3c470db999d32a312f8542149be91c7cbac61ee8fb4b67ae3d82b79ce21f"),
        None,
        1536,
        "about 6 GB, estimated from 1.1 billion parameters",
    ),
    WeightsEntry(
        name="megaloc",
        what_for="global descriptor for retrieval, trained on places",
        files=(
            WeightsFile("model.safetensors", None, "d4f9f2bcb60018f91eb6a8e061ed054fd55654e10c2569cf13841ea986ffb4f8"),
        ),
        sources=(HubSource("gberton/MegaLoc", "7cb9f7970d366fdf059963d04d372e503e8e9df9"),),
        licence="MIT",
        commercial=True,
        licence_url="https://github.com/gmberton/MegaLoc/blob/main/LICENSE",
        inputs="RGB, 0 to 1, minus mean and over deviation of ImageNet; sides multiples of 14; 8448 numbers",
        memory="about 1.4 GB, estimated from 229 million parameters",
        size_mb=915,
        evidence="published",
        folder=True,
    ),
    WeightsEntry(
        name="siglip",
        what_for="global descriptor; pictures against words",
        files=_hub_files(
            {
                "config.json": (432, "cd85b3d28829722820bcb89a2cfbb4160e55fd359249a3044da724166a8d9688"),
                "preprocessor_config.json": (
                    368,
                    "d11ccb80f15d358a11bdb070e92e2d889005874b7db15823d5f10d9b2533b14a",
                ),
                "model.safetensors": (
                    812_672_320,
                    "2c63cb7d1f2e95ba501893cbb8faeb4ea9a3af295498d35097126228659c2af8",
                ),
                "tokenizer.json": (2_399_357, "c6e405cb7c670d56636a9402c81023a55bc6c3c53d89cf02b92f5c5005bfe920"),
                "tokenizer_config.json": (711, "d6423dae508cc3a129d22ea443841c111832a1a73125b8f25ea8736951698bcb"),
                "special_tokens_map.json": (409, "2b6a1ff67a27e0df9ac0c7d93250fc0d87431c7b366b3d5669217104f9088a26"),
                "spiece.model": (798_330, "1e5036bed065526c3c212dfbe288752391797c4bb1a284aa18c9a0b23fcaf8ec"),
            }
        ),
        sources=(HubSource("google/siglip-base-patch16-224", "7fd15f0689c79d79e38b1c2e2e2370a7bf2761ed"),),
        licence="Apache-2.0",
        commercial=True,
        licence_url="https://huggingface.co/google/siglip-base-patch16-224",
        inputs="RGB 224 x 224, -1 to 1; 768 dimensions",
        memory="about 1.2 GB, estimated from 203 million parameters",
        size_mb=816,
        evidence="published",
        folder=True,
    ),
    WeightsEntry(
        name="blip",
        what_for="captions",
        files=_hub_files(
            {
                "config.json": (4_563, None),
                "preprocessor_config.json": (287, None),
                "pytorch_model.bin": (
                    989_820_849,
                    "d6638651a5526cc2ede56f2b5104d6851b0755816d220e5e046870430180c767",
                ),
                "tokenizer.json": (711_396, None),
                "tokenizer_config.json": (506, None),
                "special_tokens_map.json": (125, None),
                "vocab.txt": (231_508, None),
            }
        ),
        sources=(HubSource("Salesforce/blip-image-captioning-base", "82a37760796d32b1411fe092ab5d4e227313294b"),),
        licence="BSD-3-Clause",
        commercial=True,
        licence_url="https://huggingface.co/Salesforce/blip-image-captioning-base",
        inputs="RGB 384 x 384, 0 to 1, minus CLIP's mean and over its deviation",
        memory="about 1.5 GB, estimated from 247 million parameters",
        size_mb=991,
        evidence="published",
        folder=True,
        note="this commit has no safetensors: the file is a pickle, read with weights_only=True",
    ),
    WeightsEntry(
        name="llava-1.5",
        what_for="questions about photos",
        files=_hub_files(
            {
                "config.json": (None, None),
                "preprocessor_config.json": (None, None),
                "model.safetensors.index.json": (None, None),
                "model-00001-of-00003.safetensors": (
                    None,
                    "c11dbf016ee7d35ee130c19b67e20eb04873996006f424b7bcbd453b6517ee66",
                ),
                "model-00002-of-00003.safetensors": (
                    None,
                    "46df6c6e5fad297fe7fbca4963dcf180cb1d0528cabc884d1f603311fed01328",
                ),
                "model-00003-of-00003.safetensors": (
                    None,
                    "4f06177c37ca13944e73b57dd6d051767b950dffc12400c700dfa2509c24c697",
                ),
                "tokenizer.json": (None, None),
                "tokenizer_config.json": (None, None),
            },
            (
                "tokenizer.model",
                "special_tokens_map.json",
                "added_tokens.json",
                "generation_config.json",
                "processor_config.json",
                "chat_template.json",
            ),
        ),
        sources=(HubSource("llava-hf/llava-1.5-7b-hf", "b234b804b114d9e37bb655e11cbbb5f5e971b7a9"),),
        licence="Llama 2 Community Licence",
        commercial=None,
        licence_url="https://huggingface.co/llava-hf/llava-1.5-7b-hf",
        inputs="RGB 336 x 336, 0 to 1, minus CLIP's mean and over its deviation, and a question",
        memory="about 16 GB in half precision, estimated from 7.1 billion parameters",
        size_mb=14_130,
        evidence="published",
        folder=True,
        note="the licence itself allows commercial use; part of the training data is for research alone",
    ),
)
