"""Models in folders: where they are, that they are what they should be, that they fit into memory; and loading them.

A model is a folder as `save_pretrained` of transformers writes it and the hub serves it. Nothing here downloads:
`scenesort weights fetch` does, when it is asked. No code that comes with a model is ever run.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
from functools import cache
from pathlib import Path
from typing import Any

from scenesort import weights
from scenesort.errors import MissingDependencyError, WeightsError
from scenesort.execution import available_mb
from scenesort.model_memory import needed_mb

_SAFETENSORS = "*.safetensors"
_PICKLE = "pytorch_model.bin"


def find_folder(model: str, member: str, expected_sha256: str = "", needs_config: bool = True) -> Path:
    """Return the folder of a model given by its name in the weights registry or by its folder's path.

    With `expected_sha256`, its fingerprint must be that; without `needs_config`, config.json may be missing. Raises
    WeightsError: unknown, not here, damaged, no model.
    """
    if model in weights.REGISTRY:
        folder = weights.locate(model)
    else:
        folder = Path(model).expanduser()
        if not folder.is_dir():
            known = ", ".join(name for name, entry in weights.REGISTRY.items() if entry.folder)
            raise WeightsError(
                f"{member}: model '{model}' is neither a folder nor a name of the weights registry; give the path of a "
                f"folder with config.json and model.safetensors, or one of: {known}"
            )
    if needs_config and not (folder / "config.json").is_file():
        raise WeightsError(
            f"{member}: folder {folder} holds no model: config.json is missing; give the folder that "
            "save_pretrained wrote or the hub serves"
        )
    if not state_files(folder):
        raise WeightsError(
            f"{member}: folder {folder} holds no weights: model.safetensors is missing; download the model again"
        )
    if expected_sha256 and (found := fingerprint_of(model, member)) != expected_sha256.lower():
        raise WeightsError(
            f"{member}: the model in {folder} is another one: its fingerprint is {found}, expected was "
            f"{expected_sha256.lower()}; give the right folder, or that fingerprint as model_sha256 if you trust it"
        )
    return folder


def check_given(member: str, model: str, sentence_model: str, expected_sha256: str = "") -> None:
    """Raise WeightsError where a folder given for a member is no model, or not the expected one."""
    for given, expected in ((model, expected_sha256), (sentence_model, "")):
        if given and given not in weights.REGISTRY:
            find_folder(given, member, expected)


def workers_that_fit(member: str, model: str, precision: str, device: str, workers: int) -> int:
    """Return how many of `workers` processes can hold a model each, at least one, as far as that can be told.

    A model is a folder or a name of the weights registry; for others, and on a GPU, which each worker asks itself, it
    is all of them.
    """
    if device.startswith("cuda") or not model:
        return workers
    folder = weights.locate(model) if model in weights.REGISTRY else Path(model).expanduser()
    free_mb = available_mb(device)
    if not folder.is_dir() or not state_files(folder) or free_mb is None:
        return workers
    used = "float32" if precision == "auto" else precision
    return max(1, min(workers, int(free_mb // needed_mb(num_parameters(folder), used))))


def fingerprint_of(model: str, member: str) -> str:
    """Return what identifies a model's bytes, for keys of artefacts: of a folder, all files' SHA-256 hashed again."""
    if model in weights.REGISTRY:
        return weights.fingerprint(model)
    folder = find_folder(model, member)
    paths = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    lines = [f"{_sha256(path, path.stat().st_size, path.stat().st_mtime_ns)}  {path.name}\n" for path in paths]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@cache
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    """The hash of a file, which takes long for a large model; size and time tell whether it is still the same."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def state_files(folder: Path) -> list[Path]:
    """Return the files of a model's tensors: safetensors, or the old pickle where there are none."""
    found = sorted(folder.glob(_SAFETENSORS))
    old = folder / _PICKLE
    return found or ([old] if old.is_file() else [])


def read_json(path: Path, member: str) -> dict[str, Any]:
    """Return a model's JSON file; raises WeightsError, naming it, when it can't be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{member}: {path} can't be read: {error}; download the model again") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{member}: {path} holds no JSON object; download the model again")
    return content


def model_type(folder: Path, allowed: tuple[str, ...], member: str) -> str:
    """Return the architecture that a folder's config.json names; raises WeightsError when it isn't an allowed one."""
    found = str(read_json(folder / "config.json", member).get("model_type", ""))
    if found not in allowed:
        raise WeightsError(
            f"{member}: the model in {folder} is of type '{found}', and {member} takes {' or '.join(allowed)}; "
            "give the folder of such a model"
        )
    return found


@cache
def num_parameters(folder: Path) -> int:
    """Return how many numbers a model's files hold, from the headers of safetensors; a pickle counts four bytes each.

    Raises WeightsError for a file that is cut short or no safetensors file.
    """
    total = 0
    for path in state_files(folder):
        if path.suffix != ".safetensors":
            total += path.stat().st_size // 4
            continue
        try:
            with path.open("rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                if length > path.stat().st_size:
                    raise ValueError("its header is longer than the file")
                header = json.loads(file.read(length))
            for name, tensor in header.items():
                if name != "__metadata__":
                    count = 1
                    for side in tensor["shape"]:
                        count *= side
                    total += count
        except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
            raise WeightsError(f"{path} is no whole safetensors file: {error}; download the model again") from error
    return total


def transformers_for(member: str) -> Any:
    """Import transformers, quiet; raises MissingDependencyError that says what to install."""
    try:
        import transformers
    except ImportError as error:
        raise MissingDependencyError(
            f"{member} needs the package transformers ({error}); install it with: pip install 'scenesort[models]'"
        ) from error
    library: Any = transformers
    library.utils.logging.set_verbosity_error()
    library.utils.logging.disable_progress_bar()
    return library


def load_model(model_class: Any, folder: Path, member: str, unused: tuple[str, ...] = (), **settings: Any) -> Any:
    """Load a transformers model from a folder, every tensor of it, in evaluation mode.

    Tensors whose names start with one of `unused` may be missing. Raises WeightsError when another is missing or has
    the wrong shape, so that no part stays random, and when files are damaged.
    """
    import safetensors
    import torch

    # Without safetensors there is a pickle, which transformers reads with weights_only, so that no code is run.
    settings["use_safetensors"] = state_files(folder)[0].suffix == ".safetensors"
    try:
        model, found = model_class.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, output_loading_info=True, **settings
        )
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{member}: {folder / _PICKLE} is damaged, or holds more than tensors and plain values: it might run code, "
            "and was not loaded; use a folder with model.safetensors"
        ) from error
    except (OSError, ValueError, RuntimeError, KeyError, safetensors.SafetensorError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise WeightsError(
                f"{member}: the GPU's memory is too small for {folder}; use a smaller model or the CPU"
            ) from error
        raise WeightsError(
            f"{member}: the model in {folder} can't be loaded: {error}; download it again, or give another folder"
        ) from error
    missing = {name for name in found["missing_keys"] if not name.startswith(unused)}
    wrong = sorted(missing | {str(key[0]) for key in found["mismatched_keys"]})
    if wrong:
        raise WeightsError(
            f"{member}: the model in {folder} lacks {len(wrong)} of its tensors, or they have other shapes "
            f"({', '.join(wrong[:3])}{', …' if len(wrong) > 3 else ''}); give the folder of a whole model"
        )
    return model.eval()
