"""What shows before a pose model is loaded: whether it can run here, its licence, and which bytes it is made of."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any

from scenesort import weights
from scenesort.errors import MissingDependencyError
from scenesort.mapping.pose_models.base import PoseModelOptions, load
from scenesort.mapping.pose_models.checkpoints import accepted_licence, find_checkpoint


def check(name: str, options: PoseModelOptions) -> str:
    """Return a sentence that names the licence of a model's weights; what would fail hours later fails here.

    Raises OptionError for a licence that wasn't accepted, MissingDependencyError with what to install, and WeightsError
    for a model that isn't here. Weights of the registry are looked for by `weights.require` (`needed_weights`).
    """
    member: Any = load(name)
    # The licence first: who can't accept it need install nothing.
    chosen = options.model or "".join(member.weights[:1])
    sentence = accepted_licence(member, chosen, options)
    if importlib.util.find_spec(member.package.partition(".")[0]) is None:
        raise MissingDependencyError(
            f"{name} needs the package {member.package}, which isn't installed; install it with: {member.install}"
        )
    _path(member, options)
    return sentence


def needed_weights(name: str, options: PoseModelOptions) -> tuple[str, ...]:
    """Return the names of the weights registry that a model loads with these options."""
    if options.model:
        return (options.model,) if options.model in weights.REGISTRY else ()
    return load(name).weights


def identity(name: str, options: PoseModelOptions) -> tuple[str, str, tuple[str, ...]]:
    """Return what a model's output depends on besides its options: its name, version and the bytes of its weights.

    Of a folder all files directly in it count, read once. Raises WeightsError where they are missing.
    """
    member = load(name)
    path = _path(member, options)
    if path is None:
        return name, member.version, tuple(weights.fingerprint(entry) for entry in needed_weights(name, options))
    files = sorted(item for item in path.iterdir() if item.is_file()) if path.is_dir() else [path]
    stated = [(item, item.stat()) for item in files]
    digests = (f"{_digest(item, stat.st_size, stat.st_mtime_ns)}  {item.name}\n" for item, stat in stated)
    return name, member.version, (hashlib.sha256("".join(digests).encode()).hexdigest(),)


def _path(member: Any, options: PoseModelOptions) -> Path | None:
    """The folder or file of a model that isn't the registry's."""
    if hasattr(member, "check_model"):
        found: Path = member.check_model(options.model)
        return found
    if not options.model or options.model in weights.REGISTRY:
        return None
    return find_checkpoint(member.name, options.model, ()).path


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    """The hash of a file, which takes long for a large model; size and time tell whether it is still the same."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
