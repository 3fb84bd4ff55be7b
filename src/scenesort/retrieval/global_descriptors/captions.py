"""Photos described in words by a vision-language model, and the words by a sentence model.

Captions see what a place is, not how its pixels look. They are kept, since they also name scenes for the reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from PIL import Image

from scenesort.errors import MissingDependencyError, OptionError, WeightsError
from scenesort.model_folders import (
    find_folder,
    load_model,
    num_parameters,
    read_json,
    transformers_for,
)
from scenesort.model_memory import check_memory
from scenesort.retrieval.global_descriptors.base import GlobalDescriptorOptions, unit
from scenesort.retrieval.global_descriptors.transformer import precision_on
from scenesort.types import Float32Array, ImageArray

SIDE_PX = 1024

_PLAIN_PROMPTS = {"llava": "USER: <image>\n{prompt} ASSISTANT:"}
"""Prompts of models whose folders bring no chat template, by type; other types get the words alone."""


@dataclass(frozen=True, slots=True)
class Caption:
    """What a model said of one photo: an answer to each prompt, in the prompts' order."""

    answers: tuple[str, ...]

    @property
    def text(self) -> str:
        """All answers in one line."""
        return " ".join(" ".join(answer.split()) for answer in self.answers if answer.strip())


class Captions:
    """LLaVA, BLIP or any other image-to-text model of transformers, and a sentence model for what it says.

    Answers are the likeliest words, never drawn at random. `sentence_model` must be given; without it `caption` is of
    use still, and `embed` raises. `precision` 4bit needs a GPU and the package bitsandbytes.
    """

    name: ClassVar[str] = "captions"
    version: ClassVar[str] = "1"
    weights: ClassVar[tuple[str, ...]] = ("llava-1.5",)
    sees: ClassVar[Literal["photo"]] = "photo"

    def __init__(self, options: GlobalDescriptorOptions, device: str) -> None:
        if options.pooling not in ("auto", "mean"):
            raise OptionError("captions pools the words' vectors by their mean: leave pooling at auto")
        transformers = transformers_for(self.name)
        # Imported here because the main process reads the class without ever running the model.
        import torch

        self._options = options
        self._device = torch.device(device)
        self._precision = precision_on(device, options.precision)
        model = options.model or self.weights[0]
        folder = find_folder(model, self.name, options.model_sha256)
        self._type = str(read_json(folder / "config.json", self.name).get("model_type", ""))
        check_memory(self.name, model, num_parameters(folder), self._precision, device)
        self._processor = _from_folder(transformers.AutoProcessor, folder, backend="pil")
        if self._precision == "4bit":
            settings = _in_4_bits(transformers, device)
            self._model = load_model(transformers.AutoModelForImageTextToText, folder, self.name, **settings)
        else:
            dtype = getattr(torch, self._precision)
            loaded = load_model(transformers.AutoModelForImageTextToText, folder, self.name, dtype=dtype)
            self._model = loaded.to(self._device)
        self._sentences = (
            _SentenceModel(transformers, options.sentence_model, device) if options.sentence_model else None
        )

    def describe(self, image: ImageArray) -> Float32Array:
        """Return the unit vector of an upright RGB image; see PhotoDescriptorMember."""
        return self.embed(self.caption(image))

    def caption(self, image: ImageArray) -> Caption:
        """Ask the prompts about an upright RGB image (height, width, 3) uint8."""
        picture = Image.fromarray(image)
        side_px = self._options.side_px or SIDE_PX
        picture.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
        return Caption(tuple(self._answer(picture, prompt) for prompt in self._options.prompts))

    def embed(self, caption: Caption) -> Float32Array:
        """Return the (d,) float32 unit vector of a caption; zeros for one without words. Raises OptionError."""
        if self._sentences is None:
            raise OptionError(
                "captions needs a sentence model to compare texts: set sentence_model to a folder, of "
                "sentence-transformers/all-MiniLM-L6-v2 for example"
            )
        return self._sentences.embed(caption.text)

    def _answer(self, picture: Image.Image, prompt: str) -> str:
        import torch

        inputs = self._processor(images=picture, text=self._worded(prompt), return_tensors="pt").to(self._device)
        if "pixel_values" in inputs:
            inputs["pixel_values"] = inputs["pixel_values"].to(self._model.dtype)
        with torch.inference_mode():
            produced = self._model.generate(**inputs, do_sample=False, max_new_tokens=self._options.max_new_tokens)[0]
        asked = inputs["input_ids"][0]
        if len(produced) >= len(asked) and bool((produced[: len(asked)] == asked).all()):
            produced = produced[len(asked) :]
        answer = str(self._processor.decode(produced, skip_special_tokens=True)).strip()
        return answer.removeprefix(prompt).strip()

    def _worded(self, prompt: str) -> str:
        if getattr(self._processor, "chat_template", None):
            content = [{"type": "image"}, {"type": "text", "text": prompt}]
            chat = [{"role": "user", "content": content}]
            return str(self._processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=False))
        return _PLAIN_PROMPTS.get(self._type, "{prompt}").replace("{prompt}", prompt)


class _SentenceModel:
    """The mean of a text model's last vectors over its tokens, as in Sentence-BERT (Reimers and Gurevych, 2019)."""

    def __init__(self, transformers: Any, model: str, device: str) -> None:
        import torch

        member = "captions' sentence_model"
        folder = find_folder(model, member)
        check_memory(member, model, num_parameters(folder), "float32", device)
        self._tokenizer = _from_folder(transformers.AutoTokenizer, folder)
        # A pooling head is no part of sentence models' files, and isn't used.
        loaded = load_model(transformers.AutoModel, folder, member, dtype=torch.float32, unused=("pooler.",))
        self._model = loaded.to(torch.device(device))
        self._device = torch.device(device)
        limit = getattr(self._model.config, "max_position_embeddings", 512)
        self._max_tokens = min(512, int(limit))

    def embed(self, text: str) -> Float32Array:
        import torch

        if not text:
            return np.zeros(int(self._model.config.hidden_size), dtype=np.float32)
        tokens = self._tokenizer(text, return_tensors="pt", truncation=True, max_length=self._max_tokens)
        with torch.inference_mode():
            found = self._model(**tokens.to(self._device)).last_hidden_state[0]
        return unit(found.mean(dim=0).float().cpu().numpy())


def _from_folder(kind: Any, folder: Any, **settings: Any) -> Any:
    """Load a processor or tokenizer from a folder; raises WeightsError."""
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **settings)
    except ImportError as error:
        raise MissingDependencyError(
            f"captions: the model in {folder} needs a package that isn't installed: {error}; install it, or give "
            "another model"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"captions: the tokenizer or processor in {folder} can't be loaded: {error}; download the model again"
        ) from error


def _in_4_bits(transformers: Any, device: str) -> dict[str, Any]:
    """Settings of a 4-bit load: NF4 (Dettmers et al., NeurIPS 2023), computing in bfloat16."""
    import importlib.util

    import torch

    if not device.startswith("cuda"):
        raise OptionError(f"captions: precision 4bit needs a CUDA GPU, and the device is {device}; use bfloat16")
    lacking = [name for name in ("bitsandbytes", "accelerate") if importlib.util.find_spec(name) is None]
    if lacking:
        raise MissingDependencyError(
            f"captions: precision 4bit needs {' and '.join(lacking)}; install with: pip install {' '.join(lacking)}, "
            "or set precision to bfloat16"
        )
    quantised = transformers.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )
    return {"quantization_config": quantised, "device_map": {"": device}}
