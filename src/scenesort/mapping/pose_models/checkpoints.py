"""Checkpoints of pose models: their licence, where they are, and that a network takes all of one.

Nothing here downloads: `scenesort weights fetch` does, when it is asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenesort import weights
from scenesort.errors import OptionError, WeightsError
from scenesort.mapping.pose_models.base import PoseModel, PoseModelOptions
from scenesort.mapping.pose_models.loading import check_licence
from scenesort.weights import HubSource, UrlSource

_STATE_FILES = ("model.safetensors", "model.pt", "model.pth", "pytorch_model.bin")
_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model on this machine: `path` is its folder or file, `name` how it was named."""

    name: str
    path: Path

    @property
    def state_file(self) -> Path:
        """The file of its tensors. Raises WeightsError where a folder has none, or several to choose from."""
        if self.path.is_file():
            return self.path
        for name in _STATE_FILES:
            if (self.path / name).is_file():
                return self.path / name
        found = sorted(path for path in self.path.iterdir() if path.suffix in _SUFFIXES)
        if len(found) != 1:
            how_many = "no file of weights" if not found else f"{len(found)} files of weights"
            raise WeightsError(f"{self.path} holds {how_many}; give the path of the file, or download the model again")
        return found[0]

    def config(self) -> dict[str, Any]:
        """Return its config.json, empty where there is none. Raises WeightsError when it can't be read."""
        path = (self.path if self.path.is_dir() else self.path.parent) / "config.json"
        if not path.is_file():
            return {}
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise WeightsError(f"{path} can't be read: {error}; download the model again") from error
        if not isinstance(content, dict):
            raise WeightsError(f"{path} holds no JSON object; download the model again")
        return content


def licence_of(model: str, licence: str, commercial: bool) -> tuple[str, bool]:
    """Return a model's licence and whether it allows commercial use, by the weights registry where that has it.

    `licence` and `commercial` hold for all else.
    """
    name = _registry_name(model, tuple(weights.REGISTRY))
    if name is None:
        return licence, commercial
    entry = weights.REGISTRY[name]
    return entry.licence, entry.commercial is True


def accepted_licence(member: type[PoseModel] | PoseModel, model: str, options: PoseModelOptions) -> str:
    """Return a sentence that names the licence of a member's model; raises OptionError where it wasn't accepted."""
    licence, commercial = licence_of(model, member.licence, member.commercial)
    return check_licence(member.name, model, licence, commercial, options.accept_licence)


def find_checkpoint(member: str, model: str, known: Sequence[str]) -> Checkpoint:
    """Return the checkpoint that `model` names.

    That is a name of the weights registry, a path, a repository of the hub, or an address that the registry knows; the
    latter two must be on this machine already. `known`: what the registry has for this member. Raises OptionError for
    another member's model and WeightsError for what isn't here, with the command that brings it.
    """
    if name := _registry_name(model, known):
        return Checkpoint(name, weights.locate(name))
    if model in weights.REGISTRY:
        ours = f"one of {', '.join(known)}, or " if known else ""
        raise OptionError(f"{member}: '{model}' is another member's model; give {ours}a folder or file")
    path = Path(model).expanduser()
    if path.exists():
        return Checkpoint(model, path)
    if "://" in model:
        raise WeightsError(
            f"{member}: {model} is no address that the weights registry knows, and nothing is downloaded without your "
            f"asking; get it with: curl -LO {model} and give the file's path"
        )
    if _is_repository(model):
        if folder := weights.cached_repository(model):
            return Checkpoint(model, folder)
        raise WeightsError(
            f"{member}: model {model} is not in the hub's cache on this machine, and nothing is downloaded without "
            f"your asking; get it with: hf download {model}"
        )
    names = ", ".join(known) or "none"
    raise WeightsError(
        f"{member}: model '{model}' is no folder, no file and no name of the weights registry (it has: {names}); check "
        "the path"
    )


def _registry_name(model: str, known: Sequence[str]) -> str | None:
    for name in known:
        for source in weights.REGISTRY[name].sources:
            match source:
                case HubSource(repository=repository) if repository == model:
                    return name
                case UrlSource(url=url) if url == model:
                    return name
    return model if model in known else None


def _is_repository(model: str) -> bool:
    parts = model.split("/")
    return len(parts) == 2 and all(part and part not in {".", "..", "~"} for part in parts)


def fill(
    network: Any, state: Mapping[str, Any], checkpoint: Checkpoint, member: str, optional: Sequence[str] = ()
) -> None:
    """Give a network its tensors by name; more of them than it needs do no harm.

    Of names that share one tensor one is enough, as files of safetensors hold it once; names that end with one of
    `optional` may be missing. Raises WeightsError when another is missing or has the wrong shape, so that no part stays
    random.
    """
    own = network.state_dict(keep_vars=True)
    given = {name: state[name] for name in own if name in state}
    filled = {id(own[name]) for name in given}
    missing = [name for name in own if id(own[name]) not in filled and not name.endswith(tuple(optional))]
    wrong = [name for name, tensor in given.items() if tuple(getattr(tensor, "shape", ())) != tuple(own[name].shape)]
    if found := sorted([*missing, *wrong]):
        raise WeightsError(
            f"{member}: {checkpoint.path} is no checkpoint of this model: {len(found)} of its {len(own)} tensors are "
            f"missing or have other shapes ({', '.join(found[:3])}{', …' if len(found) > 3 else ''}); give another file"
        )
    network.load_state_dict(given, strict=False)
